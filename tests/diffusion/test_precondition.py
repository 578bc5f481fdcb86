"""Preconditioning and loss: laws of Karras et al. 2022."""

import pytest
import torch
from torch import Tensor

from vct.diffusion.loss import denoising_loss, noise_level
from vct.diffusion.precondition import denoise


def silent(x: Tensor, c_noise: Tensor) -> Tensor:
    return torch.zeros_like(x)


def test_without_noise_the_denoiser_is_the_identity() -> None:
    x = torch.randn(2, 2, 4, 4, 4)
    out = denoise(silent, x, torch.full((2,), 1e-6), sigma_data=1.0)
    torch.testing.assert_close(out, x)


def test_the_loss_of_a_silent_network_is_one_at_every_level() -> None:
    rng = torch.Generator().manual_seed(0)
    clean = torch.randn(6, 1, 24, 24, 24, generator=rng)
    noise = torch.randn(6, 1, 24, 24, 24, generator=rng)
    sigma = torch.tensor([0.02, 0.1, 0.5, 1.0, 5.0, 50.0])

    def network(x: Tensor, s: Tensor) -> Tensor:
        return denoise(silent, x, s, sigma_data=1.0)

    loss = denoising_loss(network, clean, sigma, noise, sigma_data=1.0)
    torch.testing.assert_close(loss, torch.ones(6), rtol=0.05, atol=0.0)


def test_uncovered_voxels_are_left_out_of_the_loss() -> None:
    clean, noise = torch.zeros(1, 1, 4, 4, 4), torch.zeros(1, 1, 4, 4, 4)
    weight = torch.zeros(1, 1, 4, 4, 4)
    weight[..., :2] = 1.0

    def wrong_where_uncovered(x: Tensor, s: Tensor) -> Tensor:
        return 1.0 - weight

    loss = denoising_loss(
        wrong_where_uncovered, clean, torch.ones(1), noise,
        sigma_data=1.0, weight=weight,
    )  # fmt: skip
    assert loss.item() == 0.0


def test_a_member_that_covers_nothing_has_no_loss() -> None:
    clean = noise = torch.zeros(1, 1, 4, 4, 4)
    loss = denoising_loss(
        lambda x, s: x + 1, clean, torch.ones(1), noise,
        sigma_data=1.0, weight=torch.zeros(1, 1, 4, 4, 4),
    )  # fmt: skip
    assert loss.item() == 0.0


def test_drawn_levels_have_the_asked_logarithm() -> None:
    rng = torch.Generator().manual_seed(0)
    logs = noise_level(torch.randn(20000, generator=rng), p_mean=-0.3, p_std=1.2).log()
    assert logs.mean().item() == pytest.approx(-0.3, abs=5 * 1.2 / 20000**0.5)
    assert logs.std().item() == pytest.approx(1.2, abs=5 * 1.2 / 40000**0.5)
