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


@dataclass(frozen=True)
class StoredImages:
    """What leaves the device for one subject: integers, ready for DICOM.

    Attributes
    ----------
    grid
        Shared by CT and PET.
    ct_stored
        uint16, k j i; 0..4095 is -1024..3071 HU.
    pet_stored
        uint16, k j i; 0..32767.
    pet_suv_per_step
        float64, (k,); SUV [g/mL] of one stored step in each slice, positive.
    labels
        uint8, k j i; ``vct.anatomy`` labels of the bundled segmenter, or None.
    pet_clipped_voxels
        Voxels whose SUV passed the end of the PET encoding.
    """

    grid: Grid
    ct_stored: np.ndarray
    pet_stored: np.ndarray
    pet_suv_per_step: np.ndarray
    labels: np.ndarray | None
    pet_clipped_voxels: int

    CT_OFFSET_HU = -1024

    def ct_hu(self) -> np.ndarray:
        """CT numbers [HU], int16, k j i."""
        return self.ct_stored.astype(np.int16) + np.int16(self.CT_OFFSET_HU)

    def suv(self) -> np.ndarray:
        """Body-weight SUV [g/mL], float32, k j i."""
        step = self.pet_suv_per_step[:, None, None]
        return (self.pet_stored * step).astype(np.float32)
