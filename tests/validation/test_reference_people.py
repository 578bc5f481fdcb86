"""What is told of the people behind the built-in references."""

import numpy as np
import pytest

from vct.validation.against import BUILT_IN
from vct.validation.groups import AGE_BANDS
from vct.validation.reference_people import autopet_ages, reference_people
from vct.validation.references import about, hedypet_bands, hedypet_fit


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_reference_says_who_how_and_where_from(name: str) -> None:
    told = reference_people(name)
    for words in (told.people, told.acquisition, told.instrument, told.source):
        assert len(words) > 20


def test_the_histograms_hold_everybody() -> None:
    block = about("autopet_published")["drawn_from"]
    ages = autopet_ages()
    for sex, counts in ages.counts.items():
        assert sum(counts) == block["patients"][sex]
        assert len(counts) == len(ages.edges_years) - 1
    assert sum(block["patients"].values()) == 900
    assert sum(block["studies_by_diagnosis"].values()) == 1014
    # The mean by decade is that of the patients, 60.5 and 58.9 years, to half a year.
    middles = np.array(ages.edges_years[:-1]) + 5
    for sex, mean in (("M", 60.5), ("F", 58.9)):
        assert np.average(middles, weights=ages.counts[sex]) == pytest.approx(
            mean, abs=0.75
        )


def test_bands_of_age_lie_around_the_mean_of_their_sex() -> None:
    """A line fitted through people passes their mean: its values average to it."""
    df = hedypet_fit()
    key = ["organ", "quantity", "sex"]
    by_sex = df[df["group"].isin(["women", "men"])].set_index(key)
    bands = hedypet_bands().set_index(key)
    shared = bands.index.intersection(by_sex.index).unique()
    assert len(shared) > 30
    for what in shared:
        rows = bands.loc[[what]]
        mean, sd = by_sex.loc[what, ["mean", "sd"]].astype(float)
        assert rows["mean"].min() <= mean <= rows["mean"].max()
        assert (rows["sd"] <= 1.1 * sd).all()  # about the line, not about the mean
        assert list(rows["group"].str.partition(", ")[2]) == [b[0] for b in AGE_BANDS]
        assert (rows["n"] == 30).all()


def test_a_fit_is_least_sure_where_people_are_few() -> None:
    errors = hedypet_bands().pivot_table(
        index=["organ", "quantity", "sex"], columns="group", values="reading_error"
    )
    for word in ("women", "men"):
        of_sex = errors.dropna(subset=[f"{word}, age >65"])
        assert (of_sex[f"{word}, age >65"] > of_sex[f"{word}, age 50-65"]).all()
