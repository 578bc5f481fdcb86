"""Masks on the grid of a prepared study: their place, their volume, their end."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vct.autopet.masks import find_mask, on_grid, read_mask
from vct.autopet.refusal import ScanError
from vct.grid import Grid
from vct.volume import Volume

GRID = Grid((30, 24, 20), (4.0, 4.0, 4.0), (-60.0, -50.0, -40.0))


def ball(grid: Grid, center_mm: tuple[float, float, float], radius_mm: float) -> Volume:
    z, y, x = np.meshgrid(*(grid.centers_mm(a) for a in range(3)), indexing="ij")
    square = sum((a - c) ** 2 for a, c in zip((z, y, x), center_mm, strict=True))
    return Volume((square < radius_mm**2).astype(np.float32), grid, "label")


@settings(deadline=None, max_examples=20)
@given(st.tuples(*(st.floats(-30, 30) for _ in range(3))))
def test_a_mask_lands_where_the_scan_was_shifted(
    shift_mm: tuple[float, float, float],
) -> None:
    middle = (0.0, -4.0, -2.0)
    origin = [m - 37.5 - s for m, s in zip(middle, shift_mm, strict=True)]
    scan = Grid((50, 50, 50), (1.5, 1.5, 1.5), (origin[0], origin[1], origin[2]))
    in_scan = tuple(m - s for m, s in zip(middle, shift_mm, strict=True))
    found, _ = on_grid(ball(scan, in_scan, 24.0), GRID, shift_mm)  # type: ignore[arg-type]
    expected = ball(GRID, middle, 24.0).voxels
    wrong = np.abs(found - expected).sum()
    assert wrong <= 0.06 * expected.sum()  # the half voxel that nearest may miss
    assert found.sum() == pytest.approx(expected.sum(), rel=0.03)


def test_a_mask_on_the_prepared_grid_is_not_shifted() -> None:
    mask = ball(GRID, (0.0, 0.0, 0.0), 20.0)
    found, covered = on_grid(mask, GRID, (100.0, 0.0, 0.0))
    np.testing.assert_array_equal(found, mask.voxels)
    assert covered.all()


def test_beyond_the_image_nothing_is_known() -> None:
    low = Grid((10, 24, 20), GRID.spacing_mm, GRID.origin_mm)
    mask = Volume(np.ones(low.shape, np.float32), low, "label")
    found, covered = on_grid(mask, GRID, (0.0, 0.0, 0.0))
    assert covered[:10].all()
    assert not covered[10:].any()
    np.testing.assert_array_equal(found, covered)


def test_a_file_is_read_in_the_frame_of_the_patient(tmp_path: Path) -> None:
    labels = np.zeros((6, 5, 4), np.uint8)  # i j k, RAS
    labels[1, 2, 3] = 7
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = 10.0, 20.0, 30.0
    nibabel.save(nibabel.Nifti1Image(labels, affine), tmp_path / "s1.nii.gz")  # type: ignore[attr-defined]
    mask = read_mask(find_mask(tmp_path, "s1"))
    k, j, i = (int(n[0]) for n in np.nonzero(mask.voxels == 7))
    place = [mask.grid.centers_mm(axis)[n] for axis, n in enumerate((k, j, i))]
    # RAS (12, 26, 42) is LPS (-12, -26, 42).
    assert place == pytest.approx([42.0, -26.0, -12.0])


def test_a_missing_mask_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match=r"holds no s9\.nii\.gz"):
        find_mask(tmp_path, "s9")
