"""Statistics of one CT and PET that do not ask which voxel holds what.

Noise of muscle, fat and liver, how many voxels have which SUV, and how the activity
lies along the body: alike for real, phantom and generated images.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy import ndimage

from vct.anatomy import LABEL_OF, ORGAN_GROUPS
from vct.grid import Grid
from vct.validation.spectra import NoiseSpectrum, Spacing, noise_spectrum
from vct.volume import Volume

# Smoothed CT of tissue [HU]: muscle without and with contrast medium; fat.
TISSUE_HU = {"muscle": (25.0, 95.0), "fat": (-125.0, -85.0)}
TISSUE_ORGANS = {
    "muscle": ORGAN_GROUPS["muscle"],
    "fat": ("subcutaneous_fat", "visceral_fat"),
}
SMOOTHING_MM = 5.0  # FWHM; takes the noise off before tissue is told by HU
TISSUE_MARGIN_MM = 6.0  # nearer to other tissue, blur mixes in its uptake
LIVER_MARGIN_MM = 12.0
LESION_MARGIN_MM = 10.0
BODY_HU = -300.0
SUV_EDGES = np.geomspace(0.01, 100.0, 81)
AXIAL_STEP_MM = 8.0


@dataclass(frozen=True)
class ImageStatistics:
    """What ``image_statistics`` measures on one subject or pools over several.

    Attributes
    ----------
    spacing_mm
        Voxel size of the PET (k, j, i) [mm].
    ct_noise, pet_noise
        By tissue (``muscle``, ``fat``, ``liver``); CT in HU, PET as a share of the
        tissue's mean SUV. A tissue of which there is too little is left out.
    suv_share
        Share of the body's voxels in each bin of ``SUV_EDGES``; the first and last
        bin hold what lies beyond.
    axial_mm, axial_activity
        Height over the first slice [mm], and SUV × volume per length there
        [g/mm].
    subjects
        How many are pooled.
    """

    spacing_mm: Spacing
    ct_noise: dict[str, NoiseSpectrum]
    pet_noise: dict[str, NoiseSpectrum]
    suv_share: np.ndarray
    axial_mm: np.ndarray
    axial_activity: np.ndarray
    subjects: int = 1


def image_statistics(
    ct_hu: np.ndarray,
    suv: np.ndarray,
    spacing_mm: Spacing,
    labels: np.ndarray | None = None,
) -> ImageStatistics:
    """Measure one subject whose images share a grid.

    Parameters
    ----------
    ct_hu, suv
        CT [HU] and body-weight SUV [g/mL], (k, j, i), k upward.
    spacing_mm
        Voxel size (k, j, i) [mm].
    labels
        Organs of ``vct.anatomy``. With them muscle and fat are where both labels and
        HU say so, and the liver is measured too. Without them everything of muscle's
        HU counts as muscle: fit for limbs, not for a trunk.

    Raises
    ------
    ValueError
        If the arrays do not share one three-dimensional shape.
    """
    ct_hu, suv = np.asarray(ct_hu, np.float32), np.asarray(suv, np.float32)
    if ct_hu.ndim != 3 or ct_hu.shape != suv.shape:
        raise ValueError(
            f"CT of shape {ct_hu.shape} and PET of shape {suv.shape}: image statistics "
            "need both on one grid (k, j, i); for two grids use apart_statistics"
        )
    if labels is not None and labels.shape != suv.shape:
        raise ValueError(
            f"labels of shape {labels.shape} on images of {suv.shape}: both must lie "
            "on one grid (k, j, i)"
        )
    masks = tissue_masks(ct_hu, spacing_mm, labels)
    return _measured(ct_hu, masks, spacing_mm, suv, masks, spacing_mm, body_mask(ct_hu))


def apart_statistics(
    ct: Volume, pet: Volume, exclude: Volume | None = None
) -> ImageStatistics:
    """Measure a CT and a PET that lie on grids of their own, neither resampled.

    Tissue is told on the CT; a PET voxel belongs to it where the CT around does.
    ``exclude`` marks lesions by voxels above 0.5; they and 10 mm around are left out.
    """
    masks = tissue_masks(ct.voxels, ct.grid.spacing_mm)
    if exclude is not None:
        marked = _on_grid(exclude.voxels, exclude.grid, ct.grid) > 0.5
        kept = eroded(~marked, LESION_MARGIN_MM, ct.grid.spacing_mm)
        masks = {tissue: mask & kept for tissue, mask in masks.items()}
    pet_masks = {
        tissue: _on_grid(mask, ct.grid, pet.grid) > 0.99
        for tissue, mask in masks.items()
    }
    body = _on_grid(body_mask(ct.voxels), ct.grid, pet.grid) > 0.5
    return _measured(
        ct.voxels, masks, ct.grid.spacing_mm,
        pet.voxels, pet_masks, pet.grid.spacing_mm, body,
    )  # fmt: skip


def _measured(
    ct_hu: np.ndarray,
    ct_masks: dict[str, np.ndarray],
    ct_spacing_mm: Spacing,
    suv: np.ndarray,
    pet_masks: dict[str, np.ndarray],
    pet_spacing_mm: Spacing,
    body: np.ndarray,
) -> ImageStatistics:
    ct_noise = {t: noise_spectrum(ct_hu, m, ct_spacing_mm) for t, m in ct_masks.items()}
    pet_noise = {
        t: noise_spectrum(suv, m, pet_spacing_mm) for t, m in pet_masks.items()
    }
    axial_mm, activity = axial_profile(suv, pet_spacing_mm)
    return ImageStatistics(
        spacing_mm=pet_spacing_mm,
        ct_noise={t: n for t, n in ct_noise.items() if n is not None},
        pet_noise={t: _relative(n) for t, n in pet_noise.items() if n is not None},
        suv_share=suv_shares(suv[body]),
        axial_mm=axial_mm,
        axial_activity=activity,
    )


def _on_grid(image: np.ndarray, held: Grid, wanted: Grid) -> np.ndarray:
    """Linear interpolation at another grid's voxel centers, 0 outside the field."""
    scale = np.divide(wanted.spacing_mm, held.spacing_mm)
    offset = np.subtract(wanted.origin_mm, held.origin_mm) / held.spacing_mm
    return ndimage.affine_transform(
        np.asarray(image, np.float32), scale, offset, wanted.shape, order=1
    )


