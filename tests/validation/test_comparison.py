"""Comparison of a cohort with a reference: verdicts, planted faults, fairness."""

import re

import numpy as np
import pandas as pd
import pytest

from tests.validation.synthetic_people import of, with_column
from vct.validation.comparison import (
    Against,
    _deviations,
    compare,
    compare_summary,
    remarks,
)
from vct.validation.comparison_tables import COMPARISONS, read_tables, write_tables
from vct.validation.people import People
from vct.validation.ruler import draw_people
from vct.validation.slopes import compare_slopes

AGAINST = Against("reference", "own reference", "made up")


def people(seed: int, n: int) -> People:
    return draw_people(np.random.default_rng(seed), n)


@pytest.fixture(scope="module")
def reference() -> People:
    return people(1, 900)


def row(df: pd.DataFrame, organ: str, quantity: str, group: str) -> pd.Series:
    chosen = df.query("organ == @organ and quantity == @quantity and group == @group")
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_a_faultless_cohort_fails_nowhere_and_mostly_passes(reference):
    df = compare(people(2, 600), reference, AGAINST)
    assert (df["verdict"] == "fail").mean() < 0.01
    assert (df["spread_verdict"] == "fail").mean() < 0.01
    whole = df[df["group"].eq("all") & df["quantity"].ne("hu_mean")]
    assert (whole["verdict"] == "pass").mean() > 0.9
    assert (df.loc[df["quantity"] == "hu_mean", "verdict"] == "info").all()


def test_a_shifted_mean_is_named_and_nothing_else(reference):
    cohort = people(3, 600)
    hot = with_column(
        cohort, "liver", "suv_mean", 1.12 * of(cohort, "liver", "suv_mean")
    )
    df = compare(hot, reference, AGAINST)
    found = row(df, "liver", "suv_mean", "all")
    assert found["verdict"] == "fail"
    assert found["low_percent"] < 12 < found["high_percent"]
    failed = df[(df["verdict"] == "fail") & (df["group"] == "all")]
    assert set(failed["organ"]) == {"liver"}


def test_a_halved_spread_is_named(reference):
    cohort = people(4, 400)
    x = of(cohort, "spleen", "volume_ml")
    calm = with_column(cohort, "spleen", "volume_ml", x.mean() + 0.5 * (x - x.mean()))
    df = compare(calm, reference, AGAINST)
    found = row(df, "spleen", "volume_ml", "all")
    assert found["spread_verdict"] == "fail"
    assert found["sd_ratio"] == pytest.approx(0.5, abs=0.08)
    assert found["p_ks"] < 0.05


def test_womens_organs_of_men_are_named_among_women_only(reference):
    cohort = people(5, 600)
    x = of(cohort, "kidneys", "volume_ml").copy()
    women = (cohort.who["sex"] == "F").to_numpy()
    x[women] *= 1.2
    df = compare(with_column(cohort, "kidneys", "volume_ml", x), reference, AGAINST)
    assert row(df, "kidneys", "volume_ml", "women")["verdict"] == "fail"
    assert row(df, "kidneys", "volume_ml", "men")["verdict"] != "fail"


def test_a_slope_that_is_gone_is_named(reference):
    cohort = people(6, 900)
    x = of(cohort, "liver", "volume_ml")
    flat = x * np.exp(-0.02 * (cohort.who["bmi_kg_m2"].to_numpy() - 27))
    told = compare_slopes(
        with_column(cohort, "liver", "volume_ml", flat), reference, AGAINST
    )
    gone = told.query("organ == 'liver' and quantity == 'volume_ml'")
    assert set(gone.query("on == 'bmi_kg_m2'")["verdict"]) == {"fail"}
    others = told[(told["organ"] != "liver") | (told["on"] != "bmi_kg_m2")]
    assert (others["verdict"] == "fail").mean() < 0.02


def test_a_cohort_of_one_height_has_slopes_on_the_rest(reference):
    cohort = people(6, 200)
    cohort.who["height_m"] = 1.7
    told = compare_slopes(cohort, reference, AGAINST)
    assert set(told["on"]) == {"age_years", "bmi_kg_m2"}
    cohort.who[["age_years", "bmi_kg_m2"]] = 50.0, 25.0
    assert compare_slopes(cohort, reference, AGAINST).empty


def age_slopes(cohort: People, reference: People | None) -> pd.DataFrame:
    told = compare_slopes(cohort, reference, AGAINST)
    return told[told["on"] == "age_years"]


def test_a_reference_without_bmi_is_compared_on_the_rest(reference):
    """Both sides leave BMI out: a slope with BMI held is another slope."""
    who = reference.who.assign(bmi_kg_m2=np.nan)
    cohort = people(6, 900)
    told = compare_slopes(cohort, People(who, reference.values), AGAINST)
    assert set(told["on"]) == {"age_years", "height_m"}
    assert told["p_difference"].notna().all()
    assert set(told["note"]) == {
        "On age and height alone: BMI not known of most people."
    }
    without = People(cohort.who.assign(bmi_kg_m2=20.0), cohort.values)
    assert told["slope"].to_numpy() == pytest.approx(
        compare_slopes(without, None, AGAINST)["slope"].to_numpy()
    )


