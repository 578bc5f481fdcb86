"""Previews: orientation, aspect, bytes."""

import numpy as np
import pytest
from PIL import Image

from tests.validation.fake_cohort import FakeSubject, tiny_grid
from vct.report import write_contact_sheet, write_preview
from vct.report.preview import CAPTION_PX, WIDTH_PX
from vct.volume import StoredImages


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


def test_contact_sheet(tmp_path):
    write_preview(images_with_hot_voxel(20, 6, 8), FakeSubject(), tmp_path / "p.png")
    sheet = tmp_path / "sheet.png"
    write_contact_sheet([tmp_path / "p.png"] * 3, sheet, columns=2, width_px=600)
    assert gray(sheet).shape[1] == 600
    with pytest.raises(ValueError, match="at least one preview"):
        write_contact_sheet([], sheet)