def tissue_masks(
    ct_hu: np.ndarray, spacing_mm: Spacing, labels: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Muscle and fat by smoothed HU, well inside; with labels by both, and liver."""
    sigma = [SMOOTHING_MM / 2.3548 / s for s in spacing_mm]
    smooth = ndimage.gaussian_filter(ct_hu, sigma)
    masks = {}
    for tissue, (low, high) in TISSUE_HU.items():
        inside = (smooth > low) & (smooth < high)
        if labels is not None:
            inside &= np.isin(labels, [LABEL_OF[n] for n in TISSUE_ORGANS[tissue]])
        masks[tissue] = eroded(inside, TISSUE_MARGIN_MM, spacing_mm)
    if labels is not None:
        liver = labels == LABEL_OF["liver"]
        masks["liver"] = eroded(liver, LIVER_MARGIN_MM, spacing_mm)
    return masks


def eroded(mask: np.ndarray, margin_mm: float, spacing_mm: Spacing) -> np.ndarray:
    """Voxels of a mask at least a margin from what is outside it."""
    if not mask.any():
        return mask
    distance = ndimage.distance_transform_edt(mask, sampling=spacing_mm)
    return distance > margin_mm


def body_mask(ct_hu: np.ndarray) -> np.ndarray:
    """The subject with all cavities, slice by slice; tables count if they are there."""
    inside = ct_hu > BODY_HU
    return np.stack([ndimage.binary_fill_holes(plane) for plane in inside])


def suv_shares(suv: np.ndarray) -> np.ndarray:
    """Share of voxels in each bin of ``SUV_EDGES``."""
    held = np.clip(suv, SUV_EDGES[0], SUV_EDGES[-1])
    return np.histogram(held, SUV_EDGES)[0] / max(suv.size, 1)


def axial_profile(
    suv: np.ndarray, spacing_mm: Spacing
) -> tuple[np.ndarray, np.ndarray]:
    """SUV × volume per length along the body, in steps of ``AXIAL_STEP_MM``."""
    thickness, height, width = spacing_mm
    per_mm = suv.sum((1, 2), dtype=np.float64) * height * width / 1000.0
    edges = np.arange(0.0, len(suv) * thickness + 1e-6, AXIAL_STEP_MM)
    total = np.concatenate([[0.0], np.cumsum(per_mm * thickness)])
    held = np.interp(edges, np.arange(len(suv) + 1) * thickness, total)
    return (edges[1:] + edges[:-1]) / 2, np.diff(held) / AXIAL_STEP_MM


def pooled(statistics: Sequence[ImageStatistics]) -> ImageStatistics:
    """Mean over subjects; spectra on the first's frequencies, profiles from below.

    Raises
    ------
    ValueError
        If there is none.
    """
    if not statistics:
        raise ValueError("no subject to pool: give at least one ImageStatistics")
    first = statistics[0]
    axial = min((s.axial_mm for s in statistics), key=len)
    profiles = [s.axial_activity[: len(axial)] for s in statistics]
    return ImageStatistics(
        spacing_mm=first.spacing_mm,
        ct_noise=_pooled_noise([s.ct_noise for s in statistics]),
        pet_noise=_pooled_noise([s.pet_noise for s in statistics]),
        suv_share=np.mean([s.suv_share for s in statistics], axis=0),
        axial_mm=axial,
        axial_activity=np.mean(profiles, axis=0),
        subjects=sum(s.subjects for s in statistics),
    )


def _pooled_noise(found: list[dict[str, NoiseSpectrum]]) -> dict[str, NoiseSpectrum]:
    tissues = {tissue: None for by_tissue in found for tissue in by_tissue}
    return {t: _mean_spectrum([f[t] for f in found if t in f]) for t in tissues}


def _mean_spectrum(spectra: list[NoiseSpectrum]) -> NoiseSpectrum:
    """Mean correlation and power; SD is the root of the mean variance."""
    lag, frequency = spectra[0].lag_mm, spectra[0].frequency_per_mm

    def mean(x: np.ndarray, name: str, abscissa: str) -> np.ndarray:
        rows = [np.interp(x, getattr(s, abscissa), getattr(s, name)) for s in spectra]
        return np.mean(rows, axis=0)

    return NoiseSpectrum(
        mean=float(np.mean([s.mean for s in spectra])),
        sd=float(np.mean([s.sd**2 for s in spectra])) ** 0.5,
        voxels=sum(s.voxels for s in spectra),
        lag_mm=lag,
        in_plane=mean(lag, "in_plane", "lag_mm"),
        axial=mean(lag, "axial", "lag_mm"),
        frequency_per_mm=frequency,
        power=mean(frequency, "power", "frequency_per_mm"),
    )


def _relative(spectrum: NoiseSpectrum) -> NoiseSpectrum:
    """As a share of the mean."""
    values = {f.name: getattr(spectrum, f.name) for f in fields(spectrum)}
    values["sd"] = spectrum.sd / spectrum.mean
    values["power"] = spectrum.power / spectrum.mean**2
    return NoiseSpectrum(**values)
