"""One subject twice is found; two people never are."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vct.validation.duplicates import COPY, nearest_pairs, same_subjects
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
    ours, theirs = nearest_pairs(people), nearest_pairs(other)
    assert [pair[:2] for pair in ours] == [pair[:2] for pair in theirs]
    assert np.allclose([p.distance for p in ours], [p.distance for p in theirs])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.0, 0.4))
def test_what_is_missing_makes_no_copies_and_hides_none(seed: int, share: float):
    rng = np.random.default_rng(seed)
    people = draw_people(rng, 60)
    people.values[rng.random(people.values.shape) < share] = np.nan
    people.values[5] = np.nan
    assert same_subjects(people) == []
    people.values[7] = people.values[31]
    assert [{pair.one, pair.other} for pair in same_subjects(people)] == [{7, 31}]


def test_what_two_share_must_be_enough_to_tell() -> None:
    people = draw_people(np.random.default_rng(4), 60)
    half = people.values.shape[1] // 2
    people.values[3] = people.values[4] = people.values.mean(axis=0)
    people.values[3, :half] = people.values[4, half:] = np.nan
    assert same_subjects(people) == []


def test_too_little_tells_nothing() -> None:
    few = draw_people(np.random.default_rng(3), 11)
    assert nearest_pairs(few) == []
    holes = draw_people(np.random.default_rng(3), 50)
    holes.values[:30, 3:] = np.nan  # most have three measures
    assert nearest_pairs(holes) == []
