"""Coarse and fine: activity and mass are conserved, edges coincide."""

import pytest
import torch

from vct.cascade.encode import decode, encode
from vct.cascade.resample import box_mean, coarsen, consistent, upsample


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


def off_by(fine: torch.Tensor, coarse: torch.Tensor, factor: int) -> list[float]:
    """SD of what box means of HU and SUV lack."""
    pairs = zip(decode(coarsen(fine, factor)), decode(coarse), strict=True)
    return [float((given - got).std()) for got, given in pairs]


@pytest.mark.parametrize("factor", [2, 4])
def test_consistent_volumes_say_what_the_coarse_one_says(factor: int) -> None:
    fine = body_like(2, (8 * factor, 8 * factor, 12 * factor), seed=2)
    smooth = upsample(body_like(2, (4, 4, 6), seed=1, sd=4.0), 2)
    rough = body_like(2, (8, 8, 12), seed=1)
    for coarse, share in ((smooth, 0.15), (rough, 0.5)):
        before = off_by(fine, coarse, factor)
        after = off_by(consistent(fine, coarse, factor), coarse, factor)
        assert all(a < share * b for a, b in zip(after, before, strict=True))


def test_mean_activity_and_hu_are_the_coarse_volumes() -> None:
    coarse = body_like(1, (6, 6, 6), seed=1)
    fine = consistent(body_like(1, (24, 24, 24), seed=2), coarse, 4)
    for got, given in zip(decode(fine), decode(coarse), strict=True):
        torch.testing.assert_close(got.mean(), given.mean(), rtol=2e-3, atol=2e-3)


def test_no_box_shows() -> None:
    noise = 40 + 15 * torch.randn(1, 32, 32, 32, generator=seeded(5))
    fine = encode(noise, torch.ones_like(noise))
    hu = decode(consistent(fine, body_like(1, (8, 8, 8), seed=6), 4))[0][0]
    steps = hu.diff(dim=2).abs()
    at_faces = (torch.arange(1, 32) % 4) == 0
    ratio = steps[..., at_faces].mean() / steps[..., ~at_faces].mean()
    assert 0.9 < ratio < 1.1


def test_a_consistent_volume_stays_as_it_is() -> None:
    fine = body_like(1, (8, 8, 12), seed=3)
    again = consistent(fine, coarsen(fine, 2), 2)
    assert torch.allclose(again, fine, atol=1e-4)


def test_consistency_scales_uptake_and_never_makes_it_negative() -> None:
    fine = encode(
        torch.zeros(1, 2, 2, 2), torch.tensor([0.0] * 7 + [8.0]).view(1, 2, 2, 2)
    )
    half = encode(torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), 0.5))
    suv = decode(consistent(fine, half, 2))[1].flatten()
    assert torch.allclose(suv, torch.tensor([0.0] * 7 + [4.0]), atol=1e-4)
    none = encode(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1))
    assert decode(consistent(fine, none, 2))[1].min() >= 0


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def body_like(
    count: int, shape: tuple[int, int, int], *, seed: int, sd: float = 1.0
) -> torch.Tensor:
    """Soft tissue with noise, SUV about 2: nothing near the ends of the encoding."""
    rng = seeded(seed)
    hu = 40 + sd * 15 * torch.randn(count, *shape, generator=rng)
    suv = 2 + sd * 0.1 * torch.randn(count, *shape, generator=rng)
    return encode(hu, suv)
