"""Which part of the body a CT shows: where its values are padding, not air.

A CT is reconstructed within a circle, often narrower than the PET; around it stands
padding: the value its header names, or one below -1024 HU (-2000, -3024 ...), or plain
-1024. CTs resampled to the PET hold -1024 wherever the CT did not reach. Air within the
circle is noisy: in one of hundreds of slices it rises above -1024, padding never does.
"""

from dataclasses import dataclass

import numpy as np

from vct.autopet.dicom_series import LOWEST_HU
from vct.autopet.refusal import ScanError
from vct.autopet.resample import Resampler

_ROUND = (0.9, 1.1)  # radius over half the width, of a circle that fills its square
_SQUARE = 0.05  # of the width
_WHOLE = 0.999


@dataclass(frozen=True)
class CtCoverage:
    """What a CT covers.

    Attributes
    ----------
    slices
        bool, (k,).
    plane
        bool, (j, i), alike in all slices.
    """

    slices: np.ndarray
    plane: np.ndarray

    def on(self, resampler: Resampler) -> np.ndarray:
        """Target voxels that the CT covers wholly, bool, k j i."""
        along_k = np.asarray(resampler.weights[0] @ self.slices.astype(np.float32))
        plane = resampler.in_plane(self.plane)
        covered: np.ndarray = (along_k >= _WHOLE)[:, None, None] & (plane >= _WHOLE)
        return covered


def ct_coverage(ct_hu: np.ndarray, *, on_pet_grid: bool) -> CtCoverage:
    """Where a CT holds values.

    Parameters
    ----------
    ct_hu
        k j i [HU], read with padding kept: below -1024 is padding.
    on_pet_grid
        Whether the CT was resampled to the PET: -1024 around it is where it ends.

    Raises
    ------
    ScanError
        If it holds none.
    """
    highest = ct_hu.max(axis=0)
    told = highest > LOWEST_HU
    slices = np.array([image.max() > LOWEST_HU for image in ct_hu])
    if not told.any():
        raise ScanError("the CT holds nothing but air")
    plane = highest >= LOWEST_HU
    box = _box(told) if on_pet_grid else tuple(slice(0, n) for n in told.shape)
    inside = np.zeros_like(plane)
    inside[box] = _circle(told[box])
    return CtCoverage(slices, plane & inside)


def pet_coverage(resampler: Resampler) -> np.ndarray:
    """Target voxels that the PET's grid covers wholly, bool, k j i."""
    k, j, i = resampler.covered()
    covered: np.ndarray = k[:, None, None] & j[:, None] & i
    return covered


def _box(told: np.ndarray) -> tuple[slice, ...]:
    """Smallest box around all that is told."""
    sides = [np.flatnonzero(told.any(axis=1 - axis)) for axis in range(2)]
    return tuple(slice(int(side[0]), int(side[-1]) + 1) for side in sides)


def _circle(told: np.ndarray) -> np.ndarray:
    """The circle that fills the square, if nothing is told beyond it; else all."""
    rows, columns = told.shape
    if abs(rows - columns) > _SQUARE * columns:
        return np.ones_like(told)
    y, x = np.ogrid[:rows, :columns]
    radius = np.hypot(y - (rows - 1) / 2, x - (columns - 1) / 2)
    farthest = float(radius[told].max())
    low, high = (factor * (columns - 1) / 2 for factor in _ROUND)
    if not low <= farthest <= high:
        return np.ones_like(told)
    circle: np.ndarray = radius <= farthest
    return circle
