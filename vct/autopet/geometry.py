"""Positions and orientations of slices → a grid, and how to turn the arrays."""

from dataclasses import dataclass

import numpy as np

from vct.autopet.refusal import ScanError
from vct.grid import Grid

_DIRECTION_TOLERANCE = 1e-3  # cosine; 1 mm over a meter
_STEP_TOLERANCE = 0.02  # of the slice distance
_SHIFT_TOLERANCE = 0.05  # of the pixel, between slices in plane


@dataclass(frozen=True)
class Placement:
    """Where the slices of a series lie.

    Attributes
    ----------
    order
        Indices of the slices, inferior first.
    grid
        Axis-aligned, LPS.
    flip_rows, flip_columns
        Whether rows or columns run against the frame (prone, or head last).
    """

    order: tuple[int, ...]
    grid: Grid
    flip_rows: bool
    flip_columns: bool

    def turned(self, image: np.ndarray) -> np.ndarray:
        """One slice in the grid's order of rows and columns."""
        rows = slice(None, None, -1 if self.flip_rows else 1)
        columns = slice(None, None, -1 if self.flip_columns else 1)
        return image[rows, columns]


def place_slices(
    positions_mm: np.ndarray,
    orientation: tuple[float, ...],
    rows_columns: tuple[int, int],
    pixel_spacing_mm: tuple[float, float],
    thickness_mm: float | None,
) -> Placement:
    """Grid of axial slices.

    Parameters
    ----------
    positions_mm
        Image Position (Patient) of each slice, shape (n, 3), x y z.
    orientation
        Image Orientation (Patient), the same for all.
    thickness_mm
        Slice distance of a single slice.

    Raises
    ------
    ScanError
        If slices are not axial, lie at one place, or not at equal distances.
    """
    along_row, along_column = np.array(orientation).reshape(2, 3)
    right = _sign(along_row, axis=0)
    down = _sign(along_column, axis=1)
    if not right or not down:
        shown = ", ".join(f"{cosine:g}" for cosine in orientation)
        raise ScanError(f"slices are not axial: Image Orientation is {shown}")
    order = np.argsort(positions_mm[:, 2], kind="stable")
    placed = positions_mm[order]
    dz = _slice_distance(placed[:, 2], thickness_mm)
    dy, dx = pixel_spacing_mm
    if not (dy > 0 and dx > 0):
        raise ScanError(f"Pixel Spacing is {dy:g}, {dx:g} mm")
    shifts = np.abs(placed[:, :2] - placed[0, :2]).max()
    if shifts > _SHIFT_TOLERANCE * min(dx, dy):
        raise ScanError(
            f"slices are shifted in plane by {shifts:g} mm: a tilted gantry?"
        )
    rows, columns = rows_columns
    x, y, z = placed[0]
    low_x = x if right > 0 else x - (columns - 1) * dx
    low_y = y if down > 0 else y - (rows - 1) * dy
    grid = Grid(
        (len(order), rows, columns),
        (float(dz), float(dy), float(dx)),
        (float(z), float(low_y), float(low_x)),
    )
    return Placement(tuple(int(k) for k in order), grid, down < 0, right < 0)


def _sign(direction: np.ndarray, axis: int) -> int:
    """+1 or −1 if a direction runs along an axis, else 0."""
    along = np.zeros(3)
    along[axis] = 1.0
    for sign in (1, -1):
        if np.allclose(direction, sign * along, atol=_DIRECTION_TOLERANCE):
            return sign
    return 0


def _slice_distance(heights_mm: np.ndarray, thickness_mm: float | None) -> float:
    if len(heights_mm) == 1:
        if not thickness_mm or thickness_mm <= 0:
            raise ScanError("a single slice without Slice Thickness")
        return thickness_mm
    steps = np.diff(heights_mm)
    dz = float(np.median(steps))
    same = np.flatnonzero(steps <= _STEP_TOLERANCE * dz)
    if dz <= 0 or same.size:
        z = heights_mm[int(same[0])] if same.size else heights_mm[0]
        raise ScanError(
            f"two slices lie at z = {z:g} mm: copies, or a dynamic or gated series"
        )
    wrong = np.flatnonzero(np.abs(steps - dz) > _STEP_TOLERANCE * dz)
    if wrong.size:
        k = int(wrong[0])
        raise ScanError(
            f"slices are not at equal distances: above z = {heights_mm[k]:g} mm the "
            f"next is {steps[k]:g} mm away, not {dz:g} mm"
        )
    # Equal up to rounding: the mean over the length is the better distance.
    return float((heights_mm[-1] - heights_mm[0]) / (len(heights_mm) - 1))
