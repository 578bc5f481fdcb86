"""A prepared folder: studies of patients on the model's grid, as memory maps."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vct.errors import VctError
from vct.grid import Grid

SCHEMA = 1


class PreparedFolder:
    """What ``vct autopet prepare`` wrote.

    Raises
    ------
    VctError
        If the folder is not one, or of another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.about: dict[str, Any] = json.loads(
                (path / "prepared.json").read_text("utf-8")
            )
        except (OSError, json.JSONDecodeError):
            raise VctError(
                f"{path}: no readable prepared.json, so no prepared folder; make one "
                f"with 'vct autopet prepare SRC {path}'"
            ) from None
        if self.about.get("schema") != SCHEMA:
            raise VctError(
                f"{path}: prepared by another vct (schema {self.about.get('schema')}, "
                f"this one reads {SCHEMA}); run 'vct autopet prepare' again"
            )

    @cached_property
    def grid(self) -> Grid:
        """Voxel grid of every study."""
        spacing = float(self.about["spacing_mm"])
        k, j, i = self.about["shape"]
        z, y, x = self.about["origin_mm"]
        return Grid((k, j, i), (spacing, spacing, spacing), (z, y, x))

    @cached_property
    def index(self) -> pd.DataFrame:
        """One row a study, in the order of the file."""
        try:
            return pd.read_parquet(self.path / "index.parquet")
        except OSError as error:
            raise VctError(
                f"{self.path}: index.parquet cannot be read ({error}); run 'vct "
                "autopet prepare' again"
            ) from None

    def volumes(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """CT [HU] int16, SUV [g/mL] float16, coverage bool, each (k, j, i), mapped."""
        folder = self.path / "studies" / name
        try:
            ct, suv, coverage = (
                np.load(folder / f"{part}.npy", mmap_mode="r")
                for part in ("ct_hu", "suv", "coverage")
            )
        except (OSError, ValueError) as error:
            raise VctError(
                f"{folder}: {error}; remove the folder and run 'vct autopet prepare' "
                "again"
            ) from None
        return ct, suv, coverage
