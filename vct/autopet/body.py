"""The person in a CT, apart from table, mattress and blankets.

On a grid of about 4 mm, where this needs a second or two.
"""

import numpy as np
from scipy import ndimage

from vct.grid import Grid
from vct.volume import Volume

WORKING_MM = 4.0
TISSUE_HU = -500.0  # half-way from air to soft tissue: the edge of the skin
_OPENED_MM = 8.0  # radius; a table's shells are thinner than twice that, no limb is
_LEAST_PART_ML = 100.0  # a forearm has more
_LEAST_PART_HU = -200.0  # fat is -100; foam, cloth and hollow plastics lie below
_MARGIN_MM = 4.0  # around the skin that keeps its values: its blurred edge


def working_grid(source: Grid) -> Grid:
    """Grid of ``WORKING_MM`` over all of a source grid."""
    shape, origin = [], []
    for n, spacing, first in zip(
        source.shape, source.spacing_mm, source.origin_mm, strict=True
    ):
        count = max(1, int(n * spacing / WORKING_MM))
        middle = first + (n - 1) * spacing / 2
        shape.append(count)
        origin.append(middle - (count - 1) * WORKING_MM / 2)
    return Grid(
        (shape[0], shape[1], shape[2]),
        (WORKING_MM,) * 3,
        (origin[0], origin[1], origin[2]),
    )


def body_mask(ct_hu: np.ndarray, grid: Grid) -> np.ndarray:
    """Voxels of the person, lungs and gas within included.

    Tissue above -500 HU is opened by 8 mm, which leaves nothing of a table's shells; of
    what is left the largest part is the trunk, and every other part (an arm that leaves
    the field and returns) of 100 mL or more that is dense as tissue and does not lie
    behind the back is kept. What the opening took from their surface (fingers, ears)
    is given back, and holes are filled slice by slice.

    Parameters
    ----------
    ct_hu
        k j i [HU].
    grid
        Isotropic, about 4 mm.

    Returns
    -------
    ndarray
        bool, k j i; all False if there is no tissue.
    """
    tissue = ct_hu > TISSUE_HU
    ball = _ball(_OPENED_MM / grid.spacing_mm[0])
    parts = _parts(ndimage.binary_opening(tissue, ball), ct_hu, grid)
    kept = ndimage.binary_dilation(parts, ball) & tissue
    for k in np.flatnonzero(kept.any(axis=(1, 2))):
        kept[k] = ndimage.binary_fill_holes(kept[k])
    return np.asarray(kept)


def with_margin(body: np.ndarray, grid: Grid) -> Volume:
    """The body and the blurred edge of its skin, to the ends of the scan and beyond.

    A working grid ends up to half a voxel before its scan does: its outermost voxels
    are repeated.
    """
    ball = _ball(_MARGIN_MM / grid.spacing_mm[0])
    mask = np.pad(ndimage.binary_dilation(body, ball), 1, mode="edge")
    (z, y, x), (dz, dy, dx) = grid.origin_mm, grid.spacing_mm
    padded = Grid(mask.shape, grid.spacing_mm, (z - dz, y - dy, x - dx))
    return Volume(mask, padded, "label")


def disc(radius_mm: float, grid: Grid) -> np.ndarray:
    """A disc in plane, for morphology slice by slice; shape (1, n, n)."""
    n = int(radius_mm / grid.spacing_mm[1])
    steps = np.arange(-n, n + 1) * grid.spacing_mm[1]
    return (np.hypot(steps[:, None], steps) <= radius_mm + 1e-6)[None]


def _parts(opened: np.ndarray, ct_hu: np.ndarray, grid: Grid) -> np.ndarray:
    labels, count = ndimage.label(opened)
    if count == 0:
        return np.zeros_like(opened)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    trunk = int(sizes.argmax())
    boxes = ndimage.find_objects(labels)
    back = boxes[trunk - 1][1].stop
    kept = np.zeros(count + 1, bool)
    for label in np.flatnonzero(sizes * grid.voxel_ml >= _LEAST_PART_ML):
        box = boxes[label - 1]
        here = labels[box] == label
        middle = box[1].start + ndimage.center_of_mass(here)[1]
        dense = float(ct_hu[box][here].mean()) > _LEAST_PART_HU
        kept[label] = label == trunk or (dense and middle < back)
    return kept[labels]


def _ball(radius: float) -> np.ndarray:
    n = max(1, int(radius))
    steps = np.arange(-n, n + 1)
    square = steps[:, None, None] ** 2 + steps[:, None] ** 2 + steps**2
    return np.asarray(square <= max(1.0, radius) ** 2 + 1e-6)
