"""Contradictions: those that must be found, and that none is invented."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.strategies import RANGES, RULES
from vct.spec.contradiction import find_contradictions
from vct.spec.expression import MAX_LENGTH, evaluate, parse

SEXES = {"sex": (("F", "M"), "the population")}


def pairs(*rules: str, **ranges: tuple[float, float]) -> list[tuple[str, str]]:
    given = {
        name: (low, high, "the population") for name, (low, high) in ranges.items()
    }
    return find_contradictions([(rule, parse(rule)) for rule in rules], given, SEXES)


@pytest.mark.parametrize(
    "rules",
    [
        ("age_years >= 70", "age_years < 60"),
        ("age_years >= 70", "60 > age_years"),
        ("age_years > 60", "age_years <= 60"),
        ("age_years == 60", "age_years < 60"),
        ("sex == 'F'", "sex == 'M'"),
        ("sex in ['F']", "sex != 'F'"),
        ("not age_years < 60", "not age_years > 50"),
    ],
)
def test_two_rules_that_exclude_each_other(rules: tuple[str, str]) -> None:
    assert pairs(*rules) == [rules]


@pytest.mark.parametrize(
    "rules",
    [
        ("age_years >= 60", "age_years <= 60"),
        ("age_years >= 70 or age_years < 60", "age_years < 65"),
        ("age_years != 60", "age_years >= 60"),
        ("sex == 'F'", "sex != 'M'"),
        ("age_years < 1 / 0", "age_years > 3"),
    ],
)
def test_two_rules_that_go_together(rules: tuple[str, str]) -> None:
    assert pairs(*rules) == []


def test_a_rule_alone_can_be_impossible() -> None:
    for rule in (
        "age_years > 60 and age_years < 50",
        "sex == 'F' and sex == 'M'",
        "1 > 2",
    ):
        assert pairs(rule) == [(rule, rule)]
    rule = "bmi_kg_m2 * 2 > 100 or height_m > 3"
    assert pairs(rule, bmi_kg_m2=(17, 45), height_m=(1.4, 2)) == [(rule, rule)]


def test_the_population_is_a_source_too() -> None:
    found = pairs("age_years > 60", age_years=(20, 50))
    assert found == [("age_years > 60", "the population")]


def test_every_contradiction_is_found() -> None:
    rules = ("age_years > 60", "age_years < 50", "height_m > 2", "height_m < 1")
    assert pairs(*rules) == [(rules[0], rules[1]), (rules[2], rules[3])]


@given(rules=st.lists(RULES, min_size=1, max_size=3))
def test_what_is_called_a_contradiction_is_one(rules: list[str]) -> None:
    if any(len(rule) > MAX_LENGTH for rule in rules) or not pairs(*rules, **RANGES):
        return
    rng = np.random.default_rng(0)
    n = 2000
    columns = {name: rng.uniform(*ends, n) for name, ends in RANGES.items()}
    columns["sex"] = rng.choice(["F", "M"], n)
    meets = np.ones(n, bool)
    for rule in rules:
        meets &= evaluate(parse(rule), columns)
    assert not meets.any()
