"""Volumes, SUVs and HUs of organs, computed on the device that made the images.

One table of numbers a subject, float64, rows as ``measured`` and columns as
``COLUMNS``: it travels to the host with the images, in the same copy.
"""

import math
from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional as F

from vct.anatomy import CURRENT_LIST, OrganList
from vct.grid import Grid

# All but the last are sums over the voxels of an organ; edge voxels are those on the
# faces of the field; doubt is that of ``vct.segment.network.Segmentation``.
COLUMNS = (
    "voxels", "suv_sum", "suv_square_sum", "hu_sum", "hu_square_sum",
    "density_g_ml_sum", "edge_voxels", "doubt_voxels", "suv_max",
)  # fmt: skip
_SUMS = len(COLUMNS) - 2
THRESHOLD_ORGANS = (
    "body_hu", "lungs_hu", "fat_hu", "bone_hu", "brain_suv", "bladder_suv",
)  # fmt: skip
_SLICES_AT_ONCE = 8


def measured(organs: OrganList) -> tuple[str, ...]:
    """Names of the rows: organs, groups, the body, and what thresholds find."""
    return (*organs.rows, *THRESHOLD_ORGANS)


def measure(
    hu: Tensor,
    suv: Tensor,
    labels: Tensor,
    grid: Grid,
    *,
    organs: OrganList = CURRENT_LIST,
    doubt: Tensor | None = None,
    coverage: Tensor | None = None,
) -> Tensor:
    """Sums over every organ of one subject, float64, (rows, len(COLUMNS)).

    Parameters
    ----------
    hu, suv
        Float32, (k, j, i).
    labels
        uint8, (k, j, i), ``vct.anatomy`` labels.
    grid
        Where the voxels lie.
    organs
        What the labels tell apart; it fixes the rows, see ``measured``.
    doubt
        Of the segmentation, (organs,); None where labels are exact.
    coverage
        bool, (k, j, i): what the scan covers; None is everything. Voxels outside belong
        to no organ, and those beside them are edge voxels.
    """
    thresholds = threshold_masks(hu, suv, grid)
    edge = _edge(hu, coverage)
    if coverage is not None:
        labels = labels * coverage
        thresholds = [mask & coverage for mask in thresholds]
    tables = []
    for first in range(0, len(hu), _SLICES_AT_ONCE):
        part = slice(first, first + _SLICES_AT_ONCE)
        masks = [labels[part] == organ.label for organ in organs.organs]
        masks += [mask[part] for mask in thresholds]
        inside = torch.stack(masks, dim=1).flatten(2).to(hu.dtype)
        columns = _columns(hu[part], suv[part], edge[part])
        sums = (inside @ columns).sum(dim=0, dtype=torch.float64)
        highest = inside.mul_(suv[part].flatten(1)[:, None]).amax(dim=(0, 2))
        tables.append(torch.cat([sums, highest.double()[:, None]], dim=1))
    table = torch.stack(tables)
    table = torch.cat([table[..., :-1].sum(dim=0), table[..., -1:].amax(dim=0)], dim=1)
    count = len(organs.organs)
    unsure = table.new_zeros(len(table)) if doubt is None else _padded(doubt, table)
    table = torch.cat([table[:, :_SUMS], unsure[:, None], table[:, _SUMS:]], dim=1)
    names = organs.names
    grouped = [
        _united(table, [names.index(part) for part in organs.parts(row)])
        for row in organs.rows[count:]
    ]
    return torch.cat([table[:count], torch.stack(grouped), table[count:]])


