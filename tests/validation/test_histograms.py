"""SUV histograms of a cohort over those of a reference."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from vct.errors import CohortError
from vct.measured import SUV_BIN_EDGES
from vct.validation.comparison import Against
from vct.validation.comparison_tables import HISTOGRAMS
from vct.validation.histograms import overlay, shares_of_reference
from vct.validation.people import MEASURES, Measure, People

AGAINST = Against("clinic", "own reference")


def people(sexes: str) -> People:
    """Adults of one age and BMI."""
    who = {"sex": list(sexes), "age_years": 40.0, "height_m": 1.7, "bmi_kg_m2": 22.0}
    values = np.full((len(sexes), len(MEASURES)), np.nan)
    return People(pd.DataFrame({**who, "diagnosis": None}), values)


def at(*suvs: float) -> np.ndarray:
    """Shares of an organ with as many voxels at each SUV."""
    bins = np.searchsorted(SUV_BIN_EDGES, suvs, side="right") - 1
    return np.bincount(bins, minlength=len(SUV_BIN_EDGES)) / len(suvs)


def mean_suv(df: pd.DataFrame, column: str) -> float:
    return float((df["low_suv"] + 0.05) @ df[column])


def test_every_subject_counts_once() -> None:
    sides = ["a", "b", "c"], people("FFM")
    shares = [
        ("a", "liver", at(2.02)),
        ("b", "liver", at(4.02)),
        ("c", "liver", at(8.02)),
    ]
    df = overlay((*sides, shares), None, AGAINST)
    assert list(df) == list(HISTOGRAMS)
    told = {group: mean_suv(part, "share") for group, part in df.groupby("group")}
    assert told["women"] == pytest.approx(3.05)
    assert told["men"] == pytest.approx(8.05)
    assert told["all"] == pytest.approx((2 + 4 + 8) / 3 + 0.05)
    assert df["reference_share"].isna().all()
    sums = df.groupby(["organ", "group"])["share"].sum()
    assert sums.to_numpy() == pytest.approx(1.0)


def test_a_reference_is_weighted_to_the_cohort() -> None:
    """Three women and one man against as many men as women: the man counts a third."""
    own = [(name, "liver", at(5.02)) for name in "abcd"]
    theirs = [("x", "liver", at(1.02)), ("y", "liver", at(9.02))]
    df = overlay(
        (list("abcd"), people("FFFM"), own), (["x", "y"], people("FM"), theirs), AGAINST
    )
    everyone = df[df["group"] == "all"]
    assert mean_suv(everyone, "reference_share") == pytest.approx(
        (3 * 1 + 9) / 4 + 0.05
    )
    assert set(df["reference"]) == {"clinic"}


def test_an_organ_that_some_lack_is_weighted_among_the_others() -> None:
    """Of two women of the reference one has no liver: the other counts for both."""
    own = [(name, "liver", at(5.02)) for name in "abcd"]
    theirs = [("x", "liver", at(1.02)), ("z", "liver", at(9.02))]
    others = people("FFM")
    others.values[:] = 1.0
    others.values[1, MEASURES.index(Measure("liver", "suv_mean"))] = np.nan
    cohort = people("FFMM")
    cohort.values[:] = 1.0
    df = overlay((list("abcd"), cohort, own), (list("xyz"), others, theirs), AGAINST)
    everyone = df[df["group"] == "all"]
    assert mean_suv(everyone, "reference_share") == pytest.approx((1 + 9) / 2 + 0.05)


def test_an_organ_that_the_reference_lacks_has_no_line() -> None:
    own = [("a", "liver", at(2.02)), ("a", "spleen", at(3.02))]
    df = overlay(
        (["a"], people("F"), own),
        (["x"], people("F"), [("x", "liver", at(2.0))]),
        AGAINST,
    )
    lacking = df[df["organ"] == "spleen"]
    assert lacking["reference_share"].isna().all()
    assert df[df["organ"] == "liver"]["reference_share"].notna().all()


def test_a_cohort_without_histograms_gives_an_empty_table() -> None:
    df = overlay((["a"], people("F"), []), None, AGAINST)
    assert df.empty
    assert list(df) == list(HISTOGRAMS)


def test_other_bins_are_refused() -> None:
    reference = SimpleNamespace(suv_bin_edges=SUV_BIN_EDGES[:-1], created_by="vct 9")
    with pytest.raises(CohortError, match=r"of vct 9 has other SUV bins"):
        shares_of_reference(reference)  # type: ignore[arg-type]
