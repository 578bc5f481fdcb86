"""Whether the arms lie beside the trunk, seen in the CT."""

from typing import Literal

import numpy as np
from scipy import ndimage

from vct.autopet.body import disc
from vct.grid import Grid

Arms = Literal["up", "down", "unknown"]

# Below the lung top [mm]: elbow and forearm of an arm that lies beside the trunk, the
# trunk between chest and hips of one whose arms are raised.
LEVELS_MM = (100.0, 350.0)
_ERODED_MM = 12.0  # parts an arm from the trunk it touches; leaves a wrist
_LEAST_CM2 = 2.0  # of what is left of a forearm
_LEAST_SHARE = 0.4  # of the slices
_LEAST_SEEN_MM = 100.0
_BESIDE = 0.8  # of the trunk's half width


def arms(body: np.ndarray, grid: Grid, lung_top_mm: float, covered: np.ndarray) -> Arms:
    """Arms of a person, by what lies beside the trunk at the height of the abdomen.

    In every slice the body is eroded by 12 mm. A part beside the largest, farther out
    than most of its half width, is an arm. Down is said if such parts are in 40 % of
    the slices, unknown if under 100 mm are seen, or the CT's edge cuts the body there.

    Parameters
    ----------
    body
        bool, k j i, of ``body_mask``.
    grid
        Isotropic, about 4 mm.
    covered
        bool, (j, i), what the CT covers in plane.
    """
    below = lung_top_mm - grid.centers_mm(0)
    levels = (below >= LEVELS_MM[0]) & (below <= LEVELS_MM[1])
    seen = body[levels & body.any(axis=(1, 2))]
    if len(seen) * grid.spacing_mm[0] < _LEAST_SEEN_MM:
        return "unknown"
    small = disc(_ERODED_MM, grid)
    eroded = ndimage.binary_erosion(seen, small)
    beside = np.mean([_has_arm(image, grid) for image in eroded])
    if beside >= _LEAST_SHARE:
        return "down"
    edge = covered & ~ndimage.binary_erosion(covered)
    cut = (seen & edge).any(axis=(1, 2)).mean()
    return "unknown" if cut >= _LEAST_SHARE else "up"


def _has_arm(eroded: np.ndarray, grid: Grid) -> bool:
    labels, count = ndimage.label(eroded)
    if count < 2:
        return False
    pixel_cm2 = grid.spacing_mm[1] * grid.spacing_mm[2] / 100.0
    area_cm2 = np.bincount(labels.ravel())[1:] * pixel_cm2
    trunk = int(area_cm2.argmax())
    columns = np.flatnonzero((labels == trunk + 1).any(axis=0))
    middle, half = columns.mean(), (columns[-1] - columns[0]) / 2
    others = [n for n in np.flatnonzero(area_cm2 >= _LEAST_CM2) if n != trunk]
    return any(
        abs(np.nonzero(labels == n + 1)[1].mean() - middle) > _BESIDE * half
        for n in others
    )
