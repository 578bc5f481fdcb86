"""How voxels scatter about their tissue: noise spectrum and autocorrelation.

The noise of a picture is what is left of uniform tissue when slow variation is taken
off. Nothing here tells noise from fine texture of the tissue itself: both are in it.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

Spacing = tuple[float, float, float]

TREND_FWHM_MM = 40.0  # slower variation counts as anatomy
REACH_MM = 24.0  # autocorrelation is measured up to here
LEAST_VOXELS = 500
FREQUENCY_STEP_PER_MM = 0.01


@dataclass(frozen=True)
class NoiseSpectrum:
    """Scatter of the voxels of one tissue.

    Attributes
    ----------
    mean, sd
        Of the voxels; ``sd`` about their slow variation [the image's unit].
    voxels
        How many were measured.
    lag_mm, in_plane, axial
        Correlation of voxels so far apart within a slice and across slices.
    frequency_per_mm, power
        Spectrum within a slice, mean over directions [unit² mm²]. Its integral over
        the plane of frequencies is the variance.
    """

    mean: float
    sd: float
    voxels: int
    lag_mm: np.ndarray
    in_plane: np.ndarray
    axial: np.ndarray
    frequency_per_mm: np.ndarray
    power: np.ndarray

    @property
    def cov(self) -> float:
        """SD over mean."""
        return self.sd / self.mean

    @property
    def correlation_fwhm_mm(self) -> float:
        """Full width at half maximum of the autocorrelation within a slice [mm]."""
        return 2.0 * _first_crossing(self.lag_mm, self.in_plane, 0.5)


def noise_spectrum(
    image: np.ndarray, mask: np.ndarray, spacing_mm: Spacing
) -> NoiseSpectrum | None:
    """Noise of an image (k, j, i) where a mask holds; None if it holds too little.

    The autocorrelation of a masked image is the correlation of its residuals over that
    of the mask; its Fourier transform, tapered, is the spectrum.
    """
    voxels = int(mask.sum())
    if voxels < LEAST_VOXELS:
        return None
    box = ndimage.find_objects(mask.astype(np.int8))[0]
    image, mask = np.asarray(image[box], np.float32), np.asarray(mask[box], np.float32)
    residual = (image - trend(image, mask, spacing_mm)) * mask
    covariance = _masked_autocovariance(residual, mask, spacing_mm)
    middle = tuple(n // 2 for n in covariance.shape)
    variance = float(covariance[middle])
    lag, in_plane = _by_distance(covariance[middle[0]] / variance, spacing_mm[1:])
    across = covariance[middle[0] :, middle[1], middle[2]] / variance
    frequency, power = _spectrum(covariance[middle[0]], spacing_mm[1:])
    return NoiseSpectrum(
        mean=float((image * mask).sum() / mask.sum()),
        sd=variance**0.5,
        voxels=voxels,
        lag_mm=lag,
        in_plane=in_plane,
        axial=np.interp(lag, np.arange(len(across)) * spacing_mm[0], across),
        frequency_per_mm=frequency,
        power=power,
    )


def trend(image: np.ndarray, mask: np.ndarray, spacing_mm: Spacing) -> np.ndarray:
    """Mean of the masked voxels around each voxel, over ``TREND_FWHM_MM``."""
    sigma = [TREND_FWHM_MM / 2.3548 / s for s in spacing_mm]

    def around(values: np.ndarray) -> np.ndarray:
        return ndimage.gaussian_filter(values, sigma, mode="constant", truncate=3)

    weight = around(mask.astype(np.float32))
    return around(image * mask) / np.maximum(weight, 1e-6)


def box_mean(image: np.ndarray, factors: tuple[int, int, int]) -> np.ndarray:
    """Mean over boxes of voxels; what does not fill a box at the end is left out."""
    cut = [n - n % f for n, f in zip(image.shape, factors, strict=True)]
    split = [n for c, f in zip(cut, factors, strict=True) for n in (c // f, f)]
    return image[tuple(slice(c) for c in cut)].reshape(split).mean((1, 3, 5))


def _masked_autocovariance(
    residual: np.ndarray, mask: np.ndarray, spacing_mm: Spacing
) -> np.ndarray:
    """Covariance at offsets up to ``REACH_MM``; offset zero stands in the middle."""
    reach = [
        min(int(REACH_MM / s), n - 1)
        for s, n in zip(spacing_mm, residual.shape, strict=True)
    ]
    size = [
        fft.next_fast_len(n + r, real=True)
        for n, r in zip(residual.shape, reach, strict=True)
    ]

    def correlate(a: np.ndarray) -> np.ndarray:
        found = fft.irfftn(np.abs(fft.rfftn(a, size)) ** 2, size)
        for axis, r in enumerate(reach):
            kept = np.r_[np.arange(-r, 0), np.arange(r + 1)]
            found = np.take(found, kept, axis)
        return found

    pairs = correlate(mask)
    return np.where(pairs > 50, correlate(residual) / np.maximum(pairs, 1), 0.0)


def _by_distance(
    plane: np.ndarray, spacing_mm: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of a map, zero in its middle, over rings as wide as a voxel."""
    offsets = [
        (np.arange(n) - n // 2) * s
        for n, s in zip(plane.shape, spacing_mm, strict=True)
    ]
    distance = np.hypot(offsets[0][:, None], offsets[1][None, :])
    step = max(spacing_mm)
    ring = np.round(distance / step).astype(int)
    inside = distance <= min(REACH_MM, float(max(o.max() for o in offsets)))
    count = np.bincount(ring[inside])
    radius = np.bincount(ring[inside], distance[inside]) / np.maximum(count, 1)
    value = np.bincount(ring[inside], plane[inside]) / np.maximum(count, 1)
    return radius[count > 0], value[count > 0]


def _spectrum(
    covariance: np.ndarray, spacing_mm: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Power by frequency of a covariance map whose zero stands in the middle."""
    taper = [np.hanning(n + 2)[1:-1] for n in covariance.shape]
    tapered = covariance * taper[0][:, None] * taper[1][None, :]
    power = np.real(fft.fft2(fft.ifftshift(tapered))) * spacing_mm[0] * spacing_mm[1]
    cycles = [
        fft.fftfreq(n, s) for n, s in zip(covariance.shape, spacing_mm, strict=True)
    ]
    radius = np.hypot(cycles[0][:, None], cycles[1][None, :])
    limit = 0.5 / max(spacing_mm)
    width = max(FREQUENCY_STEP_PER_MM, float(max(c[1] for c in cycles)))
    ring = np.round(radius / width).astype(int)
    inside = radius <= limit
    count = np.bincount(ring[inside])
    held = count > 0
    frequency = np.bincount(ring[inside], radius[inside])[held] / count[held]
    mean = np.bincount(ring[inside], power[inside])[held] / count[held]
    return frequency, np.maximum(mean, 0.0)


def _first_crossing(x: np.ndarray, y: np.ndarray, level: float) -> float:
    below = np.flatnonzero(y < level)
    if len(below) == 0 or below[0] == 0:
        return float("nan")
    n = int(below[0])
    share = (y[n - 1] - level) / (y[n - 1] - y[n])
    return float(x[n - 1] + share * (x[n] - x[n - 1]))
