"""Blur, breathing and noise: what they change and what they must leave alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vct.phantom.image import (
    PET_NOISE_FWHM_MM,
    blurred,
    breathed,
    ct_noised,
    dose_factor,
    kernel_1d,
    local_mean,
    neighbor_kernel,
    noise_ratio,
    pet_noised,
)
from vct.validation.spectra import box_mean, noise_spectrum

EXTENT_MM = 192.0
LIVER_SUV, LIVER_HU = 2.2, 108.0


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def uniform(value: float, step_mm: float) -> torch.Tensor:
    n = round(EXTENT_MM / step_mm)
    return torch.full((n, n, n), value)


def pet(step_mm: float, suv: float = LIVER_SUV, cov: float = 0.11) -> np.ndarray:
    clean = uniform(suv, step_mm)
    return pet_noised(clean, step_mm, cov, LIVER_SUV, generator()).numpy()


def ct(step_mm: float, hu: float = LIVER_HU, sd_hu: float = 11.0) -> np.ndarray:
    return ct_noised(uniform(hu, step_mm), step_mm, sd_hu, generator()).numpy()


def neighbor_correlation(image: np.ndarray, step_mm: float) -> float:
    everywhere = np.ones(image.shape, bool)
    found = noise_spectrum(image, everywhere, (step_mm,) * 3)
    return float(np.interp(step_mm, found.lag_mm, found.axial))


@given(fwhm_mm=st.floats(0.5, 20), step_mm=st.floats(1, 8))
def test_kernel_is_symmetric_and_keeps_what_it_spreads(fwhm_mm, step_mm):
    taps = np.array(kernel_1d(fwhm_mm, step_mm))
    assert taps.sum() == pytest.approx(1)
    assert taps == pytest.approx(taps[::-1])
    assert len(taps) % 2 == 1


@pytest.mark.parametrize("step_mm", [1.0, 2.0])
def test_a_point_becomes_a_gaussian_of_the_given_width(step_mm):
    point = torch.zeros(41, 41, 41)
    point[20, 20, 20] = 1.0
    seen = blurred(point, 5.5, step_mm)
    assert float(seen.sum()) == pytest.approx(1, rel=1e-4)
    distance = (np.arange(41) - 20) * step_mm
    profile = seen.sum((0, 1)).numpy()
    sd = float((profile * distance**2).sum()) ** 0.5
    # A voxel's own width, d²/12, adds to the kernel's; tails beyond 3 SD are cut.
    assert sd == pytest.approx((5.5**2 / 2.3548**2 + step_mm**2 / 12) ** 0.5, rel=0.03)


def test_blur_leaves_what_is_even_up_to_the_edges():
    assert blurred(uniform(3.0, 8.0), 12.0, 8.0).numpy() == pytest.approx(3.0, rel=1e-5)


@pytest.mark.parametrize("step_mm", [2.0, 4.0])
def test_liver_noise_has_the_coefficient_asked_for_at_4_mm(step_mm):
    found = pet(step_mm)
    factor = round(4.0 / step_mm)
    found = box_mean(found, (factor,) * 3)
    assert found.mean() == pytest.approx(LIVER_SUV, rel=0.01)
    assert found.std() / found.mean() == pytest.approx(0.11, rel=0.1)


@pytest.mark.parametrize("step_mm", [2.0, 4.0])
def test_ct_noise_has_the_sd_asked_for_at_4_mm(step_mm):
    factor = round(4.0 / step_mm)
    found = box_mean(ct(step_mm), (factor,) * 3)
    assert found.mean() == pytest.approx(LIVER_HU, abs=0.5)
    assert found.std() == pytest.approx(11.0, rel=0.1)


@pytest.mark.parametrize("formed", [pet, ct])
def test_coarse_and_box_averaged_noise_correlate_alike(formed):
    """One base model serves both, which must not tell them apart."""
    averaged = neighbor_correlation(box_mean(formed(2.0), (2, 2, 2)), 4.0)
    assert neighbor_correlation(formed(4.0), 4.0) == pytest.approx(averaged, abs=0.08)


def test_noise_ratio_is_one_where_levels_are_told_and_falls_with_the_voxel():
    ratios = [noise_ratio(PET_NOISE_FWHM_MM, step) for step in (1.0, 2.0, 4.0, 8.0)]
    assert ratios[2] == pytest.approx(1)
    assert ratios == sorted(ratios, reverse=True)
    assert noise_ratio(0.01, 8.0) == pytest.approx(8**-0.5, rel=0.02)  # white noise


def test_variance_of_counts_grows_with_activity():
    warm, hot = (pet(4.0, suv, cov=0.05).std() for suv in (2.0, 8.0))
    assert hot / warm == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("suv", [0.05, 0.3, 2.2, 15.0])
@pytest.mark.parametrize("step_mm", [2.0, 4.0])
def test_count_noise_is_positive_skewed_and_keeps_the_mean(step_mm, suv):
    found = pet(step_mm, suv)
    assert found.min() > 0
    error = 4 * float(found.std()) * (9.5 / EXTENT_MM) ** 1.5  # of the mean
    assert found.mean() == pytest.approx(suv, abs=error)
    residual = found - found.mean()
    assert (residual**3).mean() / residual.std() ** 3 > 0.05


def test_count_noise_adds_nothing_to_air_and_hardly_moves_the_activity_of_the_field():
    clean = uniform(0.0, 4.0)
    clean[16:32, 10:38, 10:38] = 0.6
    clean[20:26, 16:22, 16:22] = 15.0
    clean = blurred(clean, 5.5, 4.0)
    draws = [pet_noised(clean, 4.0, 0.13, 2.2, generator(n)) for n in range(8)]
    mean = torch.stack(draws).mean(0)
    assert not mean[clean == 0].any()
    assert float(mean.sum()) == pytest.approx(float(clean.sum()), rel=0.005)


def test_activity_around_is_the_blur_it_stands_for():
    image = uniform(0.5, 4.0)[:, :, :45].clone()  # not a multiple of the pooled voxels
    image[15:30, 15:30, 15:30] = 3.0
    exact = blurred(image, 16.0, 4.0)
    assert local_mean(image, 4.0).shape == image.shape
    assert float((local_mean(image, 4.0) - exact).abs().max()) < 0.2


@pytest.mark.parametrize("dose_mbq_per_kg", [2.0, 6.0])
def test_noise_goes_with_the_root_of_the_inverse_dose(dose_mbq_per_kg):
    assert dose_factor(4.0) == 1
    usual = pet(4.0, cov=0.11).std()
    found = pet(4.0, cov=0.11 * dose_factor(dose_mbq_per_kg)).std()
    assert found / usual == pytest.approx((4.0 / dose_mbq_per_kg) ** 0.5, rel=0.03)


@pytest.mark.parametrize("dose_mbq_per_kg", [0.0, -3.0, float("nan")])
def test_a_dose_that_is_none_is_refused(dose_mbq_per_kg):
    with pytest.raises(ValueError, match=r"injected_mbq_per_kg.*such as 4\.0"):
        dose_factor(dose_mbq_per_kg)


@pytest.mark.parametrize("step_mm", [2.0, 4.0])
def test_neighbors_in_ct_correlate_as_on_scanners(step_mm):
    """Soft-tissue sarcoma scans: 0.2-0.5 at 2 mm, 0.2-0.4 at 4 mm."""
    assert 0.2 < neighbor_correlation(ct(step_mm), step_mm) < 0.38


@given(fwhm_mm=st.floats(0.5, 2.0), step_mm=st.floats(2, 8))
def test_neighbor_kernel_makes_noise_of_unit_variance(fwhm_mm, step_mm):
    taps = np.array(neighbor_kernel(fwhm_mm, step_mm))
    assert (taps**2).sum() == pytest.approx(1)
    assert taps == pytest.approx(taps[::-1])


def test_ct_is_quieter_in_air_and_stays_in_range():
    assert ct(4.0, hu=-900.0).std() < 0.6 * ct(4.0).std()
    assert ct(4.0, hu=-1024.0).min() >= -1024
    assert ct(4.0, hu=3071.0).max() <= 3071


@pytest.mark.parametrize("formed", [pet, ct])
def test_the_generator_decides_the_noise(formed):
    assert np.array_equal(formed(4.0), formed(4.0))


@settings(max_examples=20, deadline=None)
@given(dome_mm=st.floats(-400, -150), shift_mm=st.floats(-6, 12))
def test_breathing_moves_only_what_is_near_the_diaphragm(dome_mm, shift_mm):
    z_mm = np.arange(-800.0, 300.0, 4.0)
    profile = torch.from_numpy(np.sin(z_mm / 30) + 1.5).float()
    clean = profile.view(-1, 1, 1).expand(-1, 2, 2).clone()
    moved = breathed(clean.clone(), z_mm, dome_mm, shift_mm)
    far = np.abs(z_mm - dome_mm) >= 140
    assert torch.equal(moved[far], clean[far])
    even = breathed(torch.full_like(clean, 2.0), z_mm, dome_mm, shift_mm)
    assert even.numpy() == pytest.approx(2.0, rel=1e-5)


def test_breathing_lifts_the_dome_and_softens_it():
    z_mm = np.arange(-800.0, 300.0, 4.0)
    liver_below = torch.from_numpy((z_mm < -300).astype(np.float32)).view(-1, 1, 1)
    moved = breathed(liver_below.clone(), z_mm, -300.0, 6.0).flatten().numpy()
    lifted_mm = 4.0 * (moved.sum() - float(liver_below.sum()))
    assert lifted_mm == pytest.approx(6.0, abs=0.5)
    assert ((moved > 0.05) & (moved < 0.95)).sum() >= 2


def test_a_field_too_short_for_the_diaphragm_is_left_alone():
    z_mm = np.arange(-330.0, -270.0, 4.0)
    clean = torch.rand(len(z_mm), 2, 2, generator=generator())
    assert torch.equal(breathed(clean.clone(), z_mm, -300.0, 3.0), clean)
