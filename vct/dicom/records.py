"""What the headers need to know, and what is left to know of the written files."""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal, Protocol

from vct.dicom.check import check_beds, check_manufacturer
from vct.errors import SpecError

Modality = Literal["CT", "PT", "SEG"]


class Scanner(Protocol):
    """``protocol.scanner`` of the spec."""

    @property
    def manufacturer(self) -> str: ...
    @property
    def model_name(self) -> str: ...
    @property
    def station(self) -> str | None: ...


class Beds(Protocol):
    """``protocol.beds`` of the spec; one bed of a long scanner is ``"single"``."""

    @property
    def duration_s(self) -> float: ...
    @property
    def count(self) -> int | Literal["single"]: ...


class ScanProtocol(Protocol):
    """What of the spec's ``protocol`` goes into the headers."""

    @property
    def scanner(self) -> Scanner: ...
    @property
    def beds(self) -> Beds: ...
    @property
    def header_only(self) -> bool: ...


@dataclass(frozen=True)
class StudyContext:
    """Cohort, protocol and model of one subject's study.

    Attributes
    ----------
    cohort
        Name in the spec.
    uid_root
        Name from which all UIDs of the study derive; equal exactly for equal builds.
    reference_date, study_time
        Study date, and local time ``HH:MM:SS`` at which the CT begins.
    protocol
        Scanner, beds and ``header_only``, as in the spec.
    trained_on
        Sentence on the model's training data, as in its card.
    portal_venous
        Whether the CTs that the model learned were portal-venous by its card.

    Raises
    ------
    SpecError
        If a time cannot be written, or a reader would take the manufacturer for a
        real one and apply that vendor's rules.
    """

    cohort: str
    uid_root: str
    seed: int
    reference_date: date
    study_time: str
    protocol: ScanProtocol
    model_name: str
    model_version: str
    trained_on: str
    software_version: str
    arm: str
    portal_venous: bool = False

    def __post_init__(self) -> None:
        try:
            whole = time.fromisoformat(self.study_time).microsecond == 0
        except ValueError:
            whole = False
        if not whole or len(self.study_time) != 8:
            raise SpecError(
                f"study_time: {self.study_time!r} is not a time of day in whole "
                "seconds. Write HH:MM:SS, such as '10:00:00'."
            )
        check_manufacturer(self.protocol.scanner.manufacturer)
        check_beds(self.protocol.beds.duration_s, self.protocol.beds.count)

    @property
    def start(self) -> datetime:
        """When the study begins."""
        return datetime.combine(
            self.reference_date, time.fromisoformat(self.study_time)
        )

    @property
    def n_beds(self) -> int:
        """Number of bed positions."""
        count = self.protocol.beds.count
        return 1 if count == "single" else count


@dataclass(frozen=True)
class InstanceRecord:
    """One file; ``path`` is relative to the subject's folder, with slashes."""

    subject_id: str
    modality: Modality
    series_uid: str
    sop_uid: str
    sop_class: str
    instance_number: int
    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class SeriesRecord:
    """One series; ``spacing_mm`` is (k, j, i), ``units`` HU, BQML or label."""

    subject_id: str
    modality: Modality
    study_uid: str
    series_uid: str
    frame_of_reference_uid: str
    n_instances: int
    n_frames: int
    rows: int
    columns: int
    spacing_mm: tuple[float, float, float]
    units: str
    bq_ml_per_suv: float | None
    description: str
