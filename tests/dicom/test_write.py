"""What every written file promises."""

import dataclasses
import hashlib
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.dicom.people import Person, a_protocol, a_study, some_images
from vct.anatomy import FIRST_LIST, LABEL_OF, ORGAN_NAMES, ORGANS
from vct.dicom import write_subject
from vct.dicom.study import birth_date
from vct.errors import SpecError
from vct.uptake import bq_ml_per_suv


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("subject")
    write_subject(some_images(), Person(), a_study(), path)
    return path


def headers(folder: Path, modality: str) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(p) for p in sorted((folder / modality).glob("*.dcm"))]


def contents(folder: Path) -> dict[str, bytes]:
    paths = sorted(folder.rglob("*.dcm"))
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in paths}


def test_the_same_arguments_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    time.sleep(1.1)  # a time stamp in whole seconds would differ
    write_subject(some_images(), Person(), a_study(), tmp_path)
    assert contents(tmp_path) == contents(folder)


def test_records_describe_the_files(tmp_path: Path) -> None:
    images = some_images()
    series, instances = write_subject(images, Person(), a_study(), tmp_path)
    assert [s.modality for s in series] == ["CT", "PT", "SEG"]
    assert [s.n_instances for s in series] == [12, 12, 1]
    assert [s.units for s in series] == ["HU", "BQML", "label"]
    assert {s.spacing_mm for s in series} == {(4.0, 3.5, 3.0)}
    assert {(s.rows, s.columns) for s in series} == {(8, 10)}
    assert series[2].n_frames == sum(
        len(np.unique(plane[plane > 0])) for plane in images.labels
    )
    files = contents(tmp_path)
    assert {i.path for i in instances} == set(files)
    for record in instances:
        content = files[record.path]
        assert record.bytes == len(content)
        assert record.sha256 == hashlib.sha256(content).hexdigest()
        ds = pydicom.dcmread(tmp_path / record.path, stop_before_pixels=True)
        assert ds.SOPInstanceUID == record.sop_uid == ds.file_meta[0x00020003].value
        assert ds.SOPClassUID == record.sop_class
        assert ds.SeriesInstanceUID == record.series_uid
        assert ds.InstanceNumber == record.instance_number
    assert len({i.sop_uid for i in instances}) == len(instances)


def test_the_recorded_factor_is_that_of_the_subject(tmp_path: Path) -> None:
    """Also where the uptake time is no whole second: the dose takes it up."""
    for uptake_min in (60.0, 61.23456789):
        subject = Person(uptake_min=uptake_min)
        series, _ = write_subject(some_images(), subject, a_study(), tmp_path)
        expected = bq_ml_per_suv(
            weight_kg=subject.weight_kg,
            injected_mbq=subject.injected_mbq,
            uptake_min=uptake_min,
        )
        assert series[1].bq_ml_per_suv == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("modality", ["CT", "PT", "SEG"])
def test_every_instance_says_it_is_synthetic(folder: Path, modality: str) -> None:
    for ds in headers(folder, modality):
        assert ds.SyntheticData == "YES"
        assert ds.SeriesDescription.endswith("(synthetic)")
        [item] = ds.ContributingEquipmentSequence
        [purpose] = item.PurposeOfReferenceCodeSequence
        assert (purpose.CodeValue, purpose.CodingSchemeDesignator) == ("109100", "DCM")
        assert "whole-body-4mm" in item.ContributionDescription
        assert "seed 7" in item.ContributionDescription
        assert "digital phantoms" in item.ContributionDescription
        assert ds.ClinicalTrialSubjectID == "S0001"
        assert ds.ClinicalTrialProtocolID == "witness"
        assert ds.ClinicalTrialSeriesID == "normal weight"


