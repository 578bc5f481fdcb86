"""A reference made like a cohort: weighted, left out and counted, or refused."""

import numpy as np
import pytest

from vct.errors import CohortError
from vct.validation.comparison import Against, compare
from vct.validation.people import People
from vct.validation.ruler import draw_people
from vct.validation.standardization import require_comparable, standardized


@pytest.fixture(scope="module")
def reference() -> People:
    return draw_people(np.random.default_rng(1), 900)


def of_bmi(people: People, low: float, high: float) -> People:
    chosen = people.who["bmi_kg_m2"].between(low, high).to_numpy()
    return People(people.who[chosen].reset_index(drop=True), people.values[chosen])


def test_weights_make_the_reference_as_many_as_are_kept(reference: People) -> None:
    cohort = draw_people(np.random.default_rng(8), 200)
    keep, weights, note = standardized(cohort, reference, weighted=True)
    assert weights.sum() == pytest.approx(keep.sum())
    assert note.startswith("Reference weighted to the cohort's sex, age band and BMI")


def test_unweighted_all_count_one(reference: People) -> None:
    cohort = draw_people(np.random.default_rng(8), 20)
    keep, weights, note = standardized(cohort, reference, weighted=False)
    assert keep.all()
    assert (weights == 1).all()
    assert note == "Demographics are not adjusted for."


def test_people_like_nobody_are_refused_unless_all_are_taken_as_they_are(
    reference: People,
) -> None:
    heavy, slim = of_bmi(reference, 32, 99), of_bmi(reference, 10, 24)
    said = r"own: by sex, age band and BMI band, 0 of .* with 'vct compare --unw"
    with pytest.raises(CohortError, match=said):
        require_comparable(heavy, slim, "own", weighted=True)
    require_comparable(heavy, slim, "own", weighted=False)
    assert compare(heavy, slim, Against("own", "own reference")).empty
    plain = Against("own", "own reference", standardize=False)
    found = compare(heavy, slim, plain).query("group == 'all'")
    assert set(found["n"]) == {len(heavy)}
    assert set(found["n_reference"]) == {len(slim)}


def test_one_person_a_side_is_refused(reference: People) -> None:
    one = People(reference.who.head(1), reference.values[:1])
    with pytest.raises(CohortError, match="own: it has 900 people, the cohort 1"):
        require_comparable(one, reference, "own", weighted=True)
