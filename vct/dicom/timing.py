"""When what happened: injection, beds, and the decay numbers of each slice.

Four ways to find the time to which PET values are decay-corrected are in use: the
series time, the earliest acquisition time, back-computation from Frame Reference Time
(IBSI), and Decay Factor (DICOM PS3.3 C.8.9.1.1.5). With the formulas here they agree.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from vct.dicom.records import StudyContext
from vct.errors import SpecError
from vct.uptake import F18_HALF_LIFE_S, bq_ml_per_suv

if TYPE_CHECKING:
    from vct.subjects import Subject

CT_TO_PET_S = 120


@dataclass(frozen=True)
class Bed:
    """One bed position; ``offset_s`` counts from the PET series time."""

    offset_s: int
    duration_s: int

    @property
    def _average_activity_s(self) -> float:
        """Series time to when activity equals its mean over the bed (C.8.9.4.1.5)."""
        decay = math.log(2) / F18_HALF_LIFE_S
        x = decay * self.duration_s
        return self.offset_s + math.log(x / -math.expm1(-x)) / decay

    @property
    def frame_reference_ms(self) -> float:
        """Frame Reference Time (0054,1300) [ms]."""
        return 1000.0 * self._average_activity_s

    @property
    def decay_factor(self) -> float:
        """Decay Factor (0054,1321), to the series time."""
        return 2.0 ** (self._average_activity_s / F18_HALF_LIFE_S)


@dataclass(frozen=True)
class PetTiming:
    """Injection, series time and beds, feet to head, in whole seconds.

    ``dose_bq`` is the activity at ``injection``: what was injected, decayed over the
    fraction of a second by which the written injection time differs from the true one.
    """

    injection: datetime
    series_start: datetime
    dose_bq: int
    beds: tuple[Bed, ...]

    @property
    def end(self) -> datetime:
        """End of the last bed."""
        last = self.beds[-1]
        return self.series_start + timedelta(seconds=last.offset_s + last.duration_s)

    def bed_of(self, k: int, n_slices: int) -> Bed:
        """Bed that holds slice k; slices are shared out evenly, feet first."""
        return self.beds[k * len(self.beds) // n_slices]

    def bq_ml_per_suv(self, weight_kg: float) -> float:
        """Activity concentration of SUV 1 [Bq/mL], from what the header says."""
        return bq_ml_per_suv(
            weight_kg=weight_kg,
            injected_mbq=self.dose_bq * 1e-6,
            uptake_min=(self.series_start - self.injection).total_seconds() / 60,
        )


def pet_timing(subject: "Subject", study: StudyContext) -> PetTiming:
    """Timing of a subject's PET.

    Raises
    ------
    SpecError
        If injection and scan do not fall on one day: some readers ignore the date.
    """
    start = study.start + timedelta(seconds=CT_TO_PET_S)
    uptake_s = round(subject.uptake_min * 60)
    lag_s = subject.uptake_min * 60 - uptake_s  # true injection to written injection
    dose_bq = subject.injected_mbq * 1e6 * 2.0 ** (-lag_s / F18_HALF_LIFE_S)
    duration_s = int(study.protocol.beds.duration_s)
    timing = PetTiming(
        injection=start - timedelta(seconds=uptake_s),
        series_start=start,
        dose_bq=round(dose_bq),
        beds=tuple(Bed(n * duration_s, duration_s) for n in range(study.n_beds)),
    )
    if not timing.injection.date() == start.date() == timing.end.date():
        raise SpecError(
            f"subject {subject.subject_id}: uptake of {subject.uptake_min:g} min and "
            f"{study.n_beds} bed(s) of {duration_s} s around {study.study_time} do not "
            "fit into one day, and SUV readers ignore the date. Shorten them."
        )
    return timing