def test_one_study_one_patient_one_frame_of_reference(folder: Path) -> None:
    every = [ds for m in ("CT", "PT", "SEG") for ds in headers(folder, m)]
    for keyword in (
        *("PatientID", "PatientName", "PatientBirthDate", "PatientAge", "PatientSex"),
        *("StudyInstanceUID", "StudyDate", "StudyTime", "FrameOfReferenceUID"),
        *("PatientWeight", "PatientSize"),
    ):
        assert len({str(ds[keyword].value) for ds in every}) == 1, keyword
    first = every[0]
    uids = {first.StudyInstanceUID, first.FrameOfReferenceUID, first.SOPInstanceUID}
    assert len(uids | {ds.SeriesInstanceUID for ds in every}) == 6
    assert all(uid.startswith("2.25.") for uid in uids)


@given(
    age_years=st.floats(0.0, 130.0),
    day=st.dates(date(1900, 1, 1), date(2200, 12, 31)),
)
@example(age_years=54.0, day=date(2026, 1, 1))
@example(age_years=54.999, day=date(2024, 2, 29))
def test_years_since_birth_are_the_age_in_the_header(
    age_years: float, day: date
) -> None:
    born = birth_date(age_years, day)
    not_yet = (day.month, day.day) < (born.month, born.day)
    assert day.year - born.year - not_yet == int(age_years)
    assert abs((day - born) / timedelta(days=365.2425) - age_years) < 0.02


def test_a_whole_age_is_that_of_a_birthday(tmp_path: Path) -> None:
    write_subject(some_images(), Person(age_years=54.0), a_study(), tmp_path)
    [ct, *_] = headers(tmp_path, "CT")
    assert (ct.PatientBirthDate, ct.PatientAge) == ("19710115", "054Y")


def test_a_header_only_protocol_is_marked(tmp_path: Path) -> None:
    study = a_study(protocol=a_protocol(header_only=True))
    write_subject(some_images(), Person(), study, tmp_path)
    for modality in ("CT", "PT", "SEG"):
        ds = headers(tmp_path, modality)[0]
        assert "header-only protocol" in ds.SeriesDescription
        assert "the pictures do not follow them" in ds.ImageComments


def test_the_ct_of_a_model_of_enhanced_cts_names_contrast(
    folder: Path, tmp_path: Path
) -> None:
    for ds in headers(folder, "CT"):
        assert ds.ContrastBolusAgent == "SIMULATED, MOSTLY PORTAL-VENOUS"
    write_subject(some_images(), Person(), a_study(portal_venous=False), tmp_path)
    for modality, path in [("CT", tmp_path), ("PT", tmp_path), ("PT", folder)]:
        assert not any("ContrastBolusAgent" in ds for ds in headers(path, modality))


def test_without_labels_there_is_no_segmentation(tmp_path: Path) -> None:
    images = dataclasses.replace(some_images(), labels=None)
    series, _ = write_subject(images, Person(), a_study(), tmp_path)
    assert [s.modality for s in series] == ["CT", "PT"]
    assert not (tmp_path / "SEG").exists()


def test_an_empty_segmentation_can_be_written(tmp_path: Path) -> None:
    images = some_images()
    images.labels[:] = 0
    series, _ = write_subject(images, Person(), a_study(), tmp_path)
    assert series[2].modality == "SEG"


def test_pet_attributes_that_readers_rely_on(folder: Path) -> None:
    slices = headers(folder, "PT")
    for keyword in ("AcquisitionNumber", "ImageType", "ContentTime", "SeriesTime"):
        assert len({str(ds[keyword].value) for ds in slices}) == 1, keyword
    for number, ds in enumerate(slices, start=1):
        assert ds.ImageIndex == ds.InstanceNumber == number
        assert "PatientPosition" not in ds  # beside the orientation codes: an error
        assert len(str(ds["RescaleSlope"].value.original_string)) <= 16
        assert ds.AcquisitionTime >= ds.SeriesTime
    heights = [float(ds.ImagePositionPatient[2]) for ds in slices]
    assert heights == sorted(heights)
    starts = [ds.AcquisitionTime for ds in slices]
    assert starts == sorted(starts)  # feet first: old dcm2niix refuses head first
    assert len(set(starts)) == 4


