"""How SUV is spread over an organ's voxels: percentiles and a histogram."""

from dataclasses import dataclass

import numpy as np

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
