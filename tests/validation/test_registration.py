"""A PET off its CT is named, in the mean and in single subjects; no other is."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vct.validation.finding import Finding, read_findings, write_findings
from vct.validation.registration import (
    MEAN_BOUND_MM,
    SHIFT_COLUMNS,
    SUBJECT_BOUND_MM,
    shift_finding,
)
from vct.validation.shift_ruler import draw_shifts, shift_table


def shifts_of(n: int = 40, seed: int = 0) -> np.ndarray:
    return draw_shifts(np.random.default_rng(seed), n)


def judged(shifts: np.ndarray) -> Finding:
    finding = shift_finding(shift_table(shifts))
    assert finding is not None
    return finding


def test_a_pet_in_its_place_passes() -> None:
    finding = judged(shifts_of())
    assert finding.verdict == "pass"
    assert (finding.id, finding.kind) == ("image/pet-ct-shift", "conformance")
    assert (finding.n, finding.excluded) == (40, 0)
    assert "Far" not in finding.note


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([0, 1, 2]),
    st.sampled_from([-1, 1]),
    st.floats(1.3, 20.0),
    st.integers(0, 100),
)
def test_a_cohort_off_its_ct_fails(axis: int, sign: int, mm: float, seed: int) -> None:
    shifts = shifts_of(seed=seed)
    shifts[:, axis] += sign * mm
    finding = judged(shifts)
    assert finding.verdict == "fail"
    assert finding.value == pytest.approx(shifts[:, axis].mean())
    assert finding.interval[0] < finding.value < finding.interval[1]
    assert f"{'zyx'[axis]} {shifts[:, axis].mean():+.1f}" in finding.note


def test_a_mean_on_the_bound_is_not_decided() -> None:
    shifts = shifts_of()
    shifts[:, 0] += MEAN_BOUND_MM - shifts[:, 0].mean()
    assert judged(shifts).verdict == "inconclusive"


def test_subjects_that_spread_about_nothing_are_not_decided() -> None:
    """Patients who moved, 3 mm each way: nobody is far from the others."""
    spread = np.random.default_rng(1).normal(0, 3, (10, 3))
    assert judged(spread).verdict == "inconclusive"


@pytest.mark.parametrize("n", [16, 200])
def test_a_slice_up_or_down_by_turns_fails(n: int) -> None:
    """The mean is 0 and nobody is far from the others: all lie off their CT."""
    shifts = shifts_of(n)
    shifts[::2, 0] += 3.7
    shifts[1::2, 0] -= 3.7
    finding = judged(shifts)
    assert finding.verdict == "fail"
    assert f"{n} of {n} subjects lie more than 2 mm off" in finding.note


def test_a_large_part_off_both_ways_does_not_pass() -> None:
    """So many that they make the spread, but not most."""
    shifts = shifts_of(200)
    shifts[:50, 0] += 3.7
    shifts[50:100, 0] -= 3.7
    finding = judged(shifts)
    assert finding.verdict == "inconclusive"
    assert "100 of 200 subjects lie more than 2 mm off" in finding.note
    assert "Far" not in finding.note


def test_a_mean_of_few_known_shifts_does_not_pass() -> None:
    few = np.full((200, 3), np.nan)
    few[:5] = shifts_of(5)
    finding = judged(few)
    assert (finding.verdict, finding.n) == ("inconclusive", 5)
    assert "Of 195 of 200 subjects no shift is known" in finding.note
    few[:100] = shifts_of(100)
    assert judged(few).verdict == "pass"
    few[:5] += 4.0  # what is known can fail
    few[5:] = np.nan
    assert judged(few).verdict == "fail"


def test_one_subject_alone_is_not_decided() -> None:
    assert judged(shifts_of(1)).verdict == "inconclusive"


def test_a_subject_far_from_the_others_is_named() -> None:
    shifts = shifts_of()
    shifts[6] = (0.1, -4.0, 0.0)
    finding = judged(shifts)
    assert finding.verdict == "fail"
    assert finding.note.endswith(
        "Far from the other subjects: S0007 (z +0.1, y -4.0, x +0.0 mm)."
    )


def test_five_are_named_and_the_others_counted() -> None:
    shifts = shifts_of(60)
    shifts[:8, 0] += 4.0
    note = judged(shifts).note
    assert note.count("S00") == 5
    assert note.endswith("and 3 more.")


def test_nobody_is_far_within_the_bound() -> None:
    shifts = np.zeros((40, 3))  # no spread at all
    shifts[3, 2] = 0.99 * SUBJECT_BOUND_MM
    assert judged(shifts).verdict == "pass"
    shifts[3, 2] = 1.01 * SUBJECT_BOUND_MM
    assert judged(shifts).verdict == "fail"


def test_subjects_without_a_number_are_left_out_and_counted() -> None:
    shifts = shifts_of()
    holes = np.vstack([shifts, np.full((3, 3), np.nan)])
    holes[-1, 1] = 0.0  # known along one axis only
    finding = judged(holes)
    assert (finding.n, finding.excluded) == (40, 3)
    assert finding.value == judged(shifts).value


def test_nothing_measured_is_not_decided(tmp_path) -> None:
    finding = judged(np.full((4, 3), np.nan))
    assert (finding.verdict, finding.value) == ("inconclusive", None)
    assert finding.note == "No subject's images tell a shift."
    write_findings([finding], tmp_path)  # refuses what is no number
    assert read_findings(tmp_path) == [finding]


def test_no_subjects_give_no_finding() -> None:
    assert shift_finding(pd.DataFrame(columns=["subject_id", *SHIFT_COLUMNS])) is None
