"""Numbers as the report writes them."""

import pytest

from tests.validation.test_organs import cohort, references
from vct.report.tables import (
    file_size,
    hu_rows,
    interval,
    number,
    organ_rows,
    short_source,
    signed,
)
from vct.validation.organs import organ_findings


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


def test_sizes():
    assert [file_size(n) for n in (12, 1200, 3.2e9)] == ["12 B", "1.2 kB", "3.2 GB"]


def test_short_source():
    assert short_source("hedyPET: 60 healthy adults") == "hedyPET"


def test_organ_rows_pair_mean_and_spread():
    findings = organ_findings(cohort(), references(), reference_kind="calibrated")
    rows = organ_rows(findings, quantities=("volume_ml", "suv_mean"))
    assert [(r["organ"], r["quantity"], r["sex"]) for r in rows][:2] == [
        ("liver", "volume [mL]", "F"),
        ("liver", "volume [mL]", "M"),
    ]
    assert all(r["sd"] != "–" and r["reference_sd"] != "–" for r in rows)
    assert {r["short_source"] for r in rows if r["organ"] == "liver"} == {"AutoPET"}
    other = organ_rows(findings, quantities=("volume_ml",), primary=False)
    assert {r["short_source"] for r in other} == {"hedyPET"}
    assert [organ for organ, _, _ in hu_rows(findings)] == ["liver", "muscle"]
