"""Folders of images become one plot."""

import numpy as np
import pytest

from vct.errors import VctError
from vct.validation.image_folder import folder_statistics, npz_statistics, read_nifti
from vct.validation.image_plot import main, plot_image_statistics, statistics_rows
from vct.validation.image_statistics import image_statistics

SHAPE = (160, 24, 24)


def body(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    ct = np.full(SHAPE, -1000.0, np.float32)
    ct[:, 3:21, 3:21] = 55.0
    noise = rng.standard_normal((2, *SHAPE)).astype(np.float32)
    suv = np.where(ct > 0, 0.6 * (1 + 0.1 * noise[0]), 0.0).astype(np.float32)
    return {"ct_hu": ct + 8 * noise[1], "suv": suv, "spacing_mm": np.full(3, 4.0)}


@pytest.fixture
def folder(tmp_path):
    for seed in (1, 2):
        np.savez(tmp_path / f"S{seed}.npz", **body(seed))
    return tmp_path


def write_nifti(path, voxels_kji, affine):
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.Nifti1Image(voxels_kji.transpose(2, 1, 0), affine)
    nibabel.save(image, path)


def test_the_command_draws_and_prints_what_it_found(folder, capsys):
    out = folder / "plots" / "all.png"
    main([f"phantom={folder}", "-o", str(out)])
    printed = capsys.readouterr().out
    assert "| phantom | muscle | 8" in printed
    assert out.read_bytes()[:4] == b"\x89PNG"
    assert out.stat().st_size < 150_000


def test_averaging_first_lowers_the_noise(folder):
    native, averaged = (npz_statistics(folder / "S1.npz", mm) for mm in (None, 8.0))
    assert averaged.spacing_mm == (8.0, 8.0, 8.0)
    ratio = averaged.ct_noise["muscle"].sd / native.ct_noise["muscle"].sd
    assert ratio == pytest.approx(8**-0.5, rel=0.2)


def test_nifti_in_any_orientation_reads_alike(tmp_path):
    grown = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
    right_anterior = np.diag([2.0, 2.0, 3.0, 1.0])
    write_nifti(tmp_path / "ras.nii.gz", grown, right_anterior)
    left_posterior = np.diag([-2.0, -2.0, 3.0, 1.0])
    left_posterior[:2, 3] = (5 * 2.0, 4 * 2.0)
    write_nifti(tmp_path / "lps.nii.gz", grown[:, ::-1, ::-1], left_posterior)
    a, b = (read_nifti(tmp_path / f"{n}.nii.gz", "HU") for n in ("ras", "lps"))
    assert np.array_equal(a.voxels, b.voxels)
    assert a.grid == b.grid
    # The voxel at x = y = z = 0 in RAS is the last row and column in LPS.
    assert a.voxels[0, -1, -1] == 0
    assert a.grid.centers_mm(1)[-1] == pytest.approx(0)


def test_a_folder_of_nifti_is_a_subject(tmp_path):
    subject = tmp_path / "S1"
    subject.mkdir()
    images, affine = body(1), np.diag([4.0, 4.0, 4.0, 1.0])
    write_nifti(subject / "CT_image.nii.gz", images["ct_hu"], affine)
    write_nifti(subject / "PET_image.nii.gz", images["suv"], affine)
    write_nifti(subject / "PET_mask.nii.gz", 0 * images["suv"], affine)
    ((name, found),) = folder_statistics(tmp_path)
    assert name == "S1"
    assert found.ct_noise["muscle"].sd == pytest.approx(8, rel=0.05)


def test_an_empty_folder_says_what_belongs_there(tmp_path):
    with pytest.raises(VctError, match=r"no images in .*\.npz files with ct_hu"):
        list(folder_statistics(tmp_path))


def test_a_missing_array_is_named(tmp_path):
    np.savez(tmp_path / "S1.npz", ct_hu=np.zeros((2, 2, 2)))
    with pytest.raises(VctError, match="lacks spacing_mm, suv"):
        npz_statistics(tmp_path / "S1.npz")


def test_two_pets_in_a_folder_are_named(tmp_path):
    for name in ("CT", "PET_a", "PET_b"):
        write_nifti(tmp_path / f"{name}.nii.gz", np.zeros((3, 3, 3)), np.eye(4))
    with pytest.raises(VctError, match=r"found PET_a\.nii\.gz, PET_b\.nii\.gz"):
        list(folder_statistics(tmp_path))


def test_an_oblique_image_is_refused(tmp_path):
    affine = np.eye(4)
    affine[:2, :2] = [[0.9, -0.4], [0.4, 0.9]]
    write_nifti(tmp_path / "CT.nii.gz", np.zeros((3, 3, 3)), affine)
    with pytest.raises(VctError, match="oblique"):
        read_nifti(tmp_path / "CT.nii.gz", "HU")


def test_a_set_without_a_name_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["somewhere", "-o", "x.png"])
    assert "'somewhere' is not NAME=FOLDER" in capsys.readouterr().err


def test_nothing_to_draw_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one named set"):
        plot_image_statistics({}, tmp_path / "x.png")


def test_rows_tell_each_tissue_of_each_set():
    images = body(3)
    found = image_statistics(images["ct_hu"], images["suv"], (4.0, 4.0, 4.0))
    rows = statistics_rows({"a": found, "b": found})
    assert [row.split("|")[1].strip() for row in rows[2:]] == ["a", "b"]
