"""Demographic findings: a true cohort passes, a false one fails, a small one waits."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vct.manifest import Cohort
from vct.validation.demographics import demographic_findings


def people(n: int, seed: int, *, shift: float = 0.0, scale: float = 1.0):
    """Subjects in the columns of the subjects table that the findings read."""
    rng = np.random.default_rng(seed)
    sex = np.where(rng.random(n) < 0.44, "F", "M")
    age = 60 + shift + 15 * scale * rng.normal(size=n)
    height = np.where(sex == "F", 1.63, 1.76) + 0.07 * rng.normal(size=n)
    bmi = 26.5 * np.exp(0.18 * rng.normal(size=n))
    return pd.DataFrame(
        {
            "subject_id": [f"S{k:05d}" for k in range(n)],
            "arm": np.where(np.arange(n) % 2, "a", "b"),
            "stratum": "all",
            "diagnosis": "none",
            "sex": sex,
            "age_years": age,
            "height_m": height,
            "bmi_kg_m2": bmi,
            "weight_kg": bmi * height**2,
            "injected_mbq": 300.0,
            "uptake_min": 60.0,
        }
    )


POOL = people(20_000, seed=99)


def findings(subjects, planned=None, *, drawn=True):
    series = pd.DataFrame({"subject_id": subjects["subject_id"]})
    empty = pd.DataFrame()
    cohort = Cohort(Path(), "", {}, subjects, series, empty, empty)
    planned = subjects if planned is None else planned
    found = demographic_findings(cohort, POOL, planned, drawn=drawn)
    return {finding.id: finding for finding in found}


@pytest.mark.parametrize("n", [20, 64, 1000, 50_000])
def test_a_true_cohort_passes(n):
    found = findings(people(n, seed=n))
    assert {f.verdict for f in found.values()} == {"pass"}


def test_a_shifted_mean_fails_and_says_by_how_much():
    found = findings(people(400, seed=1, shift=5.0))
    mean = found["demographics/age_years/mean"]
    assert mean.verdict == "fail"
    assert mean.value > mean.bound[1]
    assert mean.interval[0] > 0
    assert found["demographics/age_years/ks"].verdict == "fail"
    assert found["demographics/height_m/mean"].verdict == "pass"


def test_collapsed_spread_fails():
    found = findings(people(400, seed=1, scale=0.6))
    assert found["demographics/age_years/sd"].verdict == "fail"
    assert found["demographics/age_years/mean"].verdict == "pass"


def test_few_subjects_are_not_judged():
    found = findings(people(4, seed=1))
    assert found["demographics/age_years/mean"].verdict == "inconclusive"
    assert found["demographics/age_years/mean"].bound is None
    assert "Fewer than 20" in found["demographics/sex/share"].note


def test_one_subject():
    found = findings(people(1, seed=1))
    assert "demographics/age_years/sd" not in found
    assert found["demographics/age_years/mean"].n == 1


def test_a_population_of_two_has_no_number_that_is_none():
    two = people(2, seed=3)
    series = pd.DataFrame({"subject_id": two["subject_id"]})
    empty = pd.DataFrame()
    cohort = Cohort(Path(), "", {}, two, series, empty, empty)
    for finding in demographic_findings(cohort, two, two):
        for low, high in filter(None, (finding.interval, finding.bound)):
            assert np.isfinite([low, high]).all(), finding.id


@pytest.mark.parametrize(
    ("drawn", "verdict"), [(True, "pass"), (False, "inconclusive")]
)
def test_a_part_is_judged_if_chance_chose_it(drawn, verdict):
    """The first of a drawn cohort are drawn as all are; of a table they are not."""
    planned = people(400, seed=1)
    found = findings(planned.head(200), planned, drawn=drawn)
    assert found["demographics/age_years/mean"].verdict == verdict
    assert found["demographics/uptake_min/mean"].verdict == "pass"  # fixed for all


def test_the_old_of_a_cohort_say_nothing_of_its_age():
    planned = people(400, seed=1)
    old = planned[planned["age_years"] > 70].reset_index(drop=True)
    mean = findings(old, planned)["demographics/age_years/mean"]
    assert (mean.verdict, mean.bound) == ("inconclusive", None)
    assert "chance has not chosen" in mean.note


def test_a_whole_table_is_judged():
    planned = people(400, seed=1).sort_values("age_years", ignore_index=True)
    assert {f.verdict for f in findings(planned, drawn=False).values()} == {"pass"}


def test_a_fixed_value_must_be_met():
    subjects = people(30, seed=1)
    assert findings(subjects)["demographics/uptake_min/mean"].verdict == "pass"
    subjects.loc[3, "uptake_min"] = 61.0
    assert findings(subjects)["demographics/uptake_min/mean"].verdict == "fail"


def test_counts_by_arm_follow_the_plan():
    planned = people(40, seed=1)
    found = findings(planned)
    arm = found["demographics/arm/a/count"]
    assert (arm.value, arm.reference, arm.verdict) == (20.0, 20.0, "pass")
    assert not any("stratum" in name for name in found)

    part = findings(planned.head(30), planned)["demographics/arm/a/count"]
    assert (part.value, part.verdict) == (15.0, "inconclusive")

    wrong = planned.copy()
    wrong.loc[0, "arm"] = "a"
    assert findings(wrong, planned)["demographics/arm/a/count"].verdict == "fail"


def test_an_altered_subject_is_found():
    planned = people(40, seed=1)
    altered = planned.copy()
    altered.loc[5, "weight_kg"] += 1.0
    finding = findings(altered, planned)["demographics/subjects/count"]
    assert (finding.value, finding.verdict) == (1.0, "fail")


def test_the_last_bit_of_another_cpu_is_no_difference():
    planned = people(40, seed=1)
    elsewhere = planned.copy()
    for column in ("age_years", "height_m", "weight_kg"):
        elsewhere[column] = np.nextafter(planned[column], np.inf)
    found = findings(elsewhere, planned)
    assert found["demographics/subjects/count"].verdict == "pass"


def test_a_category_equals_its_string():
    planned = people(40, seed=1)
    drawn = planned.astype({"sex": "category", "arm": "category"})
    found = findings(planned, drawn)
    assert found["demographics/subjects/count"].verdict == "pass"
    assert found["demographics/arm/a/count"].verdict == "pass"


def test_women_only():
    women = POOL[POOL["sex"] == "F"]
    empty = pd.DataFrame()
    subjects = women.head(50).reset_index(drop=True)
    cohort = Cohort(Path(), "", {}, subjects, subjects, empty, empty)
    found = {f.id: f for f in demographic_findings(cohort, women, subjects)}
    assert found["demographics/sex/share"].verdict == "pass"
    assert found["demographics/sex/share"].bound == (1.0, 1.0)


def test_a_correlation_that_is_lost_fails():
    subjects = people(400, seed=1)
    shuffled = subjects.copy()
    rng = np.random.default_rng(2)
    shuffled["weight_kg"] = rng.permutation(subjects["weight_kg"])
    name = "demographics/weight_kg-bmi_kg_m2/r"
    assert findings(subjects)[name].verdict == "pass"
    lost = findings(shuffled)[name]
    assert lost.verdict == "fail"
    assert lost.value < lost.bound[0] < lost.reference < lost.bound[1]


def test_bounds_of_correlations_are_three_standard_errors_wide():
    # The spread of r over true cohorts, against the bound's half width over 3.29.
    name = "demographics/weight_kg-bmi_kg_m2/r"
    values = [
        np.corrcoef(p["weight_kg"], p["bmi_kg_m2"])[0, 1]
        for p in (people(200, seed=seed) for seed in range(400))
    ]
    bound = findings(people(200, seed=1))[name].bound
    assert np.std(values) == pytest.approx((bound[1] - bound[0]) / 2 / 3.29, rel=0.12)