def test_a_cohort_without_height_is_compared_on_the_rest(reference):
    cohort = people(6, 900)
    cohort.who["height_m"] = np.nan
    told = age_slopes(cohort, reference)
    assert len(told)
    assert told["p_difference"].notna().all()
    assert age_slopes(cohort, None)["note"].str.contains("height not known").all()


def test_a_bmi_that_few_know_leaves_the_others_their_age(reference):
    few = np.arange(len(reference)) % 4 == 0
    who = reference.who.assign(bmi_kg_m2=reference.who["bmi_kg_m2"].where(few))
    told = age_slopes(people(6, 400), People(who, reference.values))
    assert told["n_reference"].groupby(told["sex"]).first().sum() == 900
    most = reference.who.assign(bmi_kg_m2=reference.who["bmi_kg_m2"].where(~few))
    told = age_slopes(people(6, 400), People(most, reference.values))
    assert told["n_reference"].groupby(told["sex"]).first().sum() == (~few).sum()
    assert (told["note"] == "").all()


def test_published_slopes_that_hold_more_are_not_compared_with():
    cohort = people(6, 200)
    slopes = {"age_years": (0.0, 0.1, 26), "bmi_kg_m2": (0.0, 0.1, 26)}
    published = {("liver", "volume_ml", "F"): slopes}
    livers = "organ == 'liver' and quantity == 'volume_ml' and sex == 'F'"
    told = compare_slopes(cohort, published, AGAINST).query(livers)
    assert told["p_difference"].notna().tolist() == [True, True, False]
    cohort.who["bmi_kg_m2"] = np.nan
    told = compare_slopes(cohort, published, AGAINST).query(livers)
    assert told["p_difference"].isna().all()
    assert told["note"].str.startswith("No slope in the reference. On age").all()


def test_other_demographics_are_no_fault_when_they_are_weighted(reference):
    heavy = people(7, 1500)
    chosen = (heavy.who["bmi_kg_m2"] > 27).to_numpy()
    cohort = People(heavy.who[chosen].reset_index(drop=True), heavy.values[chosen])
    fair = row(compare(cohort, reference, AGAINST), "liver", "volume_ml", "all")
    plain = Against("reference", "own reference", standardize=False)
    unfair = row(compare(cohort, reference, plain), "liver", "volume_ml", "all")
    assert unfair["difference_percent"] > 5
    assert abs(fair["difference_percent"]) < 0.5 * unfair["difference_percent"]
    assert "weighted to the cohort's sex, age band and BMI band" in fair["note"]


def without(people: People, organ: str, lacking: np.ndarray) -> People:
    """The people, of whom some have no number for an organ's volume."""
    x = of(people, organ, "volume_ml").copy()
    x[lacking] = np.nan
    return with_column(people, organ, "volume_ml", x)


def test_organs_that_heavy_people_of_the_reference_lack_are_no_fault(reference):
    heavy = (reference.who["bmi_kg_m2"] > 28).to_numpy()
    cut = heavy & (np.random.default_rng(0).random(len(reference)) < 0.9)
    cohort = people(2, 600)
    df = compare(cohort, without(reference, "liver", cut), AGAINST, distributions=False)
    found = row(df, "liver", "volume_ml", "all")
    whole = row(
        compare(cohort, reference, AGAINST, distributions=False),
        "liver", "volume_ml", "all",
    )  # fmt: skip
    # Left is what BMI does within its bands, of which the lighter are measured.
    assert found["difference_percent"] - whole["difference_percent"] < 2.5
    assert found["verdict"] != "fail"


def test_an_organ_that_men_lack_is_compared_in_women_and_says_so(reference):
    men = (reference.who["sex"] == "M").to_numpy()
    cohort = people(2, 300)
    df = compare(cohort, without(reference, "liver", men), AGAINST, distributions=False)
    found = row(df, "liver", "volume_ml", "all")
    n_women = int((cohort.who["sex"] == "F").sum())
    left_out = re.search(
        r"Left out here: (\d+) more, like whom it has nobody", found["note"]
    )
    assert found["n"] == n_women
    assert left_out
    assert int(left_out[1]) >= 300 - n_women - 5  # like nobody at all are few
    assert found["verdict"] != "fail"
    others = df[df["organ"] != "liver"]
    assert not others["note"].str.contains("more, like whom").any()
    assert sum("rows leave out more subjects" in line for line in remarks(df)) == 1
    assert not any("here" in line for line in remarks(df))


def test_an_organ_that_the_cohort_lacks_in_men_is_held_against_women(reference):
    cohort = people(2, 300)
    men = (cohort.who["sex"] == "M").to_numpy()
    df = compare(without(cohort, "liver", men), reference, AGAINST, distributions=False)
    found = row(df, "liver", "volume_ml", "all")
    women = row(df, "liver", "volume_ml", "women")
    assert found["difference_percent"] == pytest.approx(women["difference_percent"])
    assert found["n_reference"] == women["n_reference"]


