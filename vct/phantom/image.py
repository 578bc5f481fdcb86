"""From clean HU and SUV to what a scanner shows: breathing, blur and noise."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

PET_FWHM_MM = 5.5
PET_NOISE_FWHM_MM = 6.5
# CT noise has a fine and a wide part; the wide part's share of the variance is told at
# NOISE_STEP_MM. Set so that neighbors correlate by 0.3 at 2 and at 4 mm, with texture.
CT_FINE_FWHM_MM = 1.3
CT_WIDE_FWHM_MM = 5.5
CT_WIDE_SHARE = 0.25
NOISE_STEP_MM = 4.0  # levels of noise are told at this voxel size
REFERENCE_MBQ_PER_KG = 4.0  # and at this dose, the middle of the trained protocol
COUNTS_FWHM_MM = 16.0  # activity that far around adds to a voxel's noise
LARGEST_VARIANCE = 0.5  # of count noise over the mean squared
BREATHING_MM = 10.0
BREATHING_REACH_MM = (140.0, 50.0)  # about the diaphragm: end, and SD of the weight
COUNTS_SHARES = (0.5, 0.5, 0.02)  # a voxel's variance: of around, itself, always [SUV]
CT_NOISE_IN_AIR = 0.35  # of that in tissue


def _normal(shape, generator: torch.Generator, device: torch.device) -> Tensor:
    drawn = torch.randn(shape, generator=generator, device=generator.device)
    return drawn.to(device)


def kernel_1d(fwhm_mm: float, step_mm: float) -> list[float]:
    """Gaussian integrated over voxels, symmetric, sum 1."""
    sigma = fwhm_mm / 2.3548 / step_mm
    n = max(1, math.ceil(3 * sigma))

    def below(t: float) -> float:
        return 0.5 * (1 + math.erf(t / (sigma * math.sqrt(2))))

    taps = [below(k + 0.5) - below(k - 0.5) for k in range(-n, n + 1)]
    return [t / sum(taps) for t in taps]


def blurred(image: Tensor, fwhm_mm: float, step_mm: float) -> Tensor:
    """Gaussian blur along all axes; beyond the field counts as the field's edge."""
    return weighted(image, kernel_1d(fwhm_mm, step_mm))


def weighted(image: Tensor, taps: list[float]) -> Tensor:
    """Symmetric weights along each axis; beyond the field counts as its edge."""
    n = len(taps) // 2
    for axis in range(3):
        size = image.shape[axis]
        out = image * taps[n]
        for k in range(1, n + 1):
            w = taps[n + k]
            inner = size - k
            out.narrow(axis, 0, inner).add_(image.narrow(axis, k, inner), alpha=w)
            out.narrow(axis, k, inner).add_(image.narrow(axis, 0, inner), alpha=w)
            out.narrow(axis, inner, k).add_(image.narrow(axis, size - 1, 1), alpha=w)
            out.narrow(axis, 0, k).add_(image.narrow(axis, 0, 1), alpha=w)
        image = out
    return image


def noise_gain(fwhm_mm: float, step_mm: float) -> float:
    """SD of unit white noise after ``blurred``."""
    return sum(t * t for t in kernel_1d(fwhm_mm, step_mm)) ** 1.5


def noise_ratio(fwhm_mm: float, step_mm: float) -> float:
    """SD of noise at a voxel size over its SD at ``NOISE_STEP_MM``.

    A voxel holds the mean of a field of Gaussian correlation over its box, so that
    coarse voxels of a fine image are as noisy as coarse voxels rendered.
    """
    return (
        _box_variance(fwhm_mm, step_mm) / _box_variance(fwhm_mm, NOISE_STEP_MM)
    ) ** 1.5


def _box_variance(fwhm_mm: float, step_mm: float) -> float:
    """Variance of means along one axis, of a field of unit variance."""
    a = step_mm / (2 * fwhm_mm / 2.3548)
    return (math.sqrt(math.pi) * a * math.erf(a) + math.exp(-a * a) - 1) / a**2


def neighbor_kernel(fwhm_mm: float, step_mm: float) -> list[float]:
    """Three taps that make of white noise what means over boxes are.

    Unit SD; neighbors correlate as means over boxes of a field of Gaussian correlation
    do. For fields narrower than about a voxel, beyond which three taps fall short.
    """
    one, two = (_box_variance(fwhm_mm, n * step_mm) for n in (1, 2))
    correlation = min(2 * two / one - 1, 0.7)
    side = (1 - math.sqrt(1 - 2 * correlation**2)) / (2 * correlation)
    middle = 1 / math.sqrt(1 + 2 * side**2)
    return [side * middle, middle, side * middle]


