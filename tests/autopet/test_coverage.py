"""What a CT covers: padding by header, by value, by circle, by box."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.autopet.scans import ct_datasets, ct_truth, write_ct
from tests.autopet.trees import save_nifti
from vct.autopet.coverage import ct_coverage, pet_coverage
from vct.autopet.dicom_file import read_header
from vct.autopet.dicom_series import PADDING_HU, Series, series_of, whole_hu
from vct.autopet.nifti import nifti_image
from vct.autopet.refusal import ScanError
from vct.autopet.resample import Resampler
from vct.grid import Grid

N = 40


def noisy_ct(n_slices: int = 30) -> np.ndarray:
    """Air and a body; the scanner cuts at -1024."""
    rng = np.random.default_rng(0)
    ct = rng.normal(-1000, 25, (n_slices, N, N))
    ct[:, 12:28, 10:30] = rng.normal(40, 25, (n_slices, 16, 20))
    return np.maximum(ct, -1024.0)


def circle(radius: float) -> np.ndarray:
    y, x = np.ogrid[:N, :N]
    return np.hypot(y - (N - 1) / 2, x - (N - 1) / 2) <= radius


def test_air_that_scatters_is_covered() -> None:
    found = ct_coverage(noisy_ct(), on_pet_grid=False)
    assert found.plane.all()
    assert found.slices.all()


@pytest.mark.parametrize("radius", [12.0, 15.5, N / 2])
def test_padding_below_air_is_found_whatever_its_shape(radius: float) -> None:
    ct = np.where(circle(radius), noisy_ct(), PADDING_HU)
    found = ct_coverage(ct, on_pet_grid=False)
    np.testing.assert_array_equal(found.plane, circle(radius))


@pytest.mark.parametrize("on_pet_grid", [False, True])
def test_a_circle_of_plain_air_in_the_corners_is_found(on_pet_grid: bool) -> None:
    ct = np.where(circle(N / 2), noisy_ct(), -1024.0)
    found = ct_coverage(ct, on_pet_grid=on_pet_grid)
    np.testing.assert_array_equal(found.plane, circle(N / 2))


def test_a_resampled_ct_ends_where_its_fill_begins() -> None:
    ct = np.full((30, N, N), -1024.0)
    ct[4:25, 6:34, 2:36] = noisy_ct()[4:25, 6:34, 2:36]
    found = ct_coverage(ct, on_pet_grid=True)
    assert found.plane[6:34, 2:36].all()
    assert found.plane.sum() == 28 * 34
    assert np.flatnonzero(found.slices).tolist() == list(range(4, 25))


def test_masked_air_on_its_own_grid_is_no_padding() -> None:
    ct = np.full((5, N, N), -1024.0)
    ct[:, 12:28, 10:30] = 40.0
    assert ct_coverage(ct, on_pet_grid=False).plane.all()


def test_a_ct_of_air_is_refused() -> None:
    with pytest.raises(ScanError, match="holds nothing but air"):
        ct_coverage(np.full((3, N, N), -1024.0), on_pet_grid=False)


def test_only_whole_voxels_are_covered() -> None:
    source = Grid((30, N, N), (3.0, 2.0, 2.0), (0.0, -39.0, -39.0))
    target = Grid((20, 12, 12), (8.0, 8.0, 8.0), (-20.0, -44.0, -44.0))
    resampler = Resampler.between(source, target)
    on = ct_coverage(
        np.where(circle(16.0), noisy_ct(), PADDING_HU), on_pet_grid=False
    ).on(resampler)
    z, y, x = (target.centers_mm(a) for a in range(3))
    corner = np.hypot(np.abs(y)[:, None] + 4, np.abs(x) + 4)
    whole_k = (z - 4 >= -1.5) & (z + 4 <= 88.5)
    assert not on[:, corner > 36.0].any()
    assert on[whole_k][:, corner < 30.0].all()
    assert not on[~whole_k].any()
    pet = pet_coverage(resampler)
    assert pet[whole_k][:, np.abs(y) + 4 <= 40][:, :, np.abs(x) + 4 <= 40].all()
    assert not pet[:, :, np.abs(x) + 4 > 40].any()


def ct_series(folder: Path, **elements: object) -> Series:
    datasets = ct_datasets()
    for ds in datasets:
        for keyword, value in elements.items():
            setattr(ds, keyword, value)
    write_ct(folder, datasets)
    return series_of([read_header(path) for path in sorted(folder.iterdir())])


def test_the_header_names_its_padding(tmp_path: Path) -> None:
    """Stored 24 is -1000 HU, the air of this CT: here the header calls it padding."""
    truth = ct_truth()
    plain = ct_series(tmp_path / "a").read_padded().voxels
    assert plain.dtype == np.int16
    np.testing.assert_array_equal(plain, truth)
    named = ct_series(tmp_path / "b", PixelPaddingValue=24)
    padded = named.read_padded().voxels
    np.testing.assert_array_equal(padded == PADDING_HU, truth == -1000)
    np.testing.assert_array_equal(named.read().voxels, truth)


def test_values_below_air_are_padding(tmp_path: Path) -> None:
    low = ct_series(tmp_path / "a", RescaleIntercept="-2000")
    padded = low.read_padded().voxels
    np.testing.assert_array_equal(padded == PADDING_HU, ct_truth() < -900)
    assert low.read().voxels.min() == -1024


def test_nifti_tells_padding_too(tmp_path: Path) -> None:
    hu = np.where(ct_truth() < -900, -3024.0, ct_truth() + 0.4)
    image = nifti_image(save_nifti(hu, tmp_path / "CT.nii.gz"), "HU")
    padded = image.read_padded().voxels
    expected = np.where(ct_truth() < -900, PADDING_HU, ct_truth())
    np.testing.assert_array_equal(padded, expected)
    assert image.read().voxels.min() == -1024
    broken = np.where(ct_truth() > 500, np.nan, ct_truth())
    image = nifti_image(save_nifti(broken, tmp_path / "b.nii.gz"), "HU")
    with pytest.raises(ScanError, match=r"b.nii.gz: the HU image .* not finite"):
        image.read_padded()


@given(st.lists(st.floats(-4000, 1e6), min_size=1))
def test_whole_hu_are_whole_and_keep_padding_apart(values: list[float]) -> None:
    given = np.array(values)
    whole = whole_hu(given)
    np.testing.assert_array_equal(whole == PADDING_HU, given < -1024)
    inside = (given >= -1024) & (given < 32767)
    assert np.abs(whole - given)[inside].max(initial=0) <= 0.5
    assert whole.max() <= 32767
