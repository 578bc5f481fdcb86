"""Where a person lies in a scan: the lung top, and the middle of the body under it."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from vct.autopet.body import disc
from vct.autopet.refusal import ScanError
from vct.grid import Grid

LUNG_HU = (-930.0, -350.0)  # air and foam lie below, a voxel cut by the skin above
OPENED_MM = 10.0
LUNG_TOP_CM2 = 5.0
CENTROID_MM = 300.0
_LEAST_LUNG_ML = 300.0
_LEAST_BODY_MM = 150.0


@dataclass(frozen=True)
class Alignment:
    """What goes to z = 0 and x = y = 0 of the whole-body grid, in the scan [mm].

    Attributes
    ----------
    lung_top_mm
        Height at which the lungs, from above, reach 5 cm².
    y_mm, x_mm
        Centroid of the body over the 300 mm below.
    """

    lung_top_mm: float
    y_mm: float
    x_mm: float

    def in_scan(self, grid: Grid) -> Grid:
        """A whole-body grid, where it lies in the scan."""
        z, y, x = grid.origin_mm
        origin = (z + self.lung_top_mm, y + self.y_mm, x + self.x_mm)
        return Grid(grid.shape, grid.spacing_mm, origin)


def align(
    ct_hu: np.ndarray, body: np.ndarray, grid: Grid, slices: np.ndarray
) -> Alignment:
    """Find the lung top and the middle of the body.

    Parameters
    ----------
    ct_hu
        k j i [HU].
    body
        bool, of ``body_mask``.
    grid
        Isotropic, about 4 mm.
    slices
        bool, (k,), covered by the CT.

    Raises
    ------
    ScanError
        If there are no lungs, the scan begins within them, or ends soon below.
    """
    area_cm2 = lung_area_cm2(ct_hu, body, grid)
    enough = np.flatnonzero(area_cm2 > LUNG_TOP_CM2)
    if not enough.size:
        raise ScanError(
            f"not aligned: no lungs of {_LEAST_LUNG_ML:g} mL are seen in the body"
        )
    k, top = int(enough[-1]), int(np.flatnonzero(slices)[-1])
    if k >= top:
        raise ScanError("not aligned: the CT begins within the lungs, below their top")
    z = grid.centers_mm(0)
    over = (area_cm2[k] - LUNG_TOP_CM2) / (area_cm2[k] - area_cm2[k + 1])
    lung_top = float(z[k] + over * grid.spacing_mm[0])
    below = body & ((z <= lung_top) & (z > lung_top - CENTROID_MM))[:, None, None]
    length = float(below.any(axis=(1, 2)).sum()) * grid.spacing_mm[0]
    if length < _LEAST_BODY_MM:
        raise ScanError(
            f"not aligned: the CT shows only {length:.0f} mm of the body below the "
            "lung top"
        )
    area = below.sum(axis=0)
    y = float((area.sum(axis=1) * grid.centers_mm(1)).sum() / area.sum())
    x = float((area.sum(axis=0) * grid.centers_mm(2)).sum() / area.sum())
    return Alignment(lung_top, y, x)


def lung_area_cm2(ct_hu: np.ndarray, body: np.ndarray, grid: Grid) -> np.ndarray:
    """Area of lung in each slice, after opening by 10 mm: airways vanish, (k,)."""
    lung = body & (ct_hu > LUNG_HU[0]) & (ct_hu < LUNG_HU[1])
    lung = ndimage.binary_opening(lung, disc(OPENED_MM, grid))
    labels, count = ndimage.label(lung)
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * grid.voxel_ml
    sizes[0] = 0.0
    voxels = (sizes >= _LEAST_LUNG_ML)[labels].sum(axis=(1, 2))
    pixel_cm2 = grid.spacing_mm[1] * grid.spacing_mm[2] / 100.0
    return np.asarray(voxels * pixel_cm2)
