"""Coarse and fine: activity and mass are conserved, edges coincide."""

import torch

from vct.cascade.encode import decode, encode
from vct.cascade.resample import box_mean, coarsen, upsample


def test_coarsening_conserves_activity_and_mean_hu() -> None:
    rng = torch.Generator().manual_seed(0)
    hu = torch.rand(1, 8, 8, 8, generator=rng) * 1000 - 700
    suv = torch.rand(1, 8, 8, 8, generator=rng) * 20
    coarse_hu, coarse_suv = decode(coarsen(encode(hu, suv), 2))
    torch.testing.assert_close(coarse_hu.mean(), hu.mean(), rtol=1e-4, atol=1e-2)
    torch.testing.assert_close(coarse_suv.mean(), suv.mean(), rtol=1e-4, atol=1e-4)


def test_upsampling_keeps_a_ramp_at_cell_centers() -> None:
    centers = torch.arange(8, dtype=torch.float32) + 0.5
    coarse = centers.reshape(1, 1, 8, 1, 1).expand(1, 1, 8, 4, 4).contiguous()
    fine = upsample(coarse, 2)[0, 0, :, 0, 0]
    expected = (torch.arange(16) + 0.5) / 2
    torch.testing.assert_close(fine[1:-1], expected[1:-1])


def test_box_mean_of_an_upsampled_constant_is_the_constant() -> None:
    coarse = torch.full((1, 1, 4, 4, 4), 3.0)
    torch.testing.assert_close(box_mean(upsample(coarse, 2)[:, 0], 2)[:, None], coarse)
