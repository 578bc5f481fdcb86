"""Rules: the grammar, what they mean, what is refused."""

import re

import numpy as np
import pytest
from hypothesis import given

from tests.spec.strategies import RANGES, RULES
from vct.spec.expression import MAX_LENGTH, evaluate, parse


def people(n: int = 50, seed: int = 0) -> dict[str, np.ndarray]:
    """Columns without any relation, some on round values."""
    rng = np.random.default_rng(seed)
    columns = {
        name: np.round(rng.uniform(low - 2, high + 2, n), 1)
        for name, (low, high) in RANGES.items()
    }
    return {**columns, "sex": rng.choice(["F", "M"], n)}


@given(rule=RULES)
def test_a_rule_means_what_python_would_say(rule: str) -> None:
    columns = people()
    if len(rule) > MAX_LENGTH:
        return
    found = np.broadcast_to(evaluate(parse(rule), columns), 50)
    for i in range(50):
        row = {name: values[i] for name, values in columns.items()}
        assert bool(found[i]) == bool(eval(rule, {}, row)), rule


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("age_years > 10 or age_years > 30 and age_years > 99", [True, True, True]),
        ("not age_years > 30 and age_years > 10", [True, False, False]),
        ("2 + 3 * 10 - -8 / 2 == 36", [True] * 3),
        ("20 < age_years <= 60 < 70", [False, True, True]),
        ("age_years not in [20, 40.0]", [False, False, True]),
        ('sex == "F"', [True, False, True]),
    ],
)
def test_precedence(rule: str, expected: list[bool]) -> None:
    columns = {
        "age_years": np.array([20.0, 40.0, 60.0]),
        "sex": np.array(["F", "M", "F"]),
    }
    found = np.broadcast_to(evaluate(parse(rule), columns), 3)
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("age > 3", "unknown column 'age'; did you mean 'age_years'? (character 1"),
        ("sex == F", "text needs quotes: 'F' (character 8"),
        ("sex == 'X'", "sex is 'F' or 'M', never 'X'"),
        ("sex in ['F', 'W']", "sex is 'F' or 'M', never 'W'"),
        ("sex < 'F'", "text is compared with == or !=, not '<'"),
        ("sex == 3", "text and number cannot be compared"),
        ("age_years = 3", "'=' is not understood; equality is '=='"),
        ("age_years", "'age_years' is a value, not a condition"),
        ("age_years > 3 4", "'4' is not expected here (character 15"),
        ("(age_years > 3", "')' is expected, not the end"),
        ("age_years >", "a number or a column is expected, not the end"),
        ("age_years and 3", "join conditions, not values"),
        ("not age_years", "join conditions, not values"),
        ("(age_years > 3) > 2", "a condition cannot be compared; use 'and'"),
        ("sex + 1 > 2", "'+' needs numbers on both sides"),
        ("-sex > 2", "'-' needs a number"),
        ("age_years in [height_m]", "a list holds numbers or texts in quotes"),
        ("age_years not 3", "'in' is expected, not '3'"),
        ("", "a number or a column is expected, not the end"),
        ("1.2.3 < age_years", "'1' is not understood"),
    ],
)
def test_what_is_refused(rule: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        parse(rule)


@pytest.mark.parametrize(
    "rule",
    [
        "__import__('os').system('ls')",
        "(lambda: 1)() > 0",
        "age_years.__class__ == 1",
        "open('x') == 1",
        "[x for x in [1]] == 1",
        "age_years ** 9 > 1",
        "True",
    ],
)
def test_nothing_of_python_is_there(rule: str) -> None:
    with pytest.raises(ValueError, match="character"):
        parse(rule)


def test_a_rule_has_a_length() -> None:
    with pytest.raises(ValueError, match="longer than 500 characters"):
        parse("(" * 501)


@pytest.mark.parametrize("part", ["(", "not ", "-"])
def test_a_rule_has_a_depth(part: str) -> None:
    with pytest.raises(ValueError, match="nested more than 20 deep"):
        parse(part * 21 + "age_years")