def breathed(suv: Tensor, z_mm: np.ndarray, dome_mm: float, shift_mm: float) -> Tensor:
    """PET of a breathing subject: about the diaphragm, a mean over its excursion.

    The CT is one moment of the cycle, the PET its mean over ``BREATHING_MM``,
    ``shift_mm`` higher; both fade out 70 mm from the diaphragm.
    """
    step = float(z_mm[1] - z_mm[0])
    end_mm, sd_mm = BREATHING_REACH_MM
    near = np.flatnonzero(np.abs(z_mm - dome_mm) < end_mm)
    margin = math.ceil((BREATHING_MM / 2 + abs(shift_mm)) / step) + 1
    if len(near) == 0 or near[0] < margin or near[-1] + margin >= len(z_mm):
        return suv
    low, n = int(near[0]), len(near)
    weight = np.exp(-0.5 * ((z_mm[near] - dome_mm) / sd_mm) ** 2)
    w = torch.tensor(weight, dtype=suv.dtype, device=suv.device).view(-1, 1, 1)
    mean = torch.zeros_like(suv[low : low + n])
    for offset in (-BREATHING_MM / 2, 0.0, BREATHING_MM / 2):
        at = (offset - shift_mm) / step
        whole = math.floor(at)
        part = at - whole
        mean += suv.narrow(0, low + whole, n) * ((1 - part) / 3)
        mean += suv.narrow(0, low + whole + 1, n) * (part / 3)
    out = suv.clone()
    out[low : low + n].lerp_(mean, w.expand_as(mean))
    return out


def pet_noised(
    suv: Tensor, step_mm: float, cov: float, liver_suv: float, generator
) -> Tensor:
    """Count noise: log-normal of mean one, variance growing with activity.

    Pictures of expectation maximization scatter log-normally (Barrett, Wilson and
    Tsui, Phys Med Biol 1994;39:833). ``cov`` is the coefficient of variation at the
    liver's SUV in voxels of ``NOISE_STEP_MM``.
    """
    cov *= noise_ratio(PET_NOISE_FWHM_MM, step_mm)
    white = _normal(suv.shape, generator, suv.device)
    grain = blurred(white, PET_NOISE_FWHM_MM, step_mm)
    # Attenuation correction lifts noise in the middle of large bodies; the mean
    # over the neighborhood stands for the counts behind a voxel.
    around, itself, always = COUNTS_SHARES
    variance = local_mean(suv, step_mm).mul_(around)
    variance.add_(suv, alpha=itself).add_(always)
    variance *= cov**2 * liver_suv
    variance /= suv.square().add_(1e-6)
    variance.clamp_max_(LARGEST_VARIANCE).log1p_()
    grain *= variance.sqrt().div_(noise_gain(PET_NOISE_FWHM_MM, step_mm))
    return grain.sub_(variance, alpha=0.5).exp_().mul_(suv)


def local_mean(suv: Tensor, step_mm: float) -> Tensor:
    """Gaussian mean of SUV over ``COUNTS_FWHM_MM``, (k, j, i), on voxels of 8 mm."""
    factor = max(1, round(8.0 / step_mm))
    if factor == 1:
        return blurred(suv, COUNTS_FWHM_MM, step_mm)
    pooled_mm = factor * step_mm
    # Pooling, the kernel's voxels and linear interpolation blur by d²/3 in all.
    fwhm_mm = math.sqrt(COUNTS_FWHM_MM**2 - 2.3548**2 * pooled_mm**2 / 3)
    pooled = torch.nn.functional.avg_pool3d(
        suv[None], factor, ceil_mode=True, count_include_pad=False
    )
    smooth = blurred(pooled[0], fwhm_mm, pooled_mm)
    fine = torch.nn.functional.interpolate(
        smooth[None, None], scale_factor=factor, mode="trilinear"
    )
    k, j, i = suv.shape
    return fine[0, 0, :k, :j, :i].contiguous()


def dose_factor(injected_mbq_per_kg: float) -> float:
    """Noise at a dose over noise at the reference: counts grow with the dose.

    Raises
    ------
    ValueError
        If the dose is not positive.
    """
    if not injected_mbq_per_kg > 0:
        raise ValueError(
            f"injected_mbq_per_kg is {injected_mbq_per_kg}: the noise of a PET needs "
            "a positive dose, such as 4.0"
        )
    return math.sqrt(REFERENCE_MBQ_PER_KG / injected_mbq_per_kg)


def ct_noised(hu: Tensor, step_mm: float, sd_hu: float, generator) -> Tensor:
    """Correlated CT noise, about a third of its strength in air.

    ``sd_hu`` stands for voxels of ``NOISE_STEP_MM``.
    """
    fine = _normal(hu.shape, generator, hu.device)
    fine = weighted(fine, neighbor_kernel(CT_FINE_FWHM_MM, step_mm))
    wide = blurred(_normal(hu.shape, generator, hu.device), CT_WIDE_FWHM_MM, step_mm)
    sd_fine = math.sqrt(1 - CT_WIDE_SHARE) * noise_ratio(CT_FINE_FWHM_MM, step_mm)
    sd_wide = math.sqrt(CT_WIDE_SHARE) * noise_ratio(CT_WIDE_FWHM_MM, step_mm)
    sd_wide /= noise_gain(CT_WIDE_FWHM_MM, step_mm)
    grain = fine.mul_(sd_hu * sd_fine).add_(wide, alpha=sd_hu * sd_wide)
    weight = ((hu + 950) / 500).clamp_(0, 1)
    weight.mul_(1 - CT_NOISE_IN_AIR).add_(CT_NOISE_IN_AIR)
    return grain.mul_(weight).add_(hu).clamp_(-1024.0, 3071.0)
