"""Every published way to find the time of decay correction finds the same."""

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dicom.people import Person, a_protocol, a_study
from vct.dicom.study import decimal_string
from vct.dicom.timing import pet_timing
from vct.errors import SpecError
from vct.uptake import F18_HALF_LIFE_S


@given(beds=st.integers(1, 12), duration_s=st.integers(1, 1800))
def test_four_routes_to_the_reference_time_agree(beds: int, duration_s: int) -> None:
    protocol = a_protocol(beds=beds, duration_s=duration_s)
    timing = pet_timing(Person(), a_study(protocol=protocol))
    decay = math.log(2) / F18_HALF_LIFE_S
    average = math.log(decay * duration_s / (1 - math.exp(-decay * duration_s))) / decay
    assert timing.beds[0].offset_s == 0  # earliest acquisition is the series time
    for bed in timing.beds:
        frame_s = float(decimal_string(bed.frame_reference_ms)) / 1000
        factor = float(decimal_string(bed.decay_factor))
        assert bed.offset_s + average - frame_s == pytest.approx(0, abs=1e-6)
        by_factor = frame_s - math.log2(factor) * F18_HALF_LIFE_S
        assert by_factor == pytest.approx(0, abs=1e-5)


def test_slices_are_shared_out_feet_first() -> None:
    timing = pet_timing(Person(), a_study())
    offsets = [timing.bed_of(k, 10).offset_s for k in range(10)]
    assert offsets == [0, 0, 0, 120, 120, 240, 240, 240, 360, 360]


@given(uptake_min=st.floats(0, 400))
def test_times_are_whole_seconds_and_the_dose_makes_up(uptake_min: float) -> None:
    subject = Person(uptake_min=uptake_min)
    timing = pet_timing(subject, a_study())
    assert timing.injection.microsecond == 0
    assert timing.series_start.microsecond == 0
    written_s = (timing.series_start - timing.injection).total_seconds()
    left_bq = timing.dose_bq * 2 ** (-written_s / F18_HALF_LIFE_S)
    truth_bq = 294.90073570912e6 * 2 ** (-uptake_min * 60 / F18_HALF_LIFE_S)
    assert left_bq == pytest.approx(truth_bq, rel=1e-7)


def test_a_bed_of_twenty_minutes_averages_before_its_middle() -> None:
    protocol = a_protocol(beds="single", duration_s=1200)
    [bed] = pet_timing(Person(), a_study(protocol=protocol)).beds
    assert 580 < bed.frame_reference_ms / 1000 < 600


@pytest.mark.parametrize(
    ("study_time", "uptake_min"), [("00:30:00", 60.0), ("23:55:00", 60.0)]
)
def test_a_scan_over_midnight_is_refused(study_time: str, uptake_min: float) -> None:
    with pytest.raises(SpecError, match="do not fit into one day"):
        pet_timing(Person(uptake_min=uptake_min), a_study(study_time=study_time))


def test_the_ct_comes_first() -> None:
    study = a_study()
    timing = pet_timing(Person(), study)
    assert timing.series_start - study.start == timedelta(minutes=2)
