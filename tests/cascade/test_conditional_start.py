"""Sampling starts where the demographics say, with the spread that they leave."""

import pytest
import torch
from torch import Tensor

from vct.cascade.conditional_start import ConditionalStart
from vct.cascade.modes import Modes

MODES = 2
LEFT_SD = 30.0


def people(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Coefficients (n, 2) and conditions: the first mode follows height times BMI."""
    rng = torch.Generator().manual_seed(seed)
    condition = torch.rand(count, 6, generator=rng) * 2 - 1
    condition[:, 1] = condition[:, 1].sign()
    condition[:, 4:] = 0
    rest = torch.randn(count, MODES, generator=rng) * LEFT_SD
    follows = 200 * condition[:, 2] * condition[:, 3] + 50 * condition[:, 3] ** 2
    return rest + torch.stack([follows, torch.zeros(count)], dim=1), condition


def fitted(count: int = 2000) -> ConditionalStart:
    start = ConditionalStart(MODES)
    start.fit(*people(count))
    return start


def test_mean_and_spread_are_those_of_new_people() -> None:
    coefficients, condition = people(2000, seed=1)
    mean, sd = fitted()(condition)
    left = coefficients - mean
    assert left.mean(dim=0).abs().max() < 3 * LEFT_SD / 2000**0.5
    assert torch.allclose(left.std(dim=0), sd[0], rtol=0.05)
    assert coefficients[:, 0].std() > 2 * sd[0, 0]


def test_of_whom_little_is_known_starts_as_anybody() -> None:
    start = fitted()
    _, condition = people(3)
    condition[1, 4], condition[2, 5] = 1.0, 1.0
    mean, sd = start(condition)
    assert mean[0].abs().max() > 0
    assert (mean[1:] == 0).all()
    everybody, _ = people(2000)
    expected = everybody.square().mean(dim=0).sqrt()
    assert torch.allclose(sd[1], expected, rtol=0.02)


@pytest.mark.parametrize("known", [0, 5, 18])
def test_from_few_people_no_slope_is_learned(known: int) -> None:
    coefficients, condition = people(200)
    condition[known:, 4:] = 1.0
    start = ConditionalStart(MODES)
    start.fit(coefficients, condition)
    assert (start.means == 0).all()
    assert torch.equal(start.sd, start.sd_of_all)


def test_the_start_has_mean_and_covariance_of_noise_and_what_is_left() -> None:
    modes, sigma = Modes(MODES, (4, 4, 4), 2), 20.0
    raw = torch.linalg.qr(torch.randn(128, MODES)).Q.T
    modes.directions.copy_(raw.reshape(MODES, 2, 4, 4, 4))
    noise = torch.randn(4000, 2, 8, 8, 8, generator=torch.Generator().manual_seed(3))
    mean, sd = torch.tensor([[100.0, -40.0]]), torch.tensor([[50.0, 5.0]])
    along = modes.coefficients(modes.start(noise, sigma, (mean, sd)))
    assert torch.allclose(along.mean(dim=0), mean[0], atol=3)
    assert torch.allclose(along.std(dim=0), (sigma**2 + sd[0] ** 2).sqrt(), rtol=0.05)