def test_segments_are_the_organs(folder: Path) -> None:
    [seg] = headers(folder, "SEG")
    assert seg.SegmentationType == "BINARY"
    numbers = [s.SegmentNumber for s in seg.SegmentSequence]
    assert numbers == list(range(1, len(ORGANS) + 1))
    assert [s.SegmentLabel for s in seg.SegmentSequence] == list(ORGAN_NAMES)
    left = seg.SegmentSequence[2]
    assert left.SegmentLabel == "kidney_left"
    [kind] = left.SegmentedPropertyTypeCodeSequence
    [side] = kind.SegmentedPropertyTypeModifierCodeSequence
    assert (kind.CodeMeaning, side.CodeMeaning) == ("Kidney", "Left")
    referenced = seg.ReferencedSeriesSequence[0]
    assert referenced.SeriesInstanceUID == headers(folder, "CT")[0].SeriesInstanceUID


def test_fat_inside_the_trunk_wall_is_coded_as_totalsegmentator_does(
    folder: Path,
) -> None:
    """Not as fat of the abdomen: that of the mediastinum is in it."""
    [seg] = headers(folder, "SEG")
    [fat] = [s for s in seg.SegmentSequence if s.SegmentLabel == "visceral_fat"]
    [kind] = fat.SegmentedPropertyTypeCodeSequence
    assert (kind.CodeValue, kind.CodeMeaning) == ("55603005", "Fat")
    [region] = fat.AnatomicRegionSequence
    assert (region.CodeValue, region.CodeMeaning) == ("22943007", "Trunk")
    others = [s for s in seg.SegmentSequence if s is not fat]
    assert not any("AnatomicRegionSequence" in segment for segment in others)


def test_a_segmentation_by_the_first_list_says_so(tmp_path: Path) -> None:
    images = some_images()
    lut = np.zeros(256, np.uint8)
    for number, organ in enumerate(FIRST_LIST.organs, start=1):
        lut[number] = organ.label
    labels = lut[images.labels % (len(FIRST_LIST.organs) + 1)]
    write_subject(
        dataclasses.replace(images, labels=labels), Person(), a_study(), tmp_path
    )
    [seg] = headers(tmp_path, "SEG")
    assert [s.SegmentLabel for s in seg.SegmentSequence] == list(FIRST_LIST.names)
    muscle = FIRST_LIST.names.index("muscle") + 1
    frames = [
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber == muscle
        for frame in seg.PerFrameFunctionalGroupsSequence
    ]
    drawn = seg.pixel_array[np.array(frames)].sum()
    assert drawn == (labels == LABEL_OF["muscle"]).sum() > 0


def test_subjects_and_cohorts_do_not_share_uids(folder: Path, tmp_path: Path) -> None:
    other = Person(subject_id="S0002")
    write_subject(some_images(), other, a_study(), tmp_path / "a")
    again = a_study(uid_root="0.1.0/spec/8/model")
    write_subject(some_images(), Person(), again, tmp_path / "b")
    studies = {
        headers(path, "CT")[0].StudyInstanceUID
        for path in (folder, tmp_path / "a", tmp_path / "b")
    }
    assert len(studies) == 3


def test_a_refused_subject_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="weight_kg is 0"):
        write_subject(some_images(), Person(weight_kg=0), a_study(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_integers_out_of_range_are_our_bug(tmp_path: Path) -> None:
    images = some_images()
    images.ct_stored[3, 3, 3] = 4096
    with pytest.raises(ValueError, match="ct_stored reaches 4096"):
        write_subject(images, Person(), a_study(), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_whole_subject_takes_seconds(tmp_path: Path) -> None:
    """2 s on an idle core; the bound leaves room for busy machines."""
    images = some_images((288, 96, 128), (4.0, 4.0, 4.0))
    begin = time.perf_counter()
    write_subject(images, Person(), a_study(), tmp_path)
    assert time.perf_counter() - begin < 30
