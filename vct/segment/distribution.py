"""How SUV is spread over an organ's voxels: percentiles and a histogram."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vct.anatomy import CURRENT_LIST, OrganList
from vct.grid import Grid
from vct.segment.measure import THRESHOLD_ORGANS, threshold_masks

PERCENTILES = (10, 50, 90)
_SLICES_AT_ONCE = 8


@dataclass(frozen=True)
class SuvDistribution:
    """SUV over the voxels of an organ.

    ``p10``, ``p50`` and ``p90`` [g/mL]; ``histogram`` is the share of voxels in each
    bin, (bins,), summing to 1.
    """

    p10: float
    p50: float
    p90: float
    histogram: np.ndarray


def suv_distribution(suv: np.ndarray, bin_edges: np.ndarray) -> SuvDistribution | None:
    """Percentiles and histogram of an organ's voxels; None of no voxel.

    Parameters
    ----------
    suv
        SUV of the organ's voxels [g/mL], (n,).
    bin_edges
        Lower edge of each bin [g/mL], growing, (bins,). The last bin is open above;
        what lies below the first edge counts to the first bin.
    """
    if not len(suv):
        return None
    x = np.sort(suv.astype(np.float64))
    starts = np.searchsorted(x, bin_edges, side="left")
    starts[0] = 0
    counts = np.diff(np.append(starts, len(x)))
    p10, p50, p90 = (float(p) for p in np.percentile(x, PERCENTILES))
    return SuvDistribution(p10, p50, p90, counts / len(x))


def suv_voxels(
    suv: Tensor,
    labels: Tensor,
    bin_edges: np.ndarray,
    *,
    organs: OrganList = CURRENT_LIST,
) -> Tensor:
    """Voxels of every organ and group in each SUV bin, int32, (organs.rows, bins).

    Computed on the device of the images; bins are those of ``suv_distribution``.

    Parameters
    ----------
    suv
        Float32, (k, j, i).
    labels
        uint8, (k, j, i), of ``organs``.
    bin_edges
        As in ``suv_distribution``.
    """
    bins, edges = len(bin_edges), torch.as_tensor(bin_edges[1:], dtype=suv.dtype)
    edges = edges.to(suv.device)
    last = max(organ.label for organ in organs.organs)
    counts = torch.zeros((last + 1) * bins, dtype=torch.int32, device=suv.device)
    for first in range(0, len(suv), _SLICES_AT_ONCE):
        part = slice(first, first + _SLICES_AT_ONCE)
        found = torch.bucketize(suv[part], edges, right=True)
        index = (labels[part].long() * bins + found).flatten()
        counts.scatter_add_(0, index, torch.ones_like(index, dtype=torch.int32))
    of_label = counts.reshape(last + 1, bins)
    label_of = {organ.name: organ.label for organ in organs.organs}
    parts = [[label_of[part] for part in organs.parts(row)] for row in organs.rows]
    return torch.stack([of_label[labels].sum(dim=0) for labels in parts]).int()


def row_suvs(
    hu: Tensor,
    suv: Tensor,
    labels: Tensor,
    grid: Grid,
    *,
    organs: OrganList = CURRENT_LIST,
    coverage: Tensor | None = None,
) -> Iterator[tuple[str, np.ndarray]]:
    """Name and SUVs [g/mL] of the voxels of every row of ``measure``, one by one.

    Parameters are those of ``vct.segment.measure.measure``; the SUVs come on the host.
    """
    of_label = _by_label(suv, labels, coverage)
    label_of = {organ.name: organ.label for organ in organs.organs}
    nothing = np.zeros(0, np.float32)
    for row in organs.rows:
        parts = [of_label.get(label_of[part], nothing) for part in organs.parts(row)]
        yield row, np.concatenate(parts)
    masks = threshold_masks(hu, suv, grid)
    for name, mask in zip(THRESHOLD_ORGANS, masks, strict=True):
        inside = mask if coverage is None else mask & coverage
        yield name, suv[inside].cpu().numpy()


def _by_label(
    suv: Tensor, labels: Tensor, coverage: Tensor | None
) -> dict[int, np.ndarray]:
    """SUVs of each label but air, which is 0."""
    inside = labels > 0 if coverage is None else (labels > 0) & coverage
    found, values = labels[inside].cpu().numpy(), suv[inside].cpu().numpy()
    order = np.argsort(found, kind="stable")
    numbers, starts = np.unique(found[order], return_index=True)
    parts = np.split(values[order], starts[1:])
    return dict(zip(numbers.tolist(), parts, strict=False))
