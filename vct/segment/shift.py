"""How far a PET lies from its CT, measured in the images alone.

A PET is predicted from the CT: every organ that the segmenter found there holds its
mean uptake. The displacement is where the measured PET fits the prediction best. Organs
that breathing moves are left out, since PET and CT of a faultless scan differ there.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from vct.anatomy import CURRENT_LIST, OrganList
from vct.grid import Grid
from vct.segment.measure import COLUMNS

FARTHEST_MM = 12.0  # what is displaced by more is told as this
_COARSE_MM = 4.0  # finer images are pooled: the PET resolves no more
_MARGIN_MM = 12.0  # around what breathing moves
_BREATHING = (
    "liver", "spleen", "kidney_left", "kidney_right", "heart", "lung_left",
    "lung_right", "stomach", "small_bowel", "colon", "bowel_gas", "pancreas",
    "gallbladder",
)  # fmt: skip


def pet_ct_shift_mm(
    suv: Tensor,
    labels: Tensor,
    sums: Tensor,
    grid: Grid,
    *,
    organs: OrganList = CURRENT_LIST,
) -> Tensor:
    """Displacement of the PET against the CT along z, y and x [mm], float64, (3,).

    Positive where the PET lies further towards the head, the back, the left. To a part
    of a voxel; NaN where no organ was found. Nothing is copied to the host.

    Parameters
    ----------
    suv
        Float32, (k, j, i).
    labels
        uint8, (k, j, i), found in the CT.
    sums
        Table of ``measure`` of these images.
    grid
        Cubic voxels.
    organs
        What the labels tell apart.
    """
    uptake = _uptake(sums, organs, suv)
    numbers = labels.int()
    predicted = uptake.index_select(0, numbers.flatten()).reshape(suv.shape)
    moves = torch.zeros(len(uptake), dtype=suv.dtype, device=suv.device)
    moves[[organ.label for organ in organs.organs if organ.name in _BREATHING]] = 1
    moving = moves.index_select(0, numbers.flatten()).reshape(suv.shape)
    times = max(1, round(_COARSE_MM / grid.spacing_mm[0]))
    spacing_mm = grid.spacing_mm[0] * times
    seen, predicted, moving = (
        F.avg_pool3d(x[None, None], times)[0, 0]
        for x in (torch.log1p(suv), predicted, moving)
    )
    still = 1 - _near(moving, math.ceil(_MARGIN_MM / spacing_mm))
    steps = math.ceil(FARTHEST_MM / spacing_mm)
    along = [_along(seen, predicted, still, axis, steps) for axis in range(3)]
    found = sums[: len(organs.organs), COLUMNS.index("voxels")].sum() > 0
    shift = torch.stack(along).double() * spacing_mm
    return torch.where(found, shift, torch.nan)


def _uptake(sums: Tensor, organs: OrganList, like: Tensor) -> Tensor:
    """log(1 + mean SUV) of each label; 0 for air, which is label 0."""
    count = len(organs.organs)
    voxels, suv = (sums[:count, COLUMNS.index(name)] for name in ("voxels", "suv_sum"))
    last = max(organ.label for organ in organs.organs)
    uptake = torch.zeros(last + 1, dtype=like.dtype, device=like.device)
    labels = [organ.label for organ in organs.organs]
    uptake[labels] = torch.log1p(suv / voxels.clamp_min(1)).to(like.dtype)
    return uptake


def _near(mask: Tensor, reach: int) -> Tensor:
    """1 in a box of ``reach`` voxels around what is above 0; float."""
    x = (mask > 0).to(mask.dtype)[None, None]
    for axis in range(3):  # a box is three lines, and lines are cheap
        size, pad = [1, 1, 1], [0, 0, 0]
        size[axis], pad[axis] = 2 * reach + 1, reach
        x = F.max_pool3d(x, size, stride=1, padding=pad)
    return x[0, 0]


def _along(
    seen: Tensor, predicted: Tensor, still: Tensor, axis: int, steps: int
) -> Tensor:
    """Displacement along one axis, in voxels: the parabola through the best fits."""
    n = seen.shape[axis] - 2 * steps
    here = [x.narrow(axis, steps, n) for x in (predicted, still)]
    misfits = []
    for step in range(-steps, steps + 1):
        there = seen.narrow(axis, steps + step, n)
        misfits.append(((there - here[0]).square() * here[1]).sum(dtype=torch.float64))
    misfit = torch.stack(misfits)
    best = misfit.argmin().clamp(1, 2 * steps - 1)
    low, middle, high = (misfit.index_select(0, best + d)[0] for d in (-1, 0, 1))
    bend = low - 2 * middle + high
    part = torch.where(bend > 0, (low - high) / (2 * bend).clamp_min(1e-12), 0.0)
    return (best - steps + part).clamp(-steps, steps)
