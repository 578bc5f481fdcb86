"""Between coarse and fine grids: one pair of functions for cache, training, sampling.

Edges of the two grids coincide, so that a coarse voxel is the box of its factor³
fine voxels.
"""

from torch import Tensor
from torch.nn import functional as F

from vct.cascade.encode import decode, encode


def coarsen(fine: Tensor, factor: int) -> Tensor:
    """Encoded fine volume → encoded coarse volume, (b, 2, k, j, i).

    The box mean is taken of HU and SUV, so that activity and mass are conserved.
    """
    hu, suv = decode(fine)
    return encode(box_mean(hu, factor), box_mean(suv, factor))


def box_mean(volume: Tensor, factor: int) -> Tensor:
    """Mean over factor³ boxes: (b, k, j, i) → (b, k/f, j/f, i/f)."""
    return F.avg_pool3d(volume[:, None], factor)[:, 0]


def covered_boxes(fine: Tensor, factor: int) -> Tensor:
    """Coarse voxels all of whose fine voxels a scan covers.

    Parameters
    ----------
    fine
        Coverage, bool, (b, 1, k, j, i).
    """
    return ~(F.max_pool3d((~fine).float(), factor) > 0)


def covered_inside(coverage: Tensor) -> Tensor:
    """Covered voxels all of whose neighbors are covered, (b, 1, k, j, i), bool.

    Trilinear upsampling mixes neighbors, so that only here it is of scanned values. The
    field's edge has no neighbors to miss.
    """
    return ~(F.max_pool3d((~coverage).float(), 3, stride=1, padding=1) > 0)


def consistent(fine: Tensor, coarse: Tensor, factor: int) -> Tensor:
    """Encoded fine volume, moved so that its box means are the coarse volume's.

    What a coarse voxel says, the fine stage may spread but not change: HU of a box are
    shifted, SUV scaled by a half to two and then shifted. Only what would leave the
    range of the encoding is cut. The projection onto measured data of Wang et al. 2023
    (range-null space decomposition, arXiv 2212.00490), once, after sampling.

    Parameters
    ----------
    fine
        (b, 2, k·f, j·f, i·f).
    coarse
        (b, 2, k, j, i).
    """
    (hu, suv), (given_hu, given_suv) = decode(fine), decode(coarse)
    mean_suv = box_mean(suv, factor)
    ratio = (given_suv / mean_suv.clamp_min(1e-6)).clamp(0.5, 2.0)
    hu = hu + _repeated(given_hu - box_mean(hu, factor), factor)
    suv = suv * _repeated(ratio, factor)
    suv = suv + _repeated(given_suv - ratio * mean_suv, factor)
    return encode(hu, suv)


def _repeated(volume: Tensor, factor: int) -> Tensor:
    """Every value factor³ times: (b, k, j, i) → (b, k·f, j·f, i·f)."""
    return F.interpolate(volume[:, None], scale_factor=factor, mode="nearest")[:, 0]


def upsample(coarse: Tensor, factor: int) -> Tensor:
    """Trilinear on cell centers, (b, c, k, j, i) → (b, c, k·f, j·f, i·f)."""
    return F.interpolate(
        coarse, scale_factor=factor, mode="trilinear", align_corners=False
    )
