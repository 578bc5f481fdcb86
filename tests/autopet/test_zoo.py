"""Bad DICOM: each is named with its path, and none stops the run."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.autopet.scans import (
    SECONDARY_CAPTURE,
    PetScan,
    ct_datasets,
    drop,
    in_drug,
    save,
    set_value,
    write_ct,
)
from tests.autopet.trees import dicom_tree
from vct.autopet import Survey
from vct.autopet.inspect import describe_study
from vct.autopet.survey import with_voxels

SUBJECTS = ["PETCT_00000000aa", "PETCT_00000000bb", "PETCT_00000000cc"]
CT, PET = "2.000000-GK p.v.3-12345", "4.000000-PET corr.-12345"
Spoil = Callable[[Path], Path]


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.dcm"))


def change_file(path: Path, change: Callable[[Dataset], None]) -> Path:
    ds = dcmread(path)
    change(ds)
    return save(ds, path)


def rewrite(study: Path, *changes: Callable[[Dataset, int], None]) -> Path:
    """The PET of subject bb, written again with changes."""
    scan = PetScan(subject=SUBJECTS[1], study="2")
    scan.changes += changes
    return scan.write(study / PET)


def cut_pixels(study: Path) -> Path:
    path = files(study / CT)[-1]
    path.write_bytes(path.read_bytes()[:-40])
    return path


def cut_header(study: Path) -> Path:
    path = files(study / CT)[0]
    path.write_bytes(path.read_bytes()[:300])
    return path


def cut_everything(study: Path) -> Path:
    path = files(study / PET)[0]
    path.write_bytes(b"")
    return path


def no_pixels(study: Path) -> Path:
    path = files(study / PET)[1]

    def change(ds: Dataset) -> None:
        del ds.PixelData

    return change_file(path, change)


def no_position(study: Path) -> Path:
    path = files(study / CT)[1]

    def change(ds: Dataset) -> None:
        del ds.ImagePositionPatient

    change_file(path, change)
    return path


def no_slope(study: Path) -> Path:
    rewrite(study, drop("RescaleSlope"))
    return study / PET


def odd_number(study: Path) -> Path:
    rewrite(study, in_drug(RadionuclideTotalDose=None))
    return study / PET


def mixed_series(study: Path) -> Path:
    other = ct_datasets(subject=SUBJECTS[1], study="2", series="1.7")[2]
    return save(other, study / CT / "zz.dcm")


def missing_slice(study: Path) -> Path:
    files(study / CT)[1].unlink()
    return study / CT


def missing_last_slice(study: Path) -> Path:
    """Only NumberOfSlices tells."""
    last = max(
        files(study / PET),
        key=lambda path: float(dcmread(path).ImagePositionPatient[2]),
    )
    last.unlink()
    return study / PET


def double_slice(study: Path) -> Path:
    path = files(study / CT)[1]
    (study / CT / "copy.dcm").write_bytes(path.read_bytes())
    return study / CT


def uneven_slices(study: Path) -> Path:
    path = files(study / CT)[-1]

    def change(ds: Dataset) -> None:
        ds.ImagePositionPatient[2] = float(ds.ImagePositionPatient[2]) + 0.5

    change_file(path, change)
    return study / CT


def zero_weight(study: Path) -> Path:
    rewrite(study, set_value("PatientWeight", "0"))
    return study / PET


def no_weight(study: Path) -> Path:
    rewrite(study, drop("PatientWeight"))
    return study / PET


def wrong_patient_in_one_file(study: Path) -> Path:
    stranger = ct_datasets(subject="PETCT_00000000dd", study="9", series="1.1")[1]
    return save(stranger, study / CT / "0-stranger.dcm")


def wrong_patient_in_the_folder(study: Path) -> Path:
    for path in files(study / PET):
        change_file(path, lambda ds: setattr(ds, "PatientID", "PETCT_00000000dd"))
    return study / PET


def other_frame(study: Path) -> Path:
    rewrite(study, set_value("FrameOfReferenceUID", "1.2.3"))
    return study


def no_overlap(study: Path) -> Path:
    def far(ds: Dataset, k: int) -> None:
        ds.ImagePositionPatient[2] = float(ds.ImagePositionPatient[2]) + 900

    rewrite(study, far)
    return study


def enhanced(study: Path) -> Path:
    path = files(study / PET)[0]
    return change_file(
        path,
        lambda ds: setattr(ds, "SOPClassUID", "1.2.840.10008.5.1.4.1.1.130"),
    )


def second_pet(study: Path) -> Path:
    scan = PetScan(subject=SUBJECTS[1], study="2", series="1.5")
    return scan.write(study / "5.000000-PET again-1")


def no_pet(study: Path) -> Path:
    for path in files(study / PET):
        path.unlink()
    return study


ZOO: dict[str, tuple[Spoil, str]] = {
    "cut pixels": (cut_pixels, "truncated: 40 bytes of pixel data are missing"),
    "cut header": (cut_header, "cut off within the header|cannot be read"),
    "empty file": (cut_everything, "no DICOM file, or cut off at its start"),
    "no pixels": (no_pixels, "truncated: 160 bytes of pixel data are missing"),
    "no position": (no_position, "lacks ImagePositionPatient"),
    "no slope": (no_slope, "lacks RescaleSlope"),
    "no dose": (odd_number, "Radionuclide Total Dose is not in the header"),
    "mixed series": (mixed_series, "mixed series: .* another SeriesInstanceUID"),
    "missing slice": (missing_slice, "not at equal distances"),
    "missing last slice": (missing_last_slice, "3 slices, but the header says 4"),
    "double slice": (double_slice, "two slices lie at z = "),
    "uneven slices": (uneven_slices, "not at equal distances"),
    "zero weight": (zero_weight, "Patient's Weight 0 is not a person's in kg"),
    "no weight": (no_weight, "Patient's Weight is not in the header"),
    "stranger": (
        wrong_patient_in_one_file,
        "wrong patient: .*0-stranger.dcm has another PatientID",
    ),
    "wrong patient": (
        wrong_patient_in_the_folder,
        "wrong patient: the files say PETCT_00000000dd, the folder PETCT_00000000bb",
    ),
    "other frame": (other_frame, "not in one frame of reference"),
    "no overlap": (no_overlap, "along z the CT covers 0 mm of the PET's 16 mm"),
    "enhanced": (enhanced, "Enhanced PET: multi-frame objects are not read"),
    "two PETs": (second_pet, "2 PET series, not one"),
    "no PET": (no_pet, "no PET in"),
}


@pytest.mark.parametrize("animal", ZOO)
def test_each_is_named_with_its_path_and_stops_nothing(
    animal: str, tmp_path: Path
) -> None:
    spoil, message = ZOO[animal]
    studies = dicom_tree(tmp_path, SUBJECTS)
    path = spoil(studies[1])
    reports = list(Survey(tmp_path))
    assert [r.study is not None for r in reports] == [True, False, True]
    bad = reports[1]
    assert re.search(message, " | ".join(bad.reasons)), bad.reasons
    assert str(path) in "\n".join(describe_study(bad))


def test_secondary_captures_are_named_and_do_no_harm(tmp_path: Path) -> None:
    studies = dicom_tree(tmp_path, SUBJECTS)
    capture = ct_datasets(subject=SUBJECTS[1], study="2", series="1.8")[0]
    capture.SOPClassUID = SECONDARY_CAPTURE
    path = save(capture, studies[1] / CT / "screen.dcm")
    scout = ct_datasets(subject=SUBJECTS[1], study="2", series="1.9")[0]
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    scout_path = save(scout, studies[1] / CT / "scout.dcm")
    reports = list(Survey(tmp_path))
    assert all(report.study is not None for report in reports)
    problems = {p.path: p.reason for p in reports[1].problems}
    assert "Secondary Capture Image Storage" in problems[path]
    assert "localizer" in problems[scout_path]


def test_absurd_height_is_listed_and_left_out(tmp_path: Path) -> None:
    studies = dicom_tree(tmp_path, SUBJECTS)
    rewrite(studies[1], set_value("PatientSize", "172"))
    report = list(Survey(tmp_path))[1]
    assert report.study is not None
    assert report.study.demographics.height_m is None
    assert "height_m 172 is outside 1 to 2.3: left out" in report.notes


def test_a_table_gives_the_weight_that_the_header_lacks(tmp_path: Path) -> None:
    studies = dicom_tree(tmp_path, SUBJECTS)
    zero_weight(studies[1])
    table = tmp_path / "people.csv"
    table.write_text(f"subject_id,weight_kg\n{SUBJECTS[1]},70\n")
    report = list(Survey(tmp_path, demographics=table))[1]
    assert report.study is not None
    assert report.study.pet.read().voxels.max() == pytest.approx(4.0, rel=1e-3)


def test_clinical_metadata_tell_how_many_files_there_were(tmp_path: Path) -> None:
    studies = dicom_tree(tmp_path, SUBJECTS)
    series = dcmread(files(studies[1] / CT)[0]).SeriesInstanceUID
    (tmp_path / "clinical.csv").write_text(
        "Subject ID,Series UID,Number of Images,age,sex\n"
        f"{SUBJECTS[1]},{series},5,052Y,F\n"
    )
    report = list(Survey(tmp_path))[1]
    assert report.study is None
    assert "4 slices, but the clinical metadata say 5" in report.reasons[0]


def test_voxels_that_cannot_be_are_found_by_reading(tmp_path: Path) -> None:
    studies = dicom_tree(tmp_path, SUBJECTS)
    airless = ct_datasets(subject=SUBJECTS[1], study="2")
    for ds in airless:
        ds.RescaleIntercept = "0"
    write_ct(studies[1] / CT, airless)
    reports = [with_voxels(report) for report in Survey(tmp_path)]
    assert [r.study is not None for r in reports] == [True, False, True]
    assert "the CT's lowest value is 24 HU: it holds no air" in reports[1].reasons
    pet = next(line for line in reports[0].series if line.modality == "PT")
    assert pet.what.endswith("SUV above 0: 0.2000, median 1.0000, to 4.0000")


def test_a_study_that_lies_there_twice_is_read_once(tmp_path: Path) -> None:
    (study,) = dicom_tree(tmp_path, ["PETCT_00000000aa"])
    again = tmp_path / "again" / study.relative_to(tmp_path)
    shutil.copytree(study, again)
    (report,) = Survey(tmp_path)
    assert report.study is not None
    assert report.path == study
    assert {problem.path.parent for problem in report.problems} == {again}
    assert all("not read again" in problem.reason for problem in report.problems)
