"""Subjects: who is drawn, and that it depends on nothing but seed and place."""

import itertools
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.spec.strategies import DISTRIBUTIONS, RULES, spec_data
from vct.errors import SpecError
from vct.spec import CohortSpec, cohorts_folder, load_spec
from vct.spec.expression import evaluate, parse
from vct.spec.presets import MODEL_RANGE
from vct.subjects import sample_subjects, share_outside
from vct.subjects.draw import WIDTH, Source, uniforms

PREFIX_COLUMNS = ["arm", "stratum", "sex", "age_years", "weight_kg", "injected_mbq"]
SIGMAS = 5


def sample(size: int | None = None, seed: int | None = None, **changes: Any) -> Any:
    spec = CohortSpec.model_validate(spec_data(**changes))
    return sample_subjects(spec, seed=seed, size=size)


def mean_is(x: pd.Series, mean: float) -> bool:
    """Whether a sample mean is within 5 standard errors."""
    return abs(x.mean() - mean) < SIGMAS * x.std() / np.sqrt(len(x))


def share_is(x: pd.Series, share: float) -> bool:
    return abs(x.mean() - share) < SIGMAS * np.sqrt(share * (1 - share) / len(x))


# --- rows -----------------------------------------------------------------------


@given(
    rows=st.lists(st.integers(0, 5000), min_size=1, max_size=20, unique=True),
    attempt=st.integers(0, 3),
)
def test_a_row_depends_on_its_number_only(rows: list[int], attempt: int) -> None:
    whole = uniforms(7, attempt, np.arange(5001))
    some = uniforms(7, attempt, np.array(sorted(rows)))
    assert some.shape == (len(rows), WIDTH)
    assert np.array_equal(some, whole[sorted(rows)])
    assert some.min() > 0
    assert some.max() < 1


def test_the_first_subject_of_seed_7_stays_who_she_is() -> None:
    df = sample(size=1)
    assert df.loc[0, ["subject_id", "sex"]].tolist() == ["S0001", "F"]
    drawn = df.loc[0, ["age_years", "height_m", "bmi_kg_m2"]].astype(float)
    np.testing.assert_allclose(
        drawn, [71.15441116310934, 1.5628177506547845, 29.134422879576253], rtol=1e-9
    )


@given(
    n=st.integers(1, 60),
    more=st.integers(1, 200),
    seed=st.integers(0, 2**62),
    rule=RULES,
)
@settings(max_examples=30)
def test_a_longer_cohort_begins_with_the_shorter(
    n: int, more: int, seed: int, rule: str
) -> None:
    arms = [{"name": "a", "ratio": 2}, {"name": "b"}]
    try:
        spec = CohortSpec.model_validate(spec_data(eligibility=[rule], arms=arms))
        many = sample_subjects(spec, seed=seed, size=n + more)
    except (SpecError, ValueError):
        return
    few = sample_subjects(spec, seed=seed, size=n)
    pd.testing.assert_frame_equal(few[PREFIX_COLUMNS], many[PREFIX_COLUMNS].iloc[:n])


def test_a_longer_cohort_with_quotas_of_the_same_shares_begins_alike() -> None:
    spec = load_spec(cohorts_folder() / "quotas.yaml")
    twice = tuple(q.model_copy(update={"count": 2 * q.count}) for q in spec.quotas)
    larger = spec.model_copy(update={"size": 2 * spec.size, "quotas": twice})
    few, many = sample_subjects(spec), sample_subjects(larger)
    pd.testing.assert_frame_equal(
        few[PREFIX_COLUMNS], many[PREFIX_COLUMNS].iloc[: len(few)]
    )


def test_a_seed_changes_everybody() -> None:
    assert sample()["age_years"].equals(sample(seed=7)["age_years"])
    assert not (sample()["age_years"] == sample(seed=8)["age_years"]).any()


# --- eligibility ----------------------------------------------------------------


