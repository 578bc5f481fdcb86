"""Numbers as the report writes them."""

import pytest

from vct.report.tables import (
    file_size,
    interval,
    number,
    p_value,
    short_source,
    signed,
)


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (1234.5, 0, "1\u2009234"),
        (-0.04, 1, "0.0"),
        (-2.0, 1, "−2.0"),
        (None, 1, "–"),
        (float("nan"), 1, "–"),
        (2e-10, 6, "2e−10"),
        (0.0, 6, "0.000000"),
    ],
)
def test_numbers(value, decimals, text):
    assert number(value, decimals) == text


def test_signs_and_intervals():
    assert signed(3.0) == "+3.0"
    assert signed(None) == "–"
    assert signed(0.04) == "0.0"
    assert interval((-1.0, 2.0)) == "−1.0 to +2.0"
    assert interval(None) == "–"


def test_probabilities():
    assert [p_value(p) for p in (0.0, 0.00099, 0.001, 1.0)] == [
        "<0.001",
        "<0.001",
        "0.001",
        "1.000",
    ]
    assert p_value(None) == p_value(float("nan")) == "–"


def test_sizes():
    assert [file_size(n) for n in (12, 1200, 3.2e9)] == ["12 B", "1.2 kB", "3.2 GB"]


def test_short_source():
    assert short_source("hedyPET: 60 healthy adults") == "hedyPET"
