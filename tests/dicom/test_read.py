"""Back from disk: the same numbers, or one clear message."""

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tests.dicom.people import Person, a_study, some_images
from vct.dicom import read_series, write_subject
from vct.errors import CohortError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_subject(some_images(), Person(), a_study(), tmp_path / "S0001")
    return tmp_path / "S0001"


def rewrite(path: Path, **changes: object) -> None:
    ds = pydicom.dcmread(path)
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    ds.save_as(path)


def test_what_was_written_is_read(folder: Path) -> None:
    images = some_images()
    ct, pet = read_series(folder, "CT"), read_series(folder / "PT", "PT")
    assert (ct.quantity, pet.quantity) == ("HU", "SUV")
    np.testing.assert_array_equal(ct.voxels, images.ct_hu())
    np.testing.assert_allclose(pet.voxels, images.suv(), rtol=1e-6, atol=0)
    assert ct.grid == pet.grid == images.grid


def test_file_names_do_not_matter(folder: Path) -> None:
    before = read_series(folder, "PT").voxels
    for path in list((folder / "PT").glob("*.dcm")):
        path.rename(path.with_name(f"{99 - int(path.stem)}.dcm"))
    np.testing.assert_array_equal(read_series(folder, "PT").voxels, before)


@pytest.mark.parametrize("keep", [0, 100, 1500, -2])
def test_a_truncated_file(folder: Path, keep: int) -> None:
    path = folder / "CT" / "0005.dcm"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CohortError, match=r"0005\.dcm is truncated or no DICOM"):
        read_series(folder, "CT")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_file_cut_anywhere(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "PT" / "0005.dcm").read_bytes()
    path = tmp_path / "cut.dcm"
    for keep in range(132, len(whole), 7):
        path.write_bytes(whole[:keep])
        with pytest.raises(CohortError, match=r"cut\.dcm "):
            read_series(tmp_path, "PT")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_bit_flipped_anywhere_in_the_header(folder: Path, tmp_path: Path) -> None:
    """Read as it was but for that bit, or one clear message."""
    rewrite(folder / "PT" / "0005.dcm", ImagesInAcquisition=1)
    whole = (folder / "PT" / "0005.dcm").read_bytes()
    header, path = whole.index(b"\xe0\x7f\x10\x00"), tmp_path / "flipped.dcm"
    read, refused = 0, 0
    for at in range(132, header, 2):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        path.write_bytes(flipped)
        try:
            read_series(tmp_path, "PT")
            read += 1
        except CohortError:
            refused += 1
    assert min(read, refused) > 100


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ImagePositionPatient", [1.0, 2.0]),
        ("ImagesInAcquisition", "many"),
        ("RescaleSlope", "nan"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_numbers_that_are_none(folder: Path, keyword: str, value: object) -> None:
    path = folder / "CT" / "0002.dcm"
    ds = pydicom.dcmread(path)
    ds[keyword]._value = value  # as a damaged file has it: setting it would refuse
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vct.dicom.read.dcmread", lambda _: ds)
        with pytest.raises(CohortError, match=f"damaged: its {keyword} is"):
            read_series(folder, "CT")


@pytest.mark.parametrize("modality", ["CT", "PT"])
def test_a_missing_slice(folder: Path, modality: str) -> None:
    (folder / modality / "0005.dcm").unlink()
    with pytest.raises(CohortError, match="a slice is missing above z = -188"):
        read_series(folder, modality)  # type: ignore[arg-type]


@pytest.mark.parametrize("modality", ["CT", "PT"])
@pytest.mark.parametrize("outermost", ["0001.dcm", "0012.dcm"])
def test_a_missing_outermost_slice(folder: Path, modality: str, outermost: str) -> None:
    (folder / modality / outermost).unlink()
    with pytest.raises(CohortError, match="11 files, but the header says 12 slices"):
        read_series(folder, modality)  # type: ignore[arg-type]


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "RescaleSlope"])
def test_a_header_that_says_too_little(folder: Path, keyword: str) -> None:
    rewrite(folder / "CT" / "0002.dcm", **{keyword: None})
    with pytest.raises(CohortError, match=rf"0002\.dcm lacks {keyword}"):
        read_series(folder, "CT")


def test_a_segmentation_is_no_series_of_slices(folder: Path) -> None:
    with pytest.raises(CohortError, match="not a single slice"):
        read_series(folder / "SEG", "CT")


def test_a_double_slice(folder: Path) -> None:
    shutil.copy(folder / "CT" / "0003.dcm", folder / "CT" / "0013.dcm")
    with pytest.raises(CohortError, match="two slices lie at z = -192"):
        read_series(folder, "CT")


def test_mixed_series(folder: Path) -> None:
    other = folder.parent / "S0002"
    write_subject(some_images(), Person(subject_id="S0002"), a_study(), other)
    shutil.copy(other / "CT" / "0003.dcm", folder / "CT" / "0003.dcm")
    with pytest.raises(CohortError, match=r"mixes series: 0003\.dcm"):
        read_series(folder, "CT")


@pytest.mark.parametrize(
    ("modality", "keyword", "value"),
    [
        ("CT", "PatientID", "witness-S0002"),
        ("CT", "StudyInstanceUID", "1.2.3"),
        ("PT", "FrameOfReferenceUID", "1.2.3"),
        ("PT", "Units", "CNTS"),
        ("PT", "CorrectedImage", ["DECY"]),
        ("PT", "PatientWeight", "36.8"),
        ("PT", "SeriesTime", "100100"),
    ],
)
def test_one_slice_that_tells_another(
    folder: Path, modality: str, keyword: str, value: object
) -> None:
    rewrite(folder / modality / "0006.dcm", **{keyword: value})
    told = rf"mixes series: 0006\.dcm differs from 0001\.dcm in {keyword}"
    with pytest.raises(CohortError, match=told):
        read_series(folder, modality)  # type: ignore[arg-type]


def test_one_slice_of_another_dose(folder: Path) -> None:
    path = folder / "PT" / "0006.dcm"
    ds = pydicom.dcmread(path)
    ds.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose = "1E8"
    ds.save_as(path)
    with pytest.raises(CohortError, match="in RadiopharmaceuticalInformationSequence"):
        read_series(folder, "PT")


def test_a_series_time_after_the_acquisition(folder: Path) -> None:
    """As of a series that a workstation saved anew."""
    for path in (folder / "PT").glob("*.dcm"):
        rewrite(path, SeriesTime="100800")
    told = "Series Time 10:08:00 lies after the first Acquisition Time 10:02:00"
    with pytest.raises(CohortError, match=told):
        read_series(folder, "PT")


def test_another_modality(folder: Path) -> None:
    with pytest.raises(CohortError, match="is PT, not CT"):
        read_series(folder / "PT", "CT")


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="holds no DICOM files"):
        read_series(tmp_path, "CT")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Units": "CNTS"}, "Units is CNTS; SUV is read from BQML only"),
        ({"DecayCorrection": "ADMIN"}, "DecayCorrection is ADMIN"),
        ({"CorrectedImage": ["DECY"]}, "correction of attenuation and decay"),
        ({"PatientWeight": None}, "does not allow SUV"),
        ({"AcquisitionTime": None}, "does not allow SUV"),
    ],
)
def test_a_header_without_suv(
    folder: Path, change: dict[str, object], message: str
) -> None:
    for path in (folder / "PT").glob("*.dcm"):
        rewrite(path, **change)
    with pytest.raises(CohortError) as error:
        read_series(folder, "PT")
    assert message in str(error.value)
