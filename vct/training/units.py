"""The units that the fine stage takes from data, over what scans cover."""

import torch
from torch import Tensor

from vct.cascade.resample import upsample
from vct.training.slabs import FineVolumes, on_fine_grid


@torch.no_grad()
def residual_sd(volumes: FineVolumes, count: int) -> Tensor:
    """Root mean square of fine − upsampled(coarse) of the first volumes, (2,)."""
    squares = torch.zeros(2, dtype=torch.float64, device=volumes.device)
    voxels = 0.0
    for n in range(count):
        coarse = volumes.coarse[n][None].float()
        residual = volumes.whole(n)[None] - upsample(coarse, volumes.factor)
        weight = torch.ones_like(residual[:, :1])
        if volumes.coverage is not None:
            covered = volumes.coverage[n][None].float()
            weight = on_fine_grid(covered, volumes.factor)
        squares += (residual.square() * weight).double().sum(dim=(0, 2, 3, 4))
        voxels += float(weight.sum(dtype=torch.float64))
    return (squares / voxels).sqrt()


@torch.no_grad()
def coarse_sd(coarse: Tensor, coverage: Tensor | None) -> Tensor:
    """Root mean variance between subjects of the coarse voxels, (2,).

    Parameters
    ----------
    coarse
        (n, 2, k, j, i).
    coverage
        (n, 1, k, j, i) or None; voxels that fewer than two cover do not count.
    """
    weight = torch.ones_like(coarse[:, :1]) if coverage is None else coverage.float()
    count = weight.sum(dim=0)
    mean = (coarse * weight).sum(dim=0) / count.clamp_min(1)
    squares = ((coarse - mean) ** 2 * weight).sum(dim=0)
    variance = squares / (count - 1).clamp_min(1)
    seen = (count >= 2).float()
    return ((variance * seen).sum(dim=(1, 2, 3)) / seen.sum()).sqrt()
