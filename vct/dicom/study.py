"""Modules that all instances of a subject share: patient, study, trial, equipment."""

import math
from datetime import date, timedelta
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.valuerep import format_number_as_ds

from vct.dicom.names import long_string, patient_id, patient_name
from vct.dicom.records import Modality, StudyContext
from vct.dicom.uid import StudyUids

if TYPE_CHECKING:
    from vct.subjects import Subject

SERIES_NUMBER: dict[Modality, int] = {"CT": 1, "PT": 2, "SEG": 3}


def decimal_string(value: float) -> str:
    """Number as a DS value: the closest of at most 16 characters."""
    return format_number_as_ds(float(value))


def coded(value: str, scheme: str, meaning: str) -> Dataset:
    """Item of a code sequence."""
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning
    return item


def written_weight_kg(subject: "Subject") -> float:
    """Weight as the header says it [kg]: the number SUV is computed with."""
    return round(float(subject.weight_kg), 6)


def series_description(study: StudyContext, title: str) -> str:
    """Title and the only mark of synthesis that many viewers show."""
    only = ", header-only protocol" if study.protocol.header_only else ""
    return long_string(f"{title} (synthetic{only})")


def synthesis_statement(study: StudyContext) -> str:
    """What made this: at most 1024 characters."""
    return (
        f"Synthetic: no person was imaged. Drawn by the model {study.model_name} "
        f"version {study.model_version} with seed {study.seed}. "
        f"Trained on: {study.trained_on}"
    )[:1024]


def image_comments(study: StudyContext) -> str:
    """Image Comments (0020,4000): the statement, and what a header-only protocol is."""
    comments = synthesis_statement(study)
    if study.protocol.header_only:
        comments += (
            " Header-only protocol: injected activity or uptake time are not those "
            "the model was trained at; the pictures do not follow them."
        )
    return comments


def study_dataset(subject: "Subject", study: StudyContext, uids: StudyUids) -> Dataset:
    """Patient, Study, Patient Study, Clinical Trial and SOP Common attributes."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SyntheticData = "YES"
    _add_patient(ds, subject, study)

    ds.StudyInstanceUID = uids.study
    ds.StudyDate = study.start.strftime("%Y%m%d")
    ds.StudyTime = study.start.strftime("%H%M%S")
    ds.StudyID = "1"
    ds.AccessionNumber = ""
    ds.ReferringPhysicianName = ""
    ds.StudyDescription = long_string(f"Virtual FDG PET/CT, {study.cohort}")

    ds.ClinicalTrialSponsorName = long_string(study.protocol.scanner.manufacturer)
    ds.ClinicalTrialProtocolID = long_string(study.cohort)
    ds.ClinicalTrialProtocolName = long_string(study.cohort)
    ds.ClinicalTrialSiteID = ""
    ds.ClinicalTrialSiteName = ""
    ds.ClinicalTrialSubjectID = subject.subject_id
    ds.ClinicalTrialTimePointID = "1"

    ds.ContributingEquipmentSequence = Sequence([synthesizing_equipment(study)])
    return ds


def birth_date(age_years: float, day: date) -> date:
    """Day on which one was born who is so old on a given day.

    Years completed since then are those of ``age_years``; its fraction is the share of
    days from one birthday to the next.

    Examples
    --------
    >>> birth_date(54.0, date(2026, 1, 1)), birth_date(54.99, date(2026, 1, 1))
    (datetime.date(1972, 1, 1), datetime.date(1971, 1, 5))
    """
    years = math.floor(age_years)
    birthday, before = (_years_before(day, n) for n in (years, years + 1))
    return birthday - timedelta(
        days=math.floor((age_years - years) * (birthday - before).days)
    )


def _years_before(day: date, years: int) -> date:
    """The same day so many years before; February 28 where there was no 29th."""
    year = day.year - years
    try:
        return day.replace(year=year)
    except ValueError:
        return day.replace(year=year, day=28)


def _add_patient(ds: Dataset, subject: "Subject", study: StudyContext) -> None:
    ds.PatientName = patient_name(subject.subject_id)
    ds.PatientID = patient_id(study.cohort, subject.subject_id)
    ds.IssuerOfPatientID = "VCT"
    born = birth_date(subject.age_years, study.start.date())
    ds.PatientBirthDate = born.strftime("%Y%m%d")
    ds.PatientSex = subject.sex
    ds.PatientAge = f"{math.floor(subject.age_years):03d}Y"
    ds.PatientSize = decimal_string(round(float(subject.height_m), 4))
    ds.PatientWeight = decimal_string(written_weight_kg(subject))


def synthesizing_equipment(study: StudyContext) -> Dataset:
    """Item of Contributing Equipment (0018,A001): model, seed and training data.

    dcm2niix reports the nested model name as the scanner's, so that it is the same.
    """
    item = Dataset()
    purpose = coded("109100", "DCM", "Synthesizing Equipment")
    item.PurposeOfReferenceCodeSequence = Sequence([purpose])
    item.Manufacturer = long_string(study.protocol.scanner.manufacturer)
    item.ManufacturerModelName = long_string(study.protocol.scanner.model_name)
    item.SoftwareVersions = long_string(f"vct {study.software_version}")
    item.ContributionDateTime = study.start.strftime("%Y%m%d%H%M%S")
    item.ContributionDescription = synthesis_statement(study)
    return item


def add_series(
    ds: Dataset, modality: Modality, title: str, study: StudyContext, uids: StudyUids
) -> None:
    """Series, Clinical Trial Series and Equipment attributes."""
    ds.Modality = modality
    ds.SeriesInstanceUID = uids.series(modality)
    ds.SeriesNumber = SERIES_NUMBER[modality]
    ds.SeriesDescription = series_description(study, title)
    ds.BodyPartExamined = "WHOLEBODY"
    ds.FrameOfReferenceUID = uids.frame_of_reference
    ds.PositionReferenceIndicator = ""
    ds.ClinicalTrialCoordinatingCenterName = ""
    ds.ClinicalTrialSeriesID = long_string(study.arm) or "1"

    scanner = study.protocol.scanner
    ds.Manufacturer = long_string(scanner.manufacturer)
    ds.ManufacturerModelName = long_string(scanner.model_name)
    ds.SoftwareVersions = long_string(f"vct {study.software_version}")
    if scanner.station:
        ds.StationName = long_string(scanner.station, 16)
