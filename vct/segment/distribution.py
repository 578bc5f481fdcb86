"""How SUV is spread over an organ's voxels: percentiles and a histogram."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from vct.anatomy import CURRENT_LIST, OrganList
from vct.grid import Grid
from vct.segment.measure import THRESHOLD_ORGANS, threshold_masks

PERCENTILES = (10, 50, 90)


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
