"""Organ masks given as files, brought onto the grid of a prepared study."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vct.autopet.layouts import NIFTI_ENDINGS
from vct.autopet.nifti import nifti_image
from vct.autopet.refusal import ScanError
from vct.grid import Grid
from vct.volume import Volume


def find_mask(folder: Path, name: str) -> Path:
    """The label image of a study.

    Raises
    ------
    ScanError
        If there is none.
    """
    for ending in NIFTI_ENDINGS:
        path = folder / f"{name}{ending}"
        if path.is_file():
            return path
    raise ScanError(f"{folder} holds no {name}.nii.gz")


def read_mask(path: Path) -> Volume:
    """A label image: numbers as in the file, float32, k j i, LPS.

    Raises
    ------
    ScanError
        If it is no whole, axis-aligned NIfTI volume.
    """
    return nifti_image(path, "label").read()


def on_grid(
    mask: Volume, grid: Grid, shift_mm: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the nearest voxels, and where the image has any.

    Nearest, since a mean of labels is no label; volumes stay right on average.

    Parameters
    ----------
    mask
        On any axis-aligned grid in the frame of the scan.
    grid
        Of the prepared study.
    shift_mm
        What is added to a point of the scan's frame to place it in the grid's, z y x.
        Not used where the mask already lies on ``grid``.

    Returns
    -------
    tuple
        Numbers, and bool, both of the grid's shape.
    """
    if _same(mask.grid, grid):
        return mask.voxels, np.ones(grid.shape, bool)
    indices, covered = [], []
    for axis in range(3):
        wanted_mm = grid.centers_mm(axis) - shift_mm[axis]
        steps = (wanted_mm - mask.grid.origin_mm[axis]) / mask.grid.spacing_mm[axis]
        nearest = np.rint(steps).astype(int)
        covered.append((nearest >= 0) & (nearest < mask.grid.shape[axis]))
        indices.append(nearest.clip(0, mask.grid.shape[axis] - 1))
    inside = covered[0][:, None, None] & covered[1][:, None] & covered[2]
    return mask.voxels[np.ix_(*indices)] * inside, inside


def _same(one: Grid, other: Grid) -> bool:
    return one.shape == other.shape and np.allclose(
        (one.spacing_mm, one.origin_mm), (other.spacing_mm, other.origin_mm), atol=1e-3
    )
