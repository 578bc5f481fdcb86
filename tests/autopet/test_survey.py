"""The three layouts: found, paired with people, read."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from tests.autopet.scans import PetScan, ct_datasets, ct_truth, in_drug, save, suv_truth
from tests.autopet.trees import (
    STUDY,
    challenge_case,
    clinical_row,
    clinical_table,
    dicom_tree,
    nifti_study,
)
from vct.autopet import Survey
from vct.errors import VctError

SUBJECTS = ["PETCT_00000000aa", "PETCT_00000000bb", "PETCT_00000000cc"]


def check_images(survey: Survey) -> None:
    """Every usable study reads as the same CT and the same SUV."""
    for report in survey:
        assert report.study is not None, report.reasons
        ct, suv = report.study.read()
        np.testing.assert_allclose(suv.voxels, suv_truth(), rtol=1e-3)
        np.testing.assert_array_equal(ct.voxels, ct_truth())
        assert suv.quantity == "SUV"
        assert ct.quantity == "HU"
        assert suv.grid.spacing_mm == (4.0, 5.0, 6.0)
        assert suv.grid.origin_mm[0] == -6.0


def test_dicom_tree(tmp_path: Path) -> None:
    dicom_tree(tmp_path, SUBJECTS)
    survey = Survey(tmp_path)
    assert len(survey) == 3
    check_images(survey)
    studies = [report.study for report in survey]
    assert [s.subject_id for s in studies if s] == SUBJECTS
    people = [s.demographics for s in studies if s]
    assert [p.age_years for p in people] == [51.0, 52.0, 53.0]
    assert [p.weight_kg for p in people] == [61.0, 62.0, 63.0]
    assert {(p.sex, p.height_m) for p in people} == {("F", 1.75)}
    assert not any(s.notes for s in studies if s)
    first = studies[0]
    assert first is not None
    assert first.uptake_min == pytest.approx(60.0)
    assert first.injected_mbq == pytest.approx(368.08)


def test_a_segmentation_is_named_as_lesions(tmp_path: Path) -> None:
    (folder,) = dicom_tree(tmp_path, SUBJECTS[:1])
    seg = ct_datasets(subject=SUBJECTS[0], study="1", series="1.3")[0]
    seg.SOPClassUID, seg.Modality = "1.2.840.10008.5.1.4.1.1.66.4", "SEG"
    (folder / "300.0-Segmentation-1").mkdir()
    path = save(seg, folder / "300.0-Segmentation-1" / "1.dcm")
    (report,) = Survey(tmp_path)
    assert report.study is not None
    assert report.study.lesions == path
    assert not report.problems


def test_a_table_in_the_folder_that_cannot_be_read_stops_nothing(
    tmp_path: Path,
) -> None:
    dicom_tree(tmp_path, SUBJECTS[:1])
    (tmp_path / "x.csv").write_text("subject_id,age,height\nA,63,172\n")
    survey = Survey(tmp_path)
    assert next(iter(survey)).study is not None
    assert "no unit; name it 'height_m'" in str(survey.problems[0])


def test_a_link_back_is_followed_once(tmp_path: Path) -> None:
    dicom_tree(tmp_path / "data", SUBJECTS[:1])
    (tmp_path / "data" / "again").symlink_to(tmp_path / "data")
    assert len(Survey(tmp_path / "data")) == 1


def test_a_case_without_a_tracer_is_assumed_and_said(tmp_path: Path) -> None:
    challenge_case(tmp_path, "case7")
    table = clinical_table(
        tmp_path / "people.csv", [{"subject_id": "case7", "age_years": "9", "sex": "F"}]
    )
    (report,) = Survey(tmp_path, demographics=table)
    assert report.study is not None
    assert "the case does not name its tracer: FDG is assumed" in report.notes


def test_nifti_conversion(tmp_path: Path) -> None:
    for number, subject in enumerate(SUBJECTS, start=1):
        nifti_study(tmp_path, subject, number)
    rows = [clinical_row(s, k, sex="M") for k, s in enumerate(SUBJECTS, start=1)]
    clinical_table(tmp_path / "clinical.csv", rows)
    survey = Survey(tmp_path)
    check_images(survey)
    for report in survey:
        study = report.study
        assert study is not None
        assert study.demographics.unknown == ("height_m", "bmi_kg_m2")
        assert (study.demographics.age_years, study.demographics.sex) == (63.0, "M")
        assert study.demographics.diagnosis == "MELANOMA"
        assert study.lesions == report.path / "SEG.nii.gz"
        assert "height_m and bmi_kg_m2 not known" in study.notes
        assert not study.ct_on_pet_grid


def test_challenge(tmp_path: Path) -> None:
    cases = [f"fdg_{s[6:]}_{STUDY.format(k)}" for k, s in enumerate(SUBJECTS, start=1)]
    for case in (*cases, "psma_1234567890_2020-01-01"):
        challenge_case(tmp_path, case)
    rows = [clinical_row(s, k) for k, s in enumerate(SUBJECTS, start=1)]
    clinical_table(tmp_path / "fdg_metadata.csv", rows)
    psma = [{"Subject ID": "PSMA_1234567890", "age": "070Y", "sex": "M"}]
    clinical_table(tmp_path / "psma_metadata.csv", psma)
    reports = list(Survey(tmp_path))
    assert [r.study_id for r in reports if r.study is not None] == cases
    left_out = next(r for r in reports if r.study is None)
    assert left_out.reasons == ("its tracer is PSMA, not FDG",)
    check_images(Survey(tmp_path, include_psma=True))
    first = reports[0].study
    assert first is not None
    assert first.ct_on_pet_grid
    assert first.lesions == tmp_path / "labelsTr" / f"{cases[0]}.nii.gz"


def test_dicom_beside_nifti_gives_weight_and_height(tmp_path: Path) -> None:
    """Named with --dicom, the tree is asked for demographics only."""
    dicom_tree(tmp_path / "dicom", SUBJECTS[:2])
    for number, subject in enumerate(SUBJECTS, start=1):
        nifti_study(tmp_path / "nifti", subject, number)
    table = clinical_table(
        tmp_path / "people.csv",
        [
            {
                "subject_id": SUBJECTS[2],
                "age_years": "40",
                "sex": "M",
                "height_cm": "180",
            }
        ],
    )
    survey = Survey(tmp_path / "nifti", dicom=tmp_path / "dicom", demographics=table)
    studies = [report.study for report in survey]
    people = [study.demographics for study in studies if study]
    assert [p.weight_kg for p in people] == [61.0, 62.0, None]
    assert [p.height_m for p in people] == [1.75, 1.75, 1.80]
    assert people[2].unknown == ("bmi_kg_m2",)
    assert all(study and study.layout == "nifti" for study in studies)


def test_headers_and_tables_that_disagree_are_said_in_every_layout(
    tmp_path: Path,
) -> None:
    """Of one subject: the tree says 51 years and 61 kg."""
    [dicom] = dicom_tree(tmp_path / "dicom", SUBJECTS[:1])
    nifti_study(tmp_path / "nifti", SUBJECTS[0], 1)
    root = tmp_path / "tables"
    challenge_case(root, f"fdg_{SUBJECTS[0][6:]}_{STUDY.format(1)}")
    clinical_table(root / "clinical.csv", [clinical_row(SUBJECTS[0], 1, age="033Y")])
    own = {"subject_id": SUBJECTS[0], "age_years": "44", "sex": "F", "weight_kg": "80"}
    table = clinical_table(tmp_path / "own.csv", [own])

    age = "age_years is 51 in the PET header (taken), 44 in own.csv"
    weight = "weight_kg is 61 in the PET header (taken), 80 in own.csv"
    for folder in (dicom, tmp_path / "nifti"):
        (report,) = Survey(folder, dicom=tmp_path / "dicom", demographics=table)
        assert report.study is not None
        assert {age, weight} <= set(report.study.notes)
    (report,) = Survey(root, demographics=table)
    assert "age_years is 44 in own.csv (taken), 33 in clinical.csv" in report.notes


def test_a_study_held_twice_is_read_once_from_dicom(tmp_path: Path) -> None:
    dicom_tree(tmp_path / "dicom", SUBJECTS[:1])
    folder = nifti_study(tmp_path / "nifti", SUBJECTS[0], 1)
    reports = list(Survey(tmp_path))
    assert [r.study is not None for r in reports] == [True, False]
    assert reports[1].path == folder
    assert "the same study is read from" in reports[1].reasons[0]


def test_repeat_studies_in_folders_of_one_name_are_not_called_one(
    tmp_path: Path,
) -> None:
    for number in (1, 2):
        [study] = dicom_tree(tmp_path / f"new-{number}", SUBJECTS[:1])
        for path in study.rglob("*.dcm"):
            ds = dcmread(path)
            ds.StudyInstanceUID = f"1.2.3.{number}"
            ds.save_as(path)
    first, second = Survey(tmp_path)
    assert first.study is not None
    assert second.reasons == (
        f"another study of {second.study_id} is read from {first.path}, and studies of "
        "a subject are told apart by their folders' names: rename one folder",
    )


def test_age_and_sex_are_needed(tmp_path: Path) -> None:
    nifti_study(tmp_path, SUBJECTS[0], 1)
    (report,) = Survey(tmp_path)
    assert report.study is None
    assert "age and sex not known: give a table with --demographics" in report.reasons


def test_other_tracers_are_left_out(tmp_path: Path) -> None:
    (folder,) = dicom_tree(tmp_path, SUBJECTS[:1])
    pet = folder / "4.000000-PET corr.-12345"
    gallium = PetScan(subject=SUBJECTS[0], half_life_s=4062.6)
    gallium.write(pet)
    (report,) = Survey(tmp_path)
    assert "its tracer is Ga-68, not FDG" in report.reasons
    named = PetScan(subject=SUBJECTS[0])
    named.changes.append(in_drug(Radiopharmaceutical="18F-PSMA-1007"))
    named.write(pet)
    (report,) = Survey(tmp_path)
    assert "its tracer is PSMA, not FDG" in report.reasons


def test_nothing_recognized_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no images")
    with pytest.raises(VctError, match="holds no layout of AutoPET"):
        Survey(tmp_path)
    with pytest.raises(VctError, match="is no folder"):
        Survey(tmp_path / "absent")


def test_a_case_that_lies_in_two_folders_is_read_once(tmp_path: Path) -> None:
    challenge_case(tmp_path / "a", "fdg_0a1b2c3d4e_01-01-2000")
    challenge_case(tmp_path / "b", "fdg_0a1b2c3d4e_01-01-2000")
    survey = Survey(tmp_path)
    assert len(survey) == 1
    second = tmp_path / "b" / "imagesTr"
    assert [p.path.parent for p in survey.problems] == [second, second]
    words = f"not read: case fdg_0a1b2c3d4e_01-01-2000 lies in {tmp_path / 'a'}"
    assert all(p.reason.startswith(words) for p in survey.problems)
    (files,) = survey.found.nnunet.values()
    assert {path.parts[-3] for path in files.values()} == {"a"}
