"""Where organs begin and end along the body."""

import math

import numpy as np
import torch
from torch import Tensor

from vct.anatomy import CURRENT_LIST, OrganList
from vct.grid import Grid

# Slices below and above which 2 % of an organ lie, so that stray voxels move no end.
_END_SHARE = 0.02


def voxels_by_slice(labels: Tensor, *, organs: OrganList = CURRENT_LIST) -> Tensor:
    """Voxels of every organ in every slice, int32, (organs, k), on the labels' device.

    Parameters
    ----------
    labels
        uint8, (k, j, i), of ``organs``.
    """
    slices, size = len(labels), max(organ.label for organ in organs.organs) + 1
    counts = torch.zeros(slices, size, dtype=torch.int32, device=labels.device)
    index = labels.flatten(1).long()
    counts.scatter_add_(1, index, torch.ones_like(index, dtype=torch.int32))
    return counts[:, [organ.label for organ in organs.organs]].T.contiguous()


def ends_mm(profile: np.ndarray, grid: Grid) -> tuple[float, float]:
    """Lower and upper end along the body [mm], to a part of a slice; NaN of nothing.

    Parameters
    ----------
    profile
        Voxels of an organ in each slice, (k,).
    """
    total = profile.sum()
    if total == 0:
        return math.nan, math.nan
    edges = grid.origin_mm[0] + grid.spacing_mm[0] * (np.arange(len(profile) + 1) - 0.5)
    share = np.concatenate([[0.0], np.cumsum(profile) / total])
    low, high = np.interp([_END_SHARE, 1 - _END_SHARE], share, edges)
    return float(low), float(high)


def trunk_length_mm(
    profiles: np.ndarray, grid: Grid, *, organs: OrganList = CURRENT_LIST
) -> float:
    """From the top of the femurs to the top of the lungs; NaN where one is not found.

    Parameters
    ----------
    profiles
        Of ``voxels_by_slice``, (organs, k).
    """
    tops = []
    for parts in (("lung_left", "lung_right"), ("femurs",)):
        rows = [i for i, organ in enumerate(organs.organs) if organ.name in parts]
        tops.append(ends_mm(profiles[rows].sum(axis=0), grid)[1])
    return tops[0] - tops[1]
