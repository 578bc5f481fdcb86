"""Prepared studies of boxes whose organs are known, and their masks."""

import json
from pathlib import Path

import nibabel
import numpy as np

from tests.training.prepared_folder import write_prepared
from vct.autopet.prepared import PreparedFolder
from vct.grid import Grid
from vct.training.people import Person

SPACING_MM = 16.0
SHIFT_MM = (120.0, -16.0, 24.0)
# Place, number in the masks, HU and SUV of each organ.
ORGANS = {
    "liver": (np.s_[35:42, 6:14, 6:14], 5, 60.0, 2.0),
    "kidney_left": (np.s_[30:34, 15:18, 19:22], 3, 40.0, 3.0),
    "kidney_right": (np.s_[30:34, 15:18, 10:13], 2, 40.0, 5.0),
    "brain": (np.s_[63:68, 8:16, 13:21], 90, 35.0, 7.0),
}


def images(person: Person, index: int, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Organs in a body of water, with noise in the PET."""
    rng = np.random.default_rng(index)
    hu, suv = np.full(grid.shape, -1000.0), np.zeros(grid.shape)
    body = np.s_[2:70, 4:20, 4:28]
    hu[body], suv[body] = 0.0, 1.0
    for where, _, organ_hu, organ_suv in ORGANS.values():
        hu[where] = organ_hu
        suv[where] = organ_suv + 0.2 * rng.standard_normal(suv[where].shape)
    return hu, suv.clip(0)


def prepared_boxes(folder: Path, *, studies: int = 3, low_k: int = 0) -> PreparedFolder:
    """Studies ``study-0`` …, covered from slice ``low_k`` upwards."""
    write_prepared(
        folder,
        training=studies - 1,
        held_out=1,
        images=images,
        covered=[(low_k, 72)],
        spacing_mm=SPACING_MM,
    )
    for study in (folder / "studies").iterdir():
        z, y, x = (-mm for mm in SHIFT_MM)
        done = dict(lung_top_mm=z, body_centroid_y_mm=y, body_centroid_x_mm=x)
        (study / "study.json").write_text(json.dumps({"done": done}))
    return PreparedFolder(folder)


def write_masks(folder: Path, prepared: PreparedFolder) -> Path:
    """Masks in the frame of the scans, before they were aligned, in half the voxels."""
    folder.mkdir()
    numbers = np.zeros(prepared.grid.shape, np.uint8)
    for where, number, *_ in ORGANS.values():
        numbers[where] = number
    for axis in range(3):
        numbers = numbers.repeat(2, axis=axis)
    half = SPACING_MM / 2
    z, y, x = (
        origin - half / 2 - shift
        for origin, shift in zip(prepared.grid.origin_mm, SHIFT_MM, strict=True)
    )
    affine = np.diag([-half, -half, half, 1.0])  # i j k of an LPS array, in RAS
    affine[:3, 3] = -x, -y, z
    image = nibabel.Nifti1Image(numbers.transpose(2, 1, 0), affine)  # type: ignore[attr-defined]
    for name in prepared.index["name"]:
        nibabel.save(image, folder / f"{name}.nii.gz")  # type: ignore[attr-defined]
    return folder
