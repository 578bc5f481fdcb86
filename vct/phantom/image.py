"""From clean HU and SUV to what a scanner shows: texture, blur and noise."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

PET_FWHM_MM = 5.5
PET_NOISE_FWHM_MM = 6.5
CT_NOISE_FWHM_MM = 3.0
NOISE_STEP_MM = 4.0  # levels of noise are told at this voxel size


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
    taps = kernel_1d(fwhm_mm, step_mm)
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

    def variance(step: float) -> float:  # of means along one axis
        a = step / (2 * fwhm_mm / 2.3548)
        return (math.sqrt(math.pi) * a * math.erf(a) + math.exp(-a * a) - 1) / a**2

    return (variance(step_mm) / variance(NOISE_STEP_MM)) ** 1.5


def smooth_field(
    shape: tuple[int, int, int],
    step_mm: float,
    node_mm: float,
    generator: torch.Generator,
    device: torch.device,
) -> Tensor:
    """Random field of about unit SD, correlated over ``node_mm``.

    The nodes are drawn by millimeters, so that two grids over one field of view
    get the same field from the same stream.
    """
    nodes = tuple(round(n * step_mm / node_mm) + 1 for n in shape)
    coarse = _normal(nodes, generator, device)[None, None]
    fine = torch.nn.functional.interpolate(
        coarse, size=shape, mode="trilinear", align_corners=True
    )
    return fine[0, 0] * 1.5


def textured(
    hu: Tensor, suv: Tensor, step_mm: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Slow variation within tissue: ±4 % of SUV, a few HU, more in the lungs."""
    shape = (hu.shape[0], hu.shape[1], hu.shape[2])
    wide = smooth_field(shape, step_mm, 24.0, generator, hu.device)
    fine = smooth_field(shape, step_mm, 8.0, generator, hu.device)
    suv = suv * (1 + 0.03 * wide + 0.04 * fine)
    air = ((-850 - hu) / 100).clamp(0, 1)
    lung = ((-400 - hu) / 200).clamp(0, 1) * (1 - air)
    soft = ((hu + 200) / 100).clamp(0, 1)
    hu = hu + lung * (14 * wide + 22 * fine) + soft * (1.5 * wide + 4.0 * fine)
    return hu, suv


def breathed(suv: Tensor, z_mm: np.ndarray, dome_mm: float, shift_mm: float) -> Tensor:
    """PET of a breathing subject: about the diaphragm, a mean over its excursion.

    The CT is one moment of the cycle, the PET its mean over 10 mm, ``shift_mm``
    higher; both fade out 70 mm from the diaphragm.
    """
    step = float(z_mm[1] - z_mm[0])
    near = np.flatnonzero(np.abs(z_mm - dome_mm) < 140)
    margin = math.ceil((5 + abs(shift_mm)) / step) + 1
    if len(near) == 0 or near[0] < margin or near[-1] + margin >= len(z_mm):
        return suv
    low, n = int(near[0]), len(near)
    weight = np.exp(-0.5 * ((z_mm[near] - dome_mm) / 50.0) ** 2)
    w = torch.tensor(weight, dtype=suv.dtype, device=suv.device).view(-1, 1, 1)
    mean = torch.zeros_like(suv[low : low + n])
    for offset in (-5.0, 0.0, 5.0):
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
    """Count noise: variance grows with activity.

    ``cov`` is the coefficient of variation at the liver's SUV in voxels of
    ``NOISE_STEP_MM``.
    """
    cov *= noise_ratio(PET_NOISE_FWHM_MM, step_mm)
    white = _normal(suv.shape, generator, suv.device)
    grain = blurred(white, PET_NOISE_FWHM_MM, step_mm)
    grain /= noise_gain(PET_NOISE_FWHM_MM, step_mm)
    # Attenuation correction lifts noise in the middle of large bodies; the mean
    # over the neighborhood stands for the counts behind a voxel.
    around = blurred(suv, 16.0, step_mm) * 0.5 + suv * 0.5 + 0.02
    return (suv + cov * (liver_suv * around).sqrt() * grain).clamp_min_(0.0)


def ct_noised(hu: Tensor, step_mm: float, sd_hu: float, generator) -> Tensor:
    """Correlated CT noise, about a third of its strength in air.

    ``sd_hu`` stands for voxels of ``NOISE_STEP_MM``.
    """
    sd_hu *= noise_ratio(CT_NOISE_FWHM_MM, step_mm)
    white = _normal(hu.shape, generator, hu.device)
    # Neighbors correlate as means over boxes do: 0.27 at 4 mm.
    fwhm_mm = max(CT_NOISE_FWHM_MM, 0.975 * step_mm)
    grain = blurred(white, fwhm_mm, step_mm)
    grain /= noise_gain(fwhm_mm, step_mm)
    weight = 0.35 + 0.65 * ((hu + 950) / 500).clamp(0, 1)
    return (hu + sd_hu * weight * grain).clamp_(-1024.0, 3071.0)
