"""NIfTI to the patient frame, whatever the order and direction of its axes."""

import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nibabel import orientations

from tests.autopet.scans import ct_truth
from tests.autopet.trees import save_nifti
from vct.autopet.nifti import nifti_image
from vct.autopet.refusal import ScanError

AXES = [a + b + c for a in "LR" for b in "AP" for c in "IS"]
AXES += [b + c + a for a in "LR" for b in "AP" for c in "IS"]


@settings(max_examples=16, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(axes=st.sampled_from(AXES))
def test_any_axis_order_reads_the_same(axes: str, tmp_path: Path) -> None:
    """Turned by nibabel, read as the same volume at the same place."""
    path = save_nifti(ct_truth(), tmp_path / "CT.nii.gz")
    expected = nifti_image(path, "HU").read()
    image = nibabel.load(path)
    turn = orientations.ornt_transform(
        orientations.io_orientation(image.affine), orientations.axcodes2ornt(axes)
    )
    turned = tmp_path / "turned.nii.gz"
    nibabel.save(image.as_reoriented(turn), turned)
    found = nifti_image(turned, "HU").read()
    np.testing.assert_array_equal(found.voxels, expected.voxels)
    assert found.grid.shape == expected.grid.shape
    np.testing.assert_allclose(found.grid.origin_mm, expected.grid.origin_mm)
    np.testing.assert_allclose(found.grid.spacing_mm, expected.grid.spacing_mm)


def test_a_voxel_keeps_its_place_in_the_patient(tmp_path: Path) -> None:
    """RAS (x, y, z) of the file is LPS (−x, −y, z) of the volume."""
    array = np.zeros((3, 4, 5), np.float32)
    array[1, 2, 4] = 7.0
    affine = np.array(
        [[2.0, 0, 0, -11], [0, 3.0, 0, -13], [0, 0, 4.0, -17], [0, 0, 0, 1]]
    )
    path = tmp_path / "SUV.nii"
    nibabel.save(nibabel.Nifti1Image(array, affine), path)
    volume = nifti_image(path, "SUV").read()
    k, j, i = np.argwhere(volume.voxels == 7.0)[0]
    x, y, z, _ = affine @ [1, 2, 4, 1]
    assert volume.grid.centers_mm(0)[k] == z
    assert volume.grid.centers_mm(1)[j] == -y
    assert volume.grid.centers_mm(2)[i] == -x


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_truncated_files_are_told_by_their_header(share: float, tmp_path: Path) -> None:
    path = save_nifti(
        np.random.default_rng(1).random((20, 20, 20)), tmp_path / "a.nii.gz"
    )
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ScanError, match=r"truncated|no NIfTI file"):
        nifti_image(path, "SUV")
    plain = tmp_path / "b.nii"
    unpacked = gzip.decompress(whole)
    plain.write_bytes(unpacked[: int(share * len(unpacked))])
    with pytest.raises(ScanError, match="truncated"):
        nifti_image(plain, "SUV")


@pytest.mark.parametrize(
    ("place", "damage", "words"),
    [
        (70, b"\xf0\x00", "no NIfTI file .*data code 240 not recognized"),
        (108, b"\x00\x00\x00\x40", "no NIfTI file .*vox offset 2 too low"),
        (123, b"\x07", "its unit of length is of code 7, not mm"),
        (42, b"\x00\xff", r"shape \(-256, 5, 4\), not a volume"),
    ],
    ids=["kind of number", "offset", "unit", "shape"],
)
def test_a_damaged_header_is_refused(
    place: int, damage: bytes, words: str, tmp_path: Path
) -> None:
    path = save_nifti(np.zeros((4, 5, 6)), tmp_path / "a.nii")
    whole = bytearray(path.read_bytes())
    whole[place : place + len(damage)] = damage
    path.write_bytes(whole)
    with pytest.raises(ScanError, match=words):
        nifti_image(path, "SUV")


def test_a_file_packed_in_parts_is_whole(tmp_path: Path) -> None:
    path = save_nifti(ct_truth(), tmp_path / "a.nii.gz")
    data = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(data[:500]) + gzip.compress(data[500:]))
    np.testing.assert_array_equal(nifti_image(path, "HU").read().voxels, ct_truth())


def test_values_below_air_are_air(tmp_path: Path) -> None:
    path = save_nifti(np.full((2, 2, 2), -3024.0), tmp_path / "a.nii.gz")
    assert nifti_image(path, "HU").read().voxels.min() == -1024.0


def test_refusals(tmp_path: Path) -> None:
    def refused(affine: np.ndarray, shape: tuple[int, ...], code: int = 1) -> str:
        image = nibabel.Nifti1Image(np.zeros(shape, np.float32), affine)
        image.set_sform(affine if code else None, code)
        image.set_qform(affine if code else None, code)
        nibabel.save(image, tmp_path / "odd.nii")
        with pytest.raises(ScanError) as error:
            nifti_image(tmp_path / "odd.nii", "SUV")
        return str(error.value)

    turned = np.eye(4)
    turned[:2, :2] = [[0.98, -0.2], [0.2, 0.98]]
    assert "oblique" in refused(turned, (3, 3, 3))
    assert "not a volume" in refused(np.eye(4), (3, 3, 3, 2))
    assert "neither qform nor sform" in refused(np.eye(4), (3, 3, 3), code=0)
    color = np.zeros((3, 3, 3), [(name, np.uint8) for name in "RGB"])
    nibabel.save(nibabel.Nifti1Image(color, np.eye(4)), tmp_path / "color.nii")
    with pytest.raises(ScanError, match=r"color\.nii: its voxels are no real numbers"):
        nifti_image(tmp_path / "color.nii", "SUV")
    (tmp_path / "no.nii.gz").write_bytes(b"not gzip")
    with pytest.raises(ScanError, match=r"no\.nii\.gz is no NIfTI file"):
        nifti_image(tmp_path / "no.nii.gz", "SUV")