@given(rule=RULES, bmi=DISTRIBUTIONS)
@settings(max_examples=50)
def test_everybody_is_eligible(rule: str, bmi: Any) -> None:
    data = spec_data(eligibility=[rule])
    data["population"]["bmi_kg_m2"] = bmi
    try:
        df = sample_subjects(CohortSpec.model_validate(data))
    except (SpecError, ValueError):
        return
    assert np.broadcast_to(evaluate(parse(rule), df), len(df)).all()
    np.testing.assert_allclose(df["weight_kg"], df["bmi_kg_m2"] * df["height_m"] ** 2)
    assert df["injected_mbq"].gt(0).all()
    assert not df.isna().any(axis=None)


def test_attrition_counts_every_draw_that_failed() -> None:
    rules = ["age_years >= 50", "sex == 'F'"]
    df = sample(size=2000, eligibility=rules)
    attrition = df.attrs["attrition"]
    assert list(attrition) == rules
    assert sum(attrition.values()) == df["attempt"].sum()
    # Uniform from 20 to 80: half are younger; of the others half are men.
    drawn = 2000 + sum(attrition.values())
    assert attrition[rules[0]] / drawn == pytest.approx(0.5, abs=0.05)
    assert attrition[rules[1]] / drawn == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"eligibility": ["age_years * height_m > 159", "sex == 'F'"]},
            r"nobody of \d+ people drawn meets 'age_years \* height_m > 159'",
        ),
        (
            {"eligibility": ["age_years < 20.02", "height_m < 5"]},
            r"0\.0\d\d% meet 'age_years < 20\.02', 100\.000% meet",
        ),
    ],
)
def test_sampling_ends_with_the_name_of_what_nobody_meets(
    changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(SpecError, match=told):
        sample(**changes)


def test_the_arm_of_a_hopeless_criterion_is_named() -> None:
    arms = [{"name": "old", "eligibility": ["age_years * 1 > 79.9999"]}, {"name": "b"}]
    with pytest.raises(SpecError, match="drawn for arm 'old'"):
        sample(arms=arms)


def test_the_columns_alone_need_no_pandas() -> None:
    code = (
        "import sys\n"
        "from vct.spec import load_spec\n"
        "from vct.subjects import sample_columns, share_outside\n"
        f"spec = load_spec({str(cohorts_folder() / 'quotas.yaml')!r})\n"
        "columns, _ = sample_columns(spec)\n"
        "assert share_outside(columns, {'age_years': (0, 1)}) == {'age_years': 1.0}\n"
        "print(sorted({'pandas', 'scipy.stats', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"size": 0}, "size 0: must be at least 1, at most 10000000"),
        ({"size": 10_000_001}, "size 10000001: must be at least 1, at most 10000000"),
        ({"seed": -1}, "seed -1: must be at least 0 and below 9223372036854775808"),
        ({"seed": 2**63}, f"seed {2**63}: must be at least 0 and below"),
    ],
)
def test_a_seed_and_a_size_are_such_as_a_spec_may_have(
    given: dict[str, int], told: str
) -> None:
    with pytest.raises(SpecError, match=told):
        sample(**given)


# --- quotas, strata, arms -------------------------------------------------------


def test_quotas_are_exact_and_arms_balanced_in_each() -> None:
    spec = load_spec(cohorts_folder() / "quotas.yaml")
    df = sample_subjects(spec)
    assert (df.groupby("stratum").size() == 4).all()
    assert (df.groupby(["stratum", "arm"]).size() == 2).all()
    for quota in spec.quotas:
        group = df[df["stratum"] == quota.name]
        assert quota.age_years is not None
        assert set(group["sex"]) == {quota.sex}
        assert (group["age_years"] >= quota.age_years.low).all()
        assert (group["age_years"] < quota.age_years.high).all()


def test_who_is_left_over_fills_no_quota() -> None:
    quotas = [
        {"sex": "F", "age_years": {"low": 20, "high": 40}, "count": 3},
        {"age_years": {"low": 40, "high": 50}, "count": 5},
    ]
    df = sample(size=200, quotas=quotas)
    inside = df["age_years"].between(40, 50) | (
        (df["sex"] == "F") & (df["age_years"] < 40)
    )
    assert (inside == (df["stratum"] != "other")).all()
    assert df["stratum"].value_counts().to_dict() == {
        "other": 120,
        "40-50": 50,
        "F 20-40": 30,
    }


