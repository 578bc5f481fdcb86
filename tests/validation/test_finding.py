"""Findings on disk."""

import json

import pytest

from vct.errors import CohortError
from vct.validation import Finding, read_findings, verdict_of, write_findings


def finding(verdict="info", **changes):
    given = {
        "id": "x",
        "title": "x",
        "quantity": "volume_ml",
        "group": "F",
        "n": 3,
        "value": 1.0,
        "reference": None,
        "difference_percent": None,
        "interval": (0.5, 1.5),
        "bound": None,
        "verdict": verdict,
        "source": "s",
        "kind": "descriptive",
    }
    return Finding(**{**given, **changes})


def test_findings_read_back(tmp_path):
    findings = [finding(), finding("pass", bound=(0.0, 2.0))]
    write_findings(findings, tmp_path)
    assert read_findings(tmp_path) == findings


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        ("info info", "info"),
        ("info pass", "pass"),
        ("pass inconclusive", "inconclusive"),
        ("inconclusive fail pass", "fail"),
        ("", "info"),
    ],
)
def test_the_worst_verdict_counts(verdicts, worst):
    assert verdict_of(finding(v) for v in verdicts.split()) == worst


def test_damaged_findings_say_what_to_do(tmp_path):
    with pytest.raises(CohortError, match="Run 'vct validate"):
        read_findings(tmp_path)
    (tmp_path / "findings.json").write_text(json.dumps([{"id": "x"}]))
    with pytest.raises(CohortError, match="exactly the fields"):
        read_findings(tmp_path)
