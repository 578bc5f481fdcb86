"""Noise levels of Karras et al. 2022."""

import pytest

from vct.diffusion.schedule import noise_levels


def test_levels_fall_from_sigma_max_to_sigma_min_and_end_in_zero() -> None:
    levels = noise_levels(10, sigma_min=0.002, sigma_max=80.0)
    assert levels[0] == pytest.approx(80.0)
    assert levels[-2] == pytest.approx(0.002)
    assert levels[-1] == 0.0
    assert levels == sorted(levels, reverse=True)


def test_one_step_goes_from_sigma_max_to_zero() -> None:
    assert noise_levels(1, sigma_min=0.1, sigma_max=9.0) == pytest.approx([9.0, 0.0])


def test_impossible_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        noise_levels(0, sigma_min=0.1, sigma_max=1.0)
    with pytest.raises(ValueError, match="need 0 < sigma_min < sigma_max"):
        noise_levels(3, sigma_min=2.0, sigma_max=1.0)
