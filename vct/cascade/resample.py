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


def upsample(coarse: Tensor, factor: int) -> Tensor:
    """Trilinear on cell centers, (b, c, k, j, i) → (b, c, k·f, j·f, i·f)."""
    return F.interpolate(
        coarse, scale_factor=factor, mode="trilinear", align_corners=False
    )
