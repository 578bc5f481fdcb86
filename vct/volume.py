"""An array on a grid, with the quantity it holds."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from vct.grid import Grid

Quantity = Literal["HU", "SUV", "label"]


@dataclass(frozen=True)
class Volume:
    """Voxels in index order k j i, in HU, body-weight SUV [g/mL] or organ labels."""

    voxels: np.ndarray
    grid: Grid
    quantity: Quantity

    def __post_init__(self) -> None:
        if self.voxels.shape != self.grid.shape:
            raise ValueError(
                f"voxels of shape {self.voxels.shape} on a grid of {self.grid.shape}"
            )
