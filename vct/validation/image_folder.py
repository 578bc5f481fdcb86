"""Images of a folder, subject by subject, as statistics.

A subject is an ``.npz`` with ``ct_hu``, ``suv``, ``spacing_mm`` and, if known, organ
``labels``; or a folder with one CT and one PET as NIfTI (``*CT*``, ``*PET*`` or
``*SUV*``) and, if there are lesions, a ``*PET*mask*``.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vct.errors import VctError
from vct.grid import Grid
from vct.validation.image_statistics import (
    ImageStatistics,
    apart_statistics,
    image_statistics,
)
from vct.validation.spectra import box_mean
from vct.volume import Quantity, Volume


def folder_statistics(
    folder: Path, voxel_mm: float | None = None
) -> Iterator[tuple[str, ImageStatistics]]:
    """Name and statistics of each subject, by name.

    ``voxel_mm`` averages finer images over whole boxes of about that size first.

    Raises
    ------
    VctError
        If the folder holds no subject, or one of them lacks an image.
    """
    arrays = sorted(folder.glob("*.npz"))
    folders = sorted({path.parent for path in folder.glob("**/*.nii*")})
    if not arrays and not folders:
        raise VctError(
            f"no images in {folder}: expected .npz files with ct_hu, suv and "
            "spacing_mm, or folders of a CT and a PET as NIfTI (*CT*.nii.gz, "
            "*PET*.nii.gz)"
        )
    for path in arrays:
        yield path.stem, npz_statistics(path, voxel_mm)
    for path in folders:
        yield path.name, nifti_statistics(path, voxel_mm)


def npz_statistics(path: Path, voxel_mm: float | None = None) -> ImageStatistics:
    """Statistics of one ``.npz``."""
    with np.load(path) as held:
        absent = {"ct_hu", "suv", "spacing_mm"} - set(held.files)
        if absent:
            raise VctError(
                f"{path} lacks {', '.join(sorted(absent))}: save arrays ct_hu [HU] and "
                "suv [g/mL], (k, j, i), and spacing_mm, three numbers"
            )
        labels = held["labels"] if "labels" in held.files else None
        z, y, x = (float(s) for s in held["spacing_mm"])
        ct_hu, suv = held["ct_hu"], held["suv"]
    factors = _factors((z, y, x), voxel_mm)
    ct_hu, suv = box_mean(ct_hu, factors), box_mean(suv, factors)
    if labels is not None:
        labels = _unmixed(labels, factors)
    fz, fy, fx = factors
    return image_statistics(ct_hu, suv, (z * fz, y * fy, x * fx), labels)


def nifti_statistics(folder: Path, voxel_mm: float | None = None) -> ImageStatistics:
    """Statistics of one folder of NIfTI images, each on its own grid."""
    masks = sorted(folder.glob("*PET*mask*.nii*"))
    mask = read_nifti(masks[0], "label") if masks else None
    ct = read_nifti(_only(folder, "CT"), "HU")
    pet = read_nifti(_only(folder, "PET", "SUV"), "SUV")
    return apart_statistics(_averaged(ct, voxel_mm), _averaged(pet, voxel_mm), mask)


def read_nifti(path: Path, quantity: Quantity) -> Volume:
    """An axis-aligned NIfTI image as a volume in our order and frame."""
    try:
        import nibabel
    except ImportError as error:
        raise VctError(
            f"{path} is NIfTI, which needs nibabel: pip install 'vct[nifti]'"
        ) from error
    image = nibabel.as_closest_canonical(nibabel.load(path))  # axes R A S
    turn = image.affine[:3, :3]
    if np.abs(turn - np.diag(np.diag(turn))).max() > 1e-3 * np.abs(turn).max():
        raise VctError(
            f"{path} is oblique: its axes must be the patient's; resample it first"
        )
    voxels = np.asarray(image.dataobj, np.float32)[::-1, ::-1].transpose(2, 1, 0)
    dx, dy, dz = (float(d) for d in np.diag(turn))
    x, y, z = (float(o) for o in image.affine[:3, 3])
    _, ny, nx = voxels.shape
    origin = (z, -(y + (ny - 1) * dy), -(x + (nx - 1) * dx))
    grid = Grid(voxels.shape, (dz, dy, dx), origin)
    return Volume(np.ascontiguousarray(voxels), grid, quantity)


def _only(folder: Path, *words: str) -> Path:
    found = [
        path
        for path in sorted(folder.glob("*.nii*"))
        if any(w in path.name.upper() for w in words)
        and "MASK" not in path.name.upper()
    ]
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise VctError(
            f"{folder} needs exactly one NIfTI image with {' or '.join(words)} in its "
            f"name; found {names}"
        )
    return found[0]


def _averaged(volume: Volume, voxel_mm: float | None) -> Volume:
    """Means over boxes; the center of the first voxel moves with its box."""
    factors = _factors(volume.grid.spacing_mm, voxel_mm)
    voxels = box_mean(volume.voxels, factors)
    z, y, x = (
        o + (f - 1) / 2 * s
        for o, s, f in zip(
            volume.grid.origin_mm, volume.grid.spacing_mm, factors, strict=True
        )
    )
    dz, dy, dx = (s * f for s, f in zip(volume.grid.spacing_mm, factors, strict=True))
    return Volume(voxels, Grid(voxels.shape, (dz, dy, dx), (z, y, x)), volume.quantity)


def _factors(
    spacing_mm: tuple[float, float, float], voxel_mm: float | None
) -> tuple[int, int, int]:
    if voxel_mm is None:
        return 1, 1, 1
    z, y, x = (max(1, round(voxel_mm / s)) for s in spacing_mm)
    return z, y, x


def _unmixed(labels: np.ndarray, factors: tuple[int, int, int]) -> np.ndarray:
    """Label of boxes that hold one label alone; 0 elsewhere."""
    first = labels[tuple(slice(None, None, f) for f in factors)]
    first = first[
        tuple(slice(n // f) for n, f in zip(labels.shape, factors, strict=True))
    ]
    spread = first.repeat(factors[0], 0).repeat(factors[1], 1).repeat(factors[2], 2)
    same = labels[tuple(slice(n) for n in spread.shape)] == spread
    return np.where(box_mean(same.astype(np.float32), factors) == 1, first, 0)