def test_a_quota_draws_from_the_population_within_it() -> None:
    quotas = [{"age_years": {"low": 60, "high": 80}, "count": 20}]
    population = {
        "sex": {"kind": "categorical", "weights": {"F": 1, "M": 1}},
        "age_years": {
            "by_sex": {
                "F": {"kind": "uniform", "low": 40, "high": 80},
                "M": {"kind": "uniform", "low": 20, "high": 80},
            }
        },
        "bmi_kg_m2": {"kind": "normal", "mean": 27, "sd": 2},
        "correlations": [{"between": ["age_years", "bmi_kg_m2"], "rho": 0.8}],
    }
    df = sample(size=30_000, quotas=quotas, population=population)
    free = sample(size=90_000, population=population)
    free = free[free["age_years"] >= 60]
    assert share_is(df["sex"] == "F", 0.6)  # half of the women, a third of the men
    assert mean_is(df["age_years"], 70)
    gap = abs(df["bmi_kg_m2"].mean() - free["bmi_kg_m2"].mean())
    assert gap < SIGMAS * 2 * np.sqrt(1 / len(df) + 1 / len(free))


def test_a_quota_too_far_in_a_tail_is_named() -> None:
    ages = {"kind": "normal", "mean": 40, "sd": 0.5}
    population = {"sex": "F", "age_years": ages, "bmi_kg_m2": 25}
    quotas = [{"age_years": {"low": 90, "high": 99}, "count": 2}]
    with pytest.raises(SpecError, match="nobody in the population is '90-99'"):
        sample(population=population, quotas=quotas)


def test_people_of_whom_something_is_no_number_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def draw(source: Source, u: np.ndarray) -> dict[str, np.ndarray]:
        columns = drawn(source, u)
        columns["height_m"][:2] = np.nan
        return columns

    drawn = Source.draw
    monkeypatch.setattr(Source, "draw", draw)
    with pytest.raises(SpecError, match="height_m is no number for 2 of 4 people"):
        sample(size=4)


def test_the_widest_numbers_a_spec_may_hold_give_numbers() -> None:
    ages = {"kind": "truncated_normal", "mean": 1e10, "sd": 1e10, "low": 20, "high": 90}
    weights = {"kind": "categorical", "weights": {20: 1e10, 30: 1e10}}
    heights = {"kind": "lognormal", "mean": 1e-3, "sd": 1e3}
    uptakes = {"kind": "normal", "mean": 60, "sd": 1e10}
    df = sample(
        size=200,
        population={
            "sex": "F", "age_years": ages, "bmi_kg_m2": weights, "height_m": heights,
        },
        protocol={"injected_mbq": 300, "uptake_min": uptakes},
    )  # fmt: skip
    assert df["age_years"].between(20, 90).all()
    assert df["age_years"].nunique() == 200
    assert set(df["bmi_kg_m2"]) == {20, 30}
    assert df["height_m"].between(0.4, 2.6).all()
    assert np.isfinite(df["uptake_min"]).all()


def test_correlations_at_the_edge_of_what_can_be_give_numbers() -> None:
    a, b, c = rhos = (0.56, 0.25, 0.9421845174272562)
    assert 1 - b**2 - ((c - b * a) / np.sqrt(1 - a**2)) ** 2 < 0  # by rounding
    pairs = itertools.combinations(("age_years", "height_m", "bmi_kg_m2"), 2)
    population = {
        "sex": "F",
        "age_years": {"kind": "uniform", "low": 20, "high": 90},
        "bmi_kg_m2": {"kind": "uniform", "low": 20, "high": 30},
        "height_m": {"kind": "uniform", "low": 1.5, "high": 1.9},
        "correlations": [
            {"between": list(pair), "rho": rho}
            for pair, rho in zip(pairs, rhos, strict=True)
        ],
    }
    assert np.isfinite(sample(size=20, population=population)["bmi_kg_m2"]).all()


