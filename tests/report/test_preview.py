"""Previews: orientation, aspect, bytes."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.validation.fake_cohort import FakeSubject, tiny_grid
from vct.grid import Grid
from vct.report import write_preview, write_preview_of_volumes
from vct.report.preview import (
    CAPTION_PX,
    CORONAL_MIP,
    CT_SLICE,
    FUSED_SLICE,
    SAGITTAL_MIP,
    WIDTH_PX,
    panels_of,
)
from vct.volume import StoredImages, Volume


def images_with_hot_voxel(k: int, j: int, i: int) -> StoredImages:
    """Air, and one hot voxel of bone density."""
    grid = tiny_grid()
    ct = np.zeros(grid.shape, np.uint16)
    pet = np.zeros(grid.shape, np.uint16)
    pet[k, j, i], ct[k, j, i] = 32767, 4095
    step = np.full(grid.shape[0], 10.0 / 32767)
    return StoredImages(grid, ct, pet, step, None, 0)


def gray(path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L")).astype(float)


def darkest(pixels: np.ndarray) -> tuple[float, float]:
    """Center of the dark spot as shares of height and width, frames left out."""
    inner = pixels[40 : -CAPTION_PX - 40, 14:-14]
    rows, columns = np.nonzero(inner < 60)
    return rows.mean() / inner.shape[0], columns.mean() / inner.shape[1]


def test_same_arguments_same_bytes(tmp_path):
    images = images_with_hot_voxel(20, 6, 8)
    for name in ("a.png", "b.png"):
        write_preview(images, FakeSubject(), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert b"matplotlib" not in (tmp_path / "a.png").read_bytes().lower()


def test_the_caption_tells_completed_years(tmp_path):
    images = images_with_hot_voxel(20, 6, 8)
    for age_years in (61.0, 61.9):
        subject = replace(FakeSubject(), age_years=age_years)
        write_preview(images, subject, tmp_path / f"{age_years}.png")
    assert (tmp_path / "61.0.png").read_bytes() == (tmp_path / "61.9.png").read_bytes()


def test_head_is_up_and_the_right_of_the_patient_is_on_the_left(tmp_path):
    # High, anterior, and at the patient's right: small i, since i grows to the left.
    write_preview(images_with_hot_voxel(30, 2, 3), FakeSubject(), tmp_path / "p.png")
    pixels = gray(tmp_path / "p.png")
    width = pixels.shape[1]
    coronal = pixels[:, : int(width * 0.265)]
    row, column = darkest(coronal)
    assert row < 0.3
    assert column < 0.4
    sagittal = pixels[:, int(width * 0.272) : int(width * 0.466)]
    row, column = darkest(sagittal)
    assert row < 0.3
    assert column < 0.4  # the face is to the left


def test_millimeters_are_square(tmp_path):
    write_preview(images_with_hot_voxel(20, 6, 8), FakeSubject(), tmp_path / "p.png")
    height, width = gray(tmp_path / "p.png").shape
    assert width == WIDTH_PX
    dz, dy, dx = tiny_grid().fov_mm
    px_per_mm = (WIDTH_PX - 50) / (3 * dx + dy)
    assert height == pytest.approx(dz * px_per_mm + 24 + CAPTION_PX, abs=2)


def test_panels_are_found_again(tmp_path):
    write_preview(images_with_hot_voxel(30, 2, 3), FakeSubject(), tmp_path / "p.png")
    panels = panels_of(tmp_path / "p.png")
    assert list(panels) == [CORONAL_MIP, SAGITTAL_MIP, CT_SLICE, FUSED_SLICE]
    dz, dy, dx = tiny_grid().fov_mm
    for panel, width in zip(panels.values(), (dx, dy, dx, dx), strict=True):
        assert panel.height / panel.width == pytest.approx(dz / width, rel=0.02)
    mip = np.asarray(panels[CORONAL_MIP].convert("L"))
    row, column = np.unravel_index(mip[5:-5, 5:-5].argmin(), mip[5:-5, 5:-5].shape)
    assert (row / mip.shape[0], column / mip.shape[1]) == pytest.approx(
        (5.5 / 36, 3.5 / 16), abs=0.06
    )


def test_volumes_and_stored_images_give_one_picture(tmp_path):
    images = images_with_hot_voxel(20, 6, 8)
    write_preview(images, FakeSubject(), tmp_path / "stored.png")
    ct = Volume(images.ct_hu().astype(np.float32), images.grid, "HU")
    pet = Volume(images.suv(), images.grid, "SUV")
    write_preview_of_volumes(ct, pet, FakeSubject(), tmp_path / "volumes.png")
    difference = gray(tmp_path / "stored.png") - gray(tmp_path / "volumes.png")
    assert np.abs(difference).max() <= 1
    other = Volume(np.zeros((2, 2, 2), np.float32), Grid((2,) * 3, (1,) * 3, (0,) * 3),
                   "SUV")  # fmt: skip
    with pytest.raises(ValueError, match="on one grid"):
        write_preview_of_volumes(ct, other, FakeSubject(), tmp_path / "no.png")
