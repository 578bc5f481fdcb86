"""Findings as tables: nothing lost between findings.json, page and files."""

import pytest

from tests.report.compared import compared_tables, judged
from tests.validation.test_organs import cohort, references
from vct.report.failures import failure_lines
from vct.report.finding_tables import findings_frame, organ_frame, organ_table
from vct.report.scorecard import CRITERIA, counts, criterion_of
from vct.validation.organs import organ_findings


@pytest.fixture(scope="module")
def organs():
    return organ_findings(cohort(), references().assign(kind="calibrated"))


@pytest.fixture(scope="module")
def compared():
    return judged(compared_tables())


def test_a_frame_holds_every_finding(organs):
    df = findings_frame(organs)
    assert df["id"].tolist() == [f.id for f in organs]
    for row, finding in zip(df.itertuples(), organs, strict=True):
        low, high = finding.interval or (None, None)
        for number, known in ((row.low, low), (row.high, high)):
            assert number == known or (number != number and known is None)


def test_organ_rows_pair_mean_and_spread(organs):
    df = organ_frame(organs)
    assert len(df) == len([f for f in organs if f.statistic == "mean"])
    by_id = {f.id: f for f in organs}
    assert df["primary"].any()
    for row in df[df["primary"]].itertuples():
        start = f"organ/{row.organ}/{row.quantity}/{row.sex}"
        assert row.mean == by_id[f"{start}/mean"].value
        assert row.sd == by_id[f"{start}/sd"].value


def test_references_stand_in_the_organ_table_only_where_nothing_else_shows_them(organs):
    alone = organ_table(organs, compared=True)
    beside = organ_table(organs, compared=False)
    assert "reference_mean" in alone.data
    assert "reference_mean" not in beside.data
    assert len(beside.data) < len(alone.data)


def test_the_scorecard_counts_every_finding_once(organs, compared):
    found = counts([*organs, *compared])
    assert sum(n for of in found.values() for n in of.values()) == len(
        [*organs, *compared]
    )
    assert list(found)[:7] == [criterion.name for criterion in CRITERIA]


def test_means_are_congruence_and_spreads_coverage(compared):
    for finding in compared:
        wanted = {"mean": "Congruence", "sd": "Coverage", "slope": "Consistency"}
        assert criterion_of(finding) == wanted[finding.statistic]


def test_failures_name_organ_and_groups_in_one_line(compared):
    lines = failure_lines(compared)
    liver = [line for line in lines if line.startswith("liver, mean SUV, mean")]
    assert len(liver) == 1
    assert ": all +" in liver[0]
    assert ", women +" in liver[0]
    failed = {f.organ for f in compared if f.verdict == "fail"}
    assert {line.split(",")[0] for line in lines} >= {
        organ.replace("_", " ") for organ in failed
    }
    assert failure_lines([f for f in compared if f.verdict != "fail"]) == []