def test_strata_balance_arms_among_whoever_is_drawn() -> None:
    arms = [{"name": "a", "ratio": 2}, {"name": "b"}]
    strata = {"sex": True, "age_years": [40, 60]}
    df = sample(size=300, arms=arms, strata=strata, randomization={"block_size": 6})
    assert set(df["stratum"]) == {
        f"{sex} {age}" for sex in "FM" for age in ("below 40", "40-60", "60+")
    }
    counts = df.groupby(["stratum", "arm"]).size().unstack()
    assert ((counts["a"] - 2 * counts["b"]).abs() <= 4).all()


def test_arms_with_populations_of_their_own() -> None:
    df = sample_subjects(load_spec(cohorts_folder() / "obese-vs-normal.yaml"))
    assert df["arm"].value_counts().to_dict() == {"obese": 16, "normal weight": 16}
    assert (df["age_years"] >= 18).all()
    assert (df[df["arm"] == "obese"]["bmi_kg_m2"] >= 30).all()
    assert (df[df["arm"] == "normal weight"]["bmi_kg_m2"] < 25).all()
    assert set(share_outside(df, MODEL_RANGE).values()) == {0.0}


@pytest.mark.parametrize(
    "path", sorted(cohorts_folder().glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_example_stays_within_the_bundled_model(path: Path) -> None:
    df = sample_subjects(load_spec(path), size=2000)
    assert set(share_outside(df, MODEL_RANGE).values()) == {0.0}
    per_kg = df["injected_mbq"] / df["weight_kg"]
    assert per_kg.between(2.0 - 1e-9, 6.0 + 1e-9).all()
    assert df["uptake_min"].between(50, 75).all()


# --- fixed subjects -------------------------------------------------------------


def fixed_spec(folder: Path, text: str, **changes: Any) -> CohortSpec:
    (folder / "people.csv").write_text(text)
    data = spec_data(subjects_file="people.csv", **changes)
    del data["population"], data["size"]
    return CohortSpec.model_validate(data, context={"folder": folder})


def test_fixed_subjects_are_completed(tmp_path: Path) -> None:
    text = "subject_id,sex,age_years,height_m,weight_kg\nA,F,60,1.6,64\nB,M,5,1.8,81\n"
    df = sample_subjects(fixed_spec(tmp_path, text))
    assert df["subject_id"].tolist() == ["A", "B"]
    assert df["bmi_kg_m2"].tolist() == pytest.approx([25, 25])
    assert df["injected_mbq"].tolist() == pytest.approx([256, 324])
    assert set(df["diagnosis"]) == {"none"}


def test_a_sampled_table_can_be_the_fixed_one(tmp_path: Path) -> None:
    from vct.subjects import write_subjects

    drawn = sample(size=6, arms=[{"name": "a"}, {"name": "b"}])
    for name in ("people.csv", "people.parquet"):
        write_subjects(drawn, tmp_path / name)
        data = spec_data(subjects_file=name, arms=[{"name": "a"}, {"name": "b"}])
        del data["population"], data["size"]
        spec = CohortSpec.model_validate(data, context={"folder": tmp_path})
        again = sample_subjects(spec)
        columns = [name for name in drawn if name != "attempt"]
        pd.testing.assert_frame_equal(again[columns], drawn[columns])
        assert len(sample_subjects(spec, size=15)["subject_id"].unique()) == 15


def test_a_fixed_subject_that_is_not_eligible_is_named(tmp_path: Path) -> None:
    text = "sex,age_years,height_m,bmi_kg_m2\nF,60,1.6,25\nM,5,1.8,25\n"
    spec = fixed_spec(tmp_path, text, eligibility=["age_years >= 18"])
    with pytest.raises(SpecError, match=r"'age_years >= 18' is not met in line 3\."):
        sample_subjects(spec)


# --- speed ----------------------------------------------------------------------


def test_a_million_subjects_take_seconds() -> None:
    code = (
        "from vct.spec import load_spec\n"
        "from vct.subjects import sample_subjects\n"
        f"spec = load_spec({str(cohorts_folder() / 'autopet-like.yaml')!r})\n"
        "print(len(sample_subjects(spec, size=1_000_000)))\n"
        "import sys; print('torch' in sys.modules)"
    )
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1000000", "False"]
    assert time.perf_counter() - begin < 30  # 4 s on two cores where nothing else runs
