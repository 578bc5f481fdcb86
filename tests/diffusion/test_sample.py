"""The samplers carry noise to data whose denoiser is known exactly."""

import pytest
import torch
from torch import Tensor

from vct.diffusion.sample import Solver, evaluations, sample
from vct.diffusion.schedule import noise_levels

SD = 0.5


def gaussian_denoiser(x: Tensor, sigma: Tensor) -> Tensor:
    """D(x; σ) of N(0, SD²)."""
    s = sigma.reshape(-1, 1, 1, 1, 1)
    return x * SD**2 / (SD**2 + s**2)


def relative_error(steps: int, solver: Solver) -> float:
    """The flow of the exact denoiser maps n·σ_max to n·SD·σ_max/√(SD²+σ_max²)."""
    noise = torch.randn(
        1, 1, 4, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    levels = noise_levels(steps, sigma_min=0.002, sigma_max=80.0)
    got = sample(gaussian_denoiser, noise * levels[0], levels, solver=solver)
    exact = noise * 80.0 * SD / (SD**2 + 80.0**2) ** 0.5
    return float((got - exact).norm() / exact.norm())


def test_heun_error_falls_fourfold_when_steps_double() -> None:
    errors = [relative_error(n, "heun") for n in (20, 40, 80)]
    assert errors[0] / errors[1] > 3.5
    assert errors[1] / errors[2] > 3.5
    assert errors[2] < 0.01


def test_dpm_solver_converges() -> None:
    errors = [relative_error(n, "dpmpp2m") for n in (20, 40, 80)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.02


@pytest.mark.parametrize("solver", ["heun", "dpmpp2m"])
def test_evaluations_are_counted_right(solver: Solver) -> None:
    calls = 0

    def counting(x: Tensor, sigma: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        return gaussian_denoiser(x, sigma)

    levels = noise_levels(7, sigma_min=0.01, sigma_max=10.0)
    sample(counting, torch.zeros(1, 1, 2, 2, 2), levels, solver=solver)
    assert calls == evaluations(solver, 7)