def threshold_masks(hu: Tensor, suv: Tensor, grid: Grid) -> list[Tensor]:
    """Body, lungs, fat, dense bone by HU; brain and bladder by SUV: no network.

    Lungs are air-like voxels of the chest, opened by about 10 mm, so that airways, skin
    and bowel gas vanish, and given back the rim that the opening took; body is what is
    nearer to water than to air, and lungs; brain is hot above the lung top, bladder hot
    in the lowest third of the field, cut at half its own level so that blur does not
    widen it.
    """
    slices = torch.arange(grid.shape[0], device=hu.device)[:, None, None]
    z = grid.origin_mm[0] + grid.spacing_mm[0] * slices
    chest = (z > -480.0) & (z < 30.0)
    lungs = _opened((hu > -950) & (hu < -450) & chest, grid)
    return [
        (hu > -500) | lungs,
        lungs,
        (hu > -190) & (hu < -30),
        hu > 250,
        (suv > 3.0) & (z > 100.0),
        _hot(suv * (z < grid.origin_mm[0] + grid.fov_mm[0] / 3), least=4.0),
    ]


def _edge(hu: Tensor, coverage: Tensor | None) -> Tensor:
    """1 on the faces of what is covered, float32, (k, j, i)."""
    edge = torch.ones_like(hu)
    edge[1:-1, 1:-1, 1:-1] = 0
    return edge if coverage is None else edge.masked_fill(_beside(~coverage), 1)


def _columns(hu: Tensor, suv: Tensor, edge: Tensor) -> Tensor:
    """What is summed in each voxel, (k, j·i, columns)."""
    values = (torch.ones_like(hu), suv, suv**2, hu, hu**2, _density_g_ml(hu), edge)
    return torch.stack([v.flatten(1) for v in values], dim=2)


def _beside(mask: Tensor) -> Tensor:
    """Voxels that share a face with the mask, or lie in it."""
    return reduce(torch.logical_or, (_dilated(mask, axis, 1, 1) for axis in range(3)))


def _padded(doubt: Tensor, table: Tensor) -> Tensor:
    """Doubt of the organs, none for what thresholds find."""
    return F.pad(doubt.double(), (0, len(table) - len(doubt)))


def _united(table: Tensor, rows: list[int]) -> Tensor:
    """Sums of rows, and the largest of their maxima; doubts may count twice."""
    parts = torch.stack([table[row] for row in rows])
    return torch.cat([parts[:, :-1].sum(dim=0), parts[:, -1:].amax(dim=0)])


def _density_g_ml(hu: Tensor) -> Tensor:
    """Mass density from HU: two straight lines through air, water and bone.

    Slope above water after Schneider et al. 2000 (Phys Med Biol 45:459), rounded.
    """
    return torch.where(hu <= 0, 1 + hu / 1000, 1 + 0.0006 * hu).clamp_min(0)


def _hot(suv: Tensor, least: float) -> Tensor:
    """Voxels above half the mean of the hottest ones, and above ``least``."""
    core = (suv > suv.amax() / 2).to(suv.dtype)
    level = (suv * core).sum() / core.sum().clamp_min(1)
    return suv > (level / 2).clamp_min(least)


def _opened(mask: Tensor, grid: Grid, by_mm: float = 10.0) -> Tensor:
    """Morphological opening with a box of ``by_mm`` or more, then its rim again."""
    size = [max(2, math.ceil(by_mm / s)) for s in grid.spacing_mm]
    outside = ~mask
    for axis, n in enumerate(size):
        outside = _dilated(outside, axis, 0, n - 1, beyond=True)
    opened = ~outside
    for axis, n in enumerate(size):
        opened = _dilated(opened, axis, n - 1, 0)
    for axis in range(3):
        opened = _dilated(opened, axis, 1, 1)
    return opened & mask


def _dilated(
    mask: Tensor, axis: int, before: int, after: int, *, beyond: bool = False
) -> Tensor:
    """A mask, bool (k, j, i), dilated along one axis by so many voxels either way.

    True where it holds up to ``before`` voxels lower or ``after`` higher; ``beyond`` is
    what it is taken for outside the field. Boxes are dilated axis by axis, which takes
    a CPU a tenth of the time of pools of 5³ voxels.
    """
    pads = [(0, 0)] * 3
    pads[2 - axis] = (before, after)  # F.pad begins with the last axis
    padded = F.pad(mask, [n for pad in pads for n in pad], value=beyond)
    windows = (
        padded.narrow(axis, first, mask.shape[axis])
        for first in range(before + after + 1)
    )
    return reduce(torch.logical_or, windows)
