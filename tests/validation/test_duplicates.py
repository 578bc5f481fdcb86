"""One subject twice is found; two people never are."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vct.validation.duplicates import COPY, nearest, same_subjects
from vct.validation.people import People
from vct.validation.ruler import draw_people


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(12, 300))
def test_people_are_no_copies(seed: int, n: int) -> None:
    assert same_subjects(draw_people(np.random.default_rng(seed), n)) == []


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.0, 0.005))
def test_a_copy_is_named_with_whom_it_copies(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    people = draw_people(rng, 60)
    people.values[7] = people.values[31] * rng.normal(1, noise, people.values.shape[1])
    (pair,) = same_subjects(people)
    assert {pair.one, pair.other} == {7, 31}
    assert pair.distance < COPY


def test_three_of_one_are_all_named() -> None:
    people = draw_people(np.random.default_rng(1), 60)
    people.values[[3, 5]] = people.values[9]
    named = {i for pair in same_subjects(people) for i in pair[:2]}
    assert named == {3, 5, 9}


def test_units_do_not_matter() -> None:
    people = draw_people(np.random.default_rng(2), 60)
    other = People(people.who, people.values * 7.0, people.measures)
    assert np.allclose(nearest(people)[1], nearest(other)[1])


def test_too_little_tells_nothing() -> None:
    few = draw_people(np.random.default_rng(3), 11)
    assert nearest(few) is None
    holes = draw_people(np.random.default_rng(3), 50)
    holes.values[0, 3:] = np.nan  # three measures are left
    assert nearest(holes) is None
