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


_PASSES = 4  # of the correction's own smoothing; more sharpen checkerboards


def consistent(fine: Tensor, coarse: Tensor, factor: int) -> Tensor:
    """Encoded fine volume, moved smoothly so that it says what the coarse one says.

    What a coarse voxel says, the fine stage may spread but not change: HU are shifted,
    SUV scaled by a half to two and then shifted, by fields interpolated between box
    centers, so that no box shows. Box means then agree but for the finest of the
    corrections. Iterative back-projection (Irani and Peleg 1991, CVGIP 53), once,
    after sampling.

    Parameters
    ----------
    fine
        (b, 2, k·f, j·f, i·f).
    coarse
        (b, 2, k, j, i).
    """
    (hu, suv), (given_hu, given_suv) = decode(fine), decode(coarse)
    hu = hu + _smooth_field(given_hu - box_mean(hu, factor), factor)
    ratio = given_suv.clamp_min(1e-6) / box_mean(suv, factor).clamp_min(1e-6)
    suv = suv * upsample(ratio.clamp(0.5, 2.0)[:, None], factor)[:, 0]
    suv = suv + _smooth_field(given_suv - box_mean(suv, factor), factor)
    return encode(hu, suv)


def _smooth_field(means: Tensor, factor: int) -> Tensor:
    """Interpolated field of nearly these box means: (b, k, j, i) → (b, k·f, j·f, i·f).

    Box means of an interpolated volume are smoother than the volume; what is lost is
    added again (Neumann series). They are the same for every even factor, so 2 stands
    for all.
    """
    nodes, lost = means, means
    for _ in range(_PASSES - 1):
        lost = lost - box_mean(upsample(lost[:, None], 2)[:, 0], 2)
        nodes = nodes + lost
    return upsample(nodes[:, None], factor)[:, 0]


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


def upsample(coarse: Tensor, factor: int) -> Tensor:
    """Trilinear on cell centers, (b, c, k, j, i) → (b, c, k·f, j·f, i·f)."""
    return F.interpolate(
        coarse, scale_factor=factor, mode="trilinear", align_corners=False
    )
