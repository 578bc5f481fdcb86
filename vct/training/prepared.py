"""Studies of patients, as a prepared folder holds them, in the words of training."""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from vct.autopet.prepared import HELD_OUT, TRAINING, PreparedFolder
from vct.cascade.condition import condition_vector
from vct.cascade.encode import encode
from vct.errors import SpecError
from vct.training.config import PreparedData

Window = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Patient:
    """Demographics of a study; height and BMI are NaN where unknown."""

    age_years: float
    sex: str
    height_m: float
    bmi_kg_m2: float


class PreparedCache:
    """Prepared studies, training ones first; encoded on ``device`` as they are read.

    Parameters
    ----------
    data
        Folder, window and threads.
    device
        Where volumes are encoded.
    aside
        Part of the split that stands as ``held_out``: whom a model is compared with,
        or whom it is calibrated on.

    Raises
    ------
    VctError
        If the folder is not a prepared one.
    SpecError
        If it holds no training study, a study lacks age or sex, or the window does not
        fit its grid.
    """

    def __init__(
        self, data: PreparedData, *, device: str, aside: str = HELD_OUT
    ) -> None:
        self.data, self.device, self.aside = data, device, aside
        self.folder = PreparedFolder(data.prepared)
        whole = self.folder.grid
        self._window = _window(data, self.folder)
        self.grid = whole.within(self._window)
        index = self.folder.index
        self.training_rows = index[index["split"] == TRAINING]
        self.held_out_rows = index[index["split"] == aside]
        if self.training_rows.empty:
            raise SpecError(
                f"{data.prepared}: no study is for training; prepare more studies, or "
                "with a smaller held-out share"
            )
        self._rows = pd.concat(
            [self.training_rows, self.held_out_rows], ignore_index=True
        )
        _check_people(self._rows, data)
        count = len(self.training_rows)
        self.training = range(count)
        self.held_out = range(count, len(self._rows))

    def training_studies(self) -> dict[str, str]:
        """Names of the training studies, each with a digest of what is learned of it.

        That is its patient, age, sex, height, BMI and weight, and the voxel size.
        """
        rows = self.training_rows
        return {str(row["name"]): self._digest(row) for _, row in rows.iterrows()}

    def _digest(self, row: "pd.Series[Any]") -> str:
        who = [str(row[name]) for name in ("subject_key", "sex")]
        numbers = [self.grid.spacing_mm[0], *(_number(row[name]) for name in _NUMBERS)]
        told = json.dumps([*who, *(f"{value:.6g}" for value in numbers)])
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def condition(self, indices: range) -> Tensor:
        """Condition vectors, (n, 6)."""
        return condition_vector([_patient(self._rows.iloc[n]) for n in indices])

    def encoded(self, index: int) -> Tensor:
        """Encoded volume, float32, (2, k, j, i); air where the scan covers nothing."""
        return self.slab(index, 0, self.grid.shape[0])

    def slab(self, index: int, first: int, last: int) -> Tensor:
        """Slices ``first`` to before ``last`` of ``encoded``; others are not read."""
        k, j, i = self._window
        part = slice(k.start + first, k.start + last), j, i
        ct, suv, _ = self.folder.volumes(self._name(index))
        return encode(*(self._on_device(volume[part]) for volume in (ct, suv)))

    def coverage(self, index: int) -> Tensor:
        """Where CT and PET both cover, bool, (k, j, i)."""
        coverage = self.folder.volumes(self._name(index))[2]
        return torch.from_numpy(np.array(coverage[self._window])).to(self.device)

    def volumes(self, indices: range) -> Iterator[Tensor]:
        """Encoded volumes one after another."""
        for index in indices:
            yield self.encoded(index)

    def subjects_per_slice(self) -> list[int]:
        """Training studies that cover each slice of the grid."""
        low, high = (
            self.training_rows[name].to_numpy()[:, None] - self._window[0].start
            for name in ("covered_low_k", "covered_high_k")
        )
        k = np.arange(self.grid.shape[0])
        return ((low <= k) & (k < high)).sum(axis=0).tolist()

    def _name(self, index: int) -> str:
        return str(self._rows["name"].iloc[index])

    def _on_device(self, volume: np.ndarray) -> Tensor:
        return torch.from_numpy(np.array(volume)).to(self.device).float()


_NUMBERS = ("age_years", "height_m", "bmi_kg_m2", "weight_kg")


def _window(data: PreparedData, folder: PreparedFolder) -> Window:
    if data.window_mm is None:
        k, j, i = (slice(0, n) for n in folder.grid.shape)
        return k, j, i
    try:
        return folder.grid.window(data.window_mm)
    except ValueError as error:
        raise SpecError(f"data.window_mm: {error}") from None


def _check_people(rows: pd.DataFrame, data: PreparedData) -> None:
    wrong = rows[rows["age_years"].isna() | ~rows["sex"].isin(["F", "M"])]
    if not wrong.empty:
        names = ", ".join(wrong["name"].astype(str).head(3))
        raise SpecError(
            f"{data.prepared}: {len(wrong)} studies lack age or sex ({names} ...); "
            "prepare them with --demographics, or without them"
        )


def _patient(row: "pd.Series[Any]") -> Patient:
    return Patient(
        float(row["age_years"]),
        str(row["sex"]),
        _number(row["height_m"]),
        _number(row["bmi_kg_m2"]),
    )


def _number(value: Any) -> float:
    return math.nan if pd.isna(value) else float(value)
