"""Spectra of noise whose law is known."""

import numpy as np
import pytest
from scipy import ndimage

from vct.validation.spectra import box_mean, noise_spectrum, trend

SHAPE = (40, 80, 80)
EVERYWHERE = np.ones(SHAPE, bool)


def white(seed: int = 1, sd: float = 3.0, mean: float = 50.0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(SHAPE)
    return (mean + sd * noise).astype(np.float32)


def smooth(fwhm_voxels: float) -> np.ndarray:
    return ndimage.gaussian_filter(white(mean=0.0), fwhm_voxels / 2.3548, mode="wrap")


def test_white_noise_has_its_sd_no_correlation_and_a_flat_spectrum():
    found = noise_spectrum(white(), EVERYWHERE, (2.0, 2.0, 2.0))
    assert found.mean == pytest.approx(50, rel=0.01)
    assert found.sd == pytest.approx(3, rel=0.02)
    assert np.abs(found.in_plane[1:]).max() < 0.03
    assert np.abs(found.axial[1:]).max() < 0.03
    # A flat spectrum of variance σ² at pixels of d² is σ² d².
    above_trend = found.frequency_per_mm > 0.04
    assert found.power[above_trend] == pytest.approx(9 * 4, rel=0.15)


@pytest.mark.parametrize("fwhm_voxels", [2.0, 3.0, 4.0])
def test_blurred_noise_correlates_as_the_kernel_with_itself(fwhm_voxels):
    spacing = 2.0
    found = noise_spectrum(smooth(fwhm_voxels), EVERYWHERE, (spacing,) * 3)
    sigma_mm = fwhm_voxels / 2.3548 * spacing
    expected = np.exp(-(found.lag_mm**2) / (4 * sigma_mm**2))
    assert found.in_plane == pytest.approx(expected, abs=0.08)
    assert found.axial == pytest.approx(expected, abs=0.08)


def test_power_integrates_to_the_variance():
    found = noise_spectrum(smooth(3.0), EVERYWHERE, (2.0, 2.0, 2.0))
    f, p = found.frequency_per_mm, found.power
    assert np.trapezoid(2 * np.pi * f * p, f) == pytest.approx(found.sd**2, rel=0.1)


def test_anisotropic_voxels_are_told_apart():
    long = ndimage.gaussian_filter1d(white(mean=0.0), 3.0, axis=0, mode="wrap")
    found = noise_spectrum(long, EVERYWHERE, (2.0, 2.0, 2.0))
    assert np.interp(4.0, found.lag_mm, found.axial) > 0.8
    assert np.interp(4.0, found.lag_mm, found.in_plane) < 0.05


def test_only_the_mask_counts():
    mask = np.zeros(SHAPE, bool)
    mask[5:35, 10:70, 15:50] = True
    mask[10:20, 20:40, 20:30] = False
    image = np.where(mask, white(), 1000.0)
    found = noise_spectrum(image, mask, (2.0, 2.0, 2.0))
    assert found.voxels == mask.sum()
    assert found.sd == pytest.approx(3, rel=0.03)
    assert np.abs(found.in_plane[1:]).max() < 0.05


def test_slow_variation_is_not_noise():
    slope = np.linspace(0, 100, SHAPE[2], dtype=np.float32)
    found = noise_spectrum(white() + slope, EVERYWHERE, (4.0, 4.0, 4.0))
    assert found.sd == pytest.approx(3, rel=0.15)


def test_trend_of_a_constant_is_the_constant_up_to_the_edge_of_a_mask():
    mask = np.zeros(SHAPE)
    mask[:, 30:] = 1
    around = trend(np.full(SHAPE, 7.0), mask, (4.0, 4.0, 4.0))
    assert around[:, 30:] == pytest.approx(7.0, rel=1e-4)


def test_too_few_voxels_give_nothing():
    mask = np.zeros(SHAPE, bool)
    mask[:5, :5, :5] = True
    assert noise_spectrum(white(), mask, (2.0, 2.0, 2.0)) is None


def test_box_mean_of_white_noise_falls_with_the_root_of_the_voxels():
    coarse = box_mean(white(), (2, 2, 2))
    assert coarse.shape == (20, 40, 40)
    assert coarse.std() == pytest.approx(3 / 8**0.5, rel=0.05)
    assert box_mean(np.ones((5, 4, 4)), (2, 2, 2)).shape == (2, 2, 2)
