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
    return people.part(people.who["bmi_kg_m2"].between(low, high).to_numpy())


def test_weights_make_the_reference_as_many_as_are_kept(reference: People) -> None:
    cohort = draw_people(np.random.default_rng(8), 200)
    made = standardized(cohort, reference, weighted=True)
    assert made.weights.sum(axis=0) == pytest.approx(made.keep.sum(axis=0))
    assert made.note.startswith(
        "Reference weighted to the cohort's sex, age band and BMI"
    )


def test_unweighted_all_count_one(reference: People) -> None:
    cohort = draw_people(np.random.default_rng(8), 20)
    made = standardized(cohort, reference, weighted=False)
    assert made.keep.all()
    assert (made.weights == 1).all()
    assert set(made.notes) == {"Demographics are not adjusted for."}


def by_sex(people: People, share_of_men: float, seed: int) -> People:
    """Of diagnosis 'a' this share are men, of 'b' this share are women."""
    of_a = np.random.default_rng(seed).random(len(people)) < share_of_men
    male = (people.who["sex"] == "M").to_numpy()
    who = people.who.assign(diagnosis=np.where(male == of_a, "a", "b"))
    return People(who, people.values)


def test_a_diagnosis_of_other_sexes_is_no_fault(reference: People) -> None:
    cohort = by_sex(draw_people(np.random.default_rng(8), 900), 0.2, 1)
    other = by_sex(reference, 0.8, 2)
    df = compare(cohort, other, Against("own", "own reference"), distributions=False)
    found = df[df["group_kind"] == "diagnosis"]
    assert set(found["group"]) == {"diagnosis: a", "diagnosis: b"}
    assert (found["verdict"] != "fail").all()


def test_who_of_a_diagnosis_is_left_out_is_counted(reference: People) -> None:
    cohort = draw_people(np.random.default_rng(8), 200)
    heavy = (cohort.who["bmi_kg_m2"] > 30).to_numpy()
    cohort = People(cohort.who.assign(diagnosis="a"), cohort.values)
    slim = of_bmi(reference, 10, 30)
    slim = People(slim.who.assign(diagnosis="a"), slim.values)
    df = compare(cohort, slim, Against("own", "own reference"), distributions=False)
    (note,) = set(df.loc[df["group_kind"] == "diagnosis", "note"])
    assert note.startswith("diagnosis: a: Reference weighted")
    assert f"Left out: {heavy.sum()} subjects" in note


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
