"""The modes are the covariance that made the volumes, and spread survives sampling."""

import pytest
import torch

from vct.cascade.modes import Modes
from vct.diffusion.precondition import denoise
from vct.diffusion.sample import sample
from vct.diffusion.schedule import noise_levels

SHAPE = (2, 8, 8, 8)
COARSE, FACTOR = (4, 4, 4), 2
SDS = torch.tensor([60.0, 20.0])


def population(count: int, seed: int = 0) -> torch.Tensor:
    """Unit noise plus two block-wise constant directions of SD 60 and 20."""
    rng = torch.Generator().manual_seed(seed)
    fixed = torch.Generator().manual_seed(99)
    raw = torch.linalg.qr(torch.randn(128, 2, generator=fixed)).Q.T
    blocks = raw.reshape(2, 2, *COARSE) / FACTOR**1.5
    directions = torch.nn.functional.interpolate(blocks, scale_factor=2.0)
    coefficients = torch.randn(count, 2, generator=rng) * SDS
    noise = torch.randn(count, *SHAPE, generator=rng)
    return noise + torch.einsum("nm,mckji->nckji", coefficients, directions)


def fitted(count: int = 3000) -> Modes:
    modes = Modes(2, COARSE, FACTOR)
    modes.fit(population(count).split(500))
    return modes


def test_fit_finds_the_spread_along_each_direction() -> None:
    modes = fitted()
    expected = (SDS**2 + 1).sqrt()  # the unit noise lies along them too
    assert torch.allclose(modes.sd, expected, rtol=0.05)
    again = modes.coefficients(population(3000, seed=1)).std(dim=0)
    assert torch.allclose(again, expected, rtol=0.05)


def test_directions_are_orthonormal_on_the_base_grid() -> None:
    modes = fitted()
    unit = modes.spread(modes.volume(torch.eye(2)), FACTOR).flatten(1)
    assert torch.allclose(unit @ unit.T, torch.eye(2), atol=0.01)
    assert torch.allclose(
        modes.coefficients(unit.reshape(2, *SHAPE)), torch.eye(2), atol=0.01
    )


def test_a_start_has_the_covariance_of_noise_and_modes() -> None:
    modes, sigma = fitted(), 5.0
    noise = torch.randn(4000, *SHAPE, generator=torch.Generator().manual_seed(3))
    start = modes.start(noise, sigma)
    along = modes.coefficients(start).std(dim=0)
    assert torch.allclose(along, (sigma**2 + modes.sd**2).sqrt(), rtol=0.05)
    rest = start - modes.spread(modes.volume(modes.coefficients(start)), FACTOR)
    assert rest.std().item() == pytest.approx(sigma, rel=0.02)


def test_estimate_is_the_wiener_filter_along_the_modes() -> None:
    modes = fitted()
    x, sigma = population(6, seed=4), torch.tensor([0.01, 0.5, 3.0, 20.0, 80.0, 900.0])
    estimate, correction = modes.estimate(x, sigma)
    skip = 1 / (1 + sigma**2).reshape(-1, 1)
    seen = modes.coefficients(x)
    gain = modes.sd**2 / (modes.sd**2 + sigma[:, None] ** 2)
    at = torch.nn.functional.interpolate
    kept = modes.coefficients(at(estimate, scale_factor=2.0))
    added = modes.coefficients(at(correction, scale_factor=2.0))
    assert torch.allclose(kept, gain * seen, rtol=0.02, atol=0.05)
    assert torch.allclose(added, (gain - skip) * seen, rtol=0.02, atol=0.05)


@pytest.mark.parametrize(("with_modes", "kept"), [(True, 1.0), (False, 0.32)])
def test_a_sampler_keeps_the_spread_only_with_modes(
    with_modes: bool, kept: float
) -> None:
    """A network that adds nothing: all spread along the modes is theirs to keep."""
    modes = fitted()
    noise = torch.randn(1500, *SHAPE, generator=torch.Generator().manual_seed(5))
    levels = noise_levels(40, sigma_min=0.01, sigma_max=20.0)

    def clean(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        out = denoise(lambda v, _: torch.zeros_like(v), x, sigma, sigma_data=1.0)
        return out + modes.spread(modes.estimate(x, sigma)[1], FACTOR)

    start = modes.start(noise, levels[0]) if with_modes else noise * levels[0]
    made = modes.coefficients(sample(clean, start, levels, solver="heun")).std(dim=0)
    assert float(made[0] / modes.sd[0]) == pytest.approx(kept, abs=0.06)


def test_too_few_volumes_are_refused() -> None:
    with pytest.raises(ValueError, match="2 modes need more than 2 volumes, got 2"):
        Modes(2, COARSE, FACTOR).fit([population(2)])