def test_an_organ_that_nobody_of_the_reference_has_is_shown(reference):
    everyone = np.ones(len(reference), bool)
    cohort = people(2, 100)
    nothing = without(reference, "liver", everyone)
    df = compare(cohort, nothing, AGAINST, distributions=False)
    found = row(df, "liver", "volume_ml", "all")
    assert (found["n_reference"], found["verdict"]) == (0, "info")
    assert found["n"] == row(df, "liver", "suv_mean", "all")["n"]


def test_people_the_reference_has_none_like_are_left_out_and_counted(reference):
    young = (reference.who["age_years"] < 50).to_numpy()
    only_young = People(
        reference.who[young].reset_index(drop=True), reference.values[young]
    )
    cohort = people(8, 200)
    found = row(compare(cohort, only_young, AGAINST), "liver", "suv_mean", "all")
    assert found["n"] == (cohort.who["age_years"] < 50).sum()
    assert "Left out:" in found["note"]


def test_few_values_are_not_judged(reference):
    df = compare(people(9, 18), reference, AGAINST)
    assert set(df["verdict"]) == {"info"}
    assert df["note"].str.contains("Fewer than 20 values").all()


def liver_of(cohort: People, n: int) -> People:
    """The people, of whom only the first n have a number for the liver's SUV."""
    x = of(cohort, "liver", "suv_mean").copy()
    x[n:] = np.nan
    return with_column(cohort, "liver", "suv_mean", x)


@pytest.mark.parametrize(
    ("n", "has_ratio", "of_mean", "of_ratio"),
    [
        (2, False, False, False),
        (3, True, False, False),
        (5, True, True, False),
        (10, True, True, True),
    ],
)
def test_too_few_values_on_either_side_have_no_interval(
    n, has_ratio, of_mean, of_ratio
):
    plain = Against("reference", "own reference", standardize=False)
    few, many = liver_of(people(12, 40), n), people(13, 120)
    for one, other in ((few, many), (many, few)):
        found = row(compare(one, other, plain), "liver", "suv_mean", "all")
        assert np.isfinite(found["difference_percent"])
        assert np.isfinite(found["sd_ratio"]) == has_ratio
        assert np.isfinite(found["low_percent"]) == of_mean
        assert np.isfinite(found["high90_percent"]) == of_mean
        assert np.isfinite(found["sd_ratio_low"]) == of_ratio
        assert np.isfinite(found["sd_ratio_high"]) == of_ratio


def test_intervals_cover_the_truth_as_often_as_they_say():
    inside = []
    for seed in range(8):
        df = compare(people(100 + seed, 60), people(300 + seed, 60), AGAINST)
        whole = df[df["group"] == "all"]
        inside += [*((whole["low_percent"] < 0) & (whole["high_percent"] > 0))]
    assert 0.88 < np.mean(inside) < 0.99


def test_published_means_are_compared_by_sex(reference):
    summary = pd.DataFrame(
        [["liver", "suv_mean", group, m, s, 100, 0.03, "Someone 2020"]
         for group, m, s in (("women", 2.3, 0.3), ("men", 2.2, 0.3))],
        columns=["organ", "quantity", "group", "mean", "sd", "n", "reading_error",
                 "source"],
    )  # fmt: skip
    cohort = people(10, 300)
    rng = np.random.default_rng(0)
    same = with_column(cohort, "liver", "suv_mean", rng.normal(2.25, 0.3, 300))
    df = compare_summary(same, summary, Against("someone", "published"))
    assert set(df["group"]) == {"women", "men"}
    assert set(df["organ"]) == {"liver"}
    assert df["ks"].isna().all()
    assert (df["verdict"] != "fail").all()
    hot = with_column(cohort, "liver", "suv_mean", rng.normal(2.8, 0.3, 300))
    df = compare_summary(hot, summary, Against("someone", "published"))
    assert set(df["verdict"]) == {"fail"}


def test_tables_come_back_as_they_were_written(tmp_path, reference):
    df = compare(people(11, 60), reference, AGAINST).assign(primary=True)
    slopes = compare_slopes(people(11, 60), reference, AGAINST)
    empty = read_tables(tmp_path)["histograms"]
    tables = {"comparisons": df[list(COMPARISONS)], "slopes": slopes}
    write_tables(tmp_path, {**tables, "histograms": empty})
    again = read_tables(tmp_path)
    for name, table in tables.items():
        pd.testing.assert_frame_equal(again[name], table, check_dtype=False)


def test_spread_is_told_about_the_middle_of_the_weighted() -> None:
    rng = np.random.default_rng(9)
    man = rng.random(4000) < 0.85  # and the cohort has as many women as men
    x = np.where(man, 1.0, 0.0)[:, None]
    weights = np.where(man, 0.5 / 0.85, 0.5 / 0.15)
    assert _deviations(x, weights).mean == pytest.approx(0.5, abs=0.02)
    y = 2.0 * man + rng.normal(size=4000)
    weighted = _deviations(y[:, None], weights).mean
    even = np.r_[rng.normal(2, 1, 4000), rng.normal(0, 1, 4000)]
    assert weighted == pytest.approx(
        _deviations(even[:, None], np.ones(8000)).mean, rel=0.03
    )
