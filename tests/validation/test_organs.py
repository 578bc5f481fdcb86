"""Organ findings, on tables without a folder."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.validation.fake_cohort import references
from vct.manifest import Cohort
from vct.validation.organs import organ_findings


def cohort(n: int = 30, *, mean: float = 1700.0, sd: float = 300.0) -> Cohort:
    """Livers and muscles of n men and n women, drawn with a fixed seed."""
    rng = np.random.default_rng(5)
    subjects = pd.DataFrame(
        {
            "subject_id": [f"S{k:04d}" for k in range(2 * n)],
            "sex": ["F", "M"] * n,
        }
    )
    rows = [
        {
            "subject_id": subject_id,
            "organ": organ,
            "source": "segmenter",
            "volume_ml": rng.normal(mean, sd),
            "suv_mean": rng.normal(2.3, 0.3),
            "hu_mean": 100.0,
            "touches_edge": organ == "muscle",
        }
        for subject_id in subjects["subject_id"]
        for organ in ("liver", "muscle")
    ]
    empty = pd.DataFrame()
    return Cohort(Path(), "", {}, subjects, empty, pd.DataFrame(rows), empty)


def findings(table: Cohort):
    found = organ_findings(table, references().assign(kind="calibrated"))
    return {finding.id: finding for finding in found}


def test_mean_and_spread_are_held_against_the_primary_reference():
    found = findings(cohort())
    mean, sd = (found[f"organ/liver/volume_ml/M/{s}"] for s in ("mean", "sd"))
    assert mean.source == "AutoPET"
    assert mean.reference == pytest.approx(1750 * 1.04 * 1.05)
    assert mean.difference_percent == pytest.approx(
        100 * (mean.value / mean.reference - 1)
    )
    assert mean.interval[0] < mean.difference_percent < mean.interval[1]
    assert sd.interval[0] < sd.difference_percent < sd.interval[1]
    assert found["organ/liver/volume_ml/M/mean/hedypet"].source == "hedyPET"


def test_a_clear_difference_is_seen_and_collapse_too():
    found = findings(cohort(mean=1400.0, sd=30.0))
    assert found["organ/liver/volume_ml/M/mean"].interval[1] < -15
    assert found["organ/liver/volume_ml/M/sd"].interval[1] < -80


def test_nothing_is_judged_and_calibrated_is_said():
    for finding in findings(cohort()).values():
        assert finding.verdict == "info"
        assert finding.bound is None
        assert "No bound is judged" in finding.note
        if finding.reference is not None:
            assert finding.kind == "calibrated"
            assert finding.note.startswith("Calibrated")
            assert "validated" not in finding.note


def test_a_cut_organ_is_left_out_and_counted():
    table = cohort()
    table.organs.loc[table.organs["organ"] == "liver", "touches_edge"] = (
        np.arange(60) < 6
    )
    mean = findings(table)["organ/liver/volume_ml/F/mean"]
    assert (mean.n, mean.excluded) == (27, 3)


def test_an_organ_not_found_is_left_out_and_counted():
    table = cohort()
    first = table.organs.index[0]
    table.organs.loc[first, ["volume_ml", "suv_mean"]] = [0.0, float("nan")]
    mean = findings(table)["organ/liver/suv_mean/F/mean"]
    assert (mean.n, mean.excluded) == (29, 1)


def test_tissues_every_field_cuts_keep_their_suv_and_lose_their_volume():
    found = findings(cohort())
    assert found["organ/muscle/suv_mean/F/mean"].n == 30
    assert "organ/muscle/volume_ml/F/mean" not in found


@pytest.mark.parametrize("n", [1, 2, 4])
def test_small_cohorts(n):
    found = findings(cohort(n))
    mean = found["organ/liver/volume_ml/M/mean"]
    assert mean.difference_percent is not None
    assert (mean.interval is None) == (n < 2)
    assert found["organ/liver/volume_ml/M/sd"].interval is None


def test_all_cut_leaves_no_value():
    table = cohort(2)
    table.organs["touches_edge"] = True
    mean = findings(table)["organ/liver/volume_ml/M/mean"]
    assert (mean.n, mean.value, mean.difference_percent) == (0, None, None)


def test_hu_has_no_reference():
    finding = findings(cohort())["organ/liver/hu_mean/F/mean"]
    assert finding.kind == "descriptive"
    assert finding.reference is None


def test_missing_numbers_are_counted_by_reason_and_organ():
    table = cohort()
    organs = table.organs
    organs["status"] = np.where(organs["organ"] == "muscle", "in_field", "ok")
    livers = organs.index[organs["organ"] == "liver"]
    refused = ["volume_ml", "suv_mean", "hu_mean"]
    for index, reason in zip(
        livers, ["uncertain", "uncertain", "cut_by_field"], strict=False
    ):
        organs.loc[index, "status"] = reason
        organs.loc[index, refused] = float("nan")
    found = findings(table)
    uncertain = found["instrument/refused/uncertain"]
    assert (uncertain.value, uncertain.n, uncertain.verdict) == (2, 120, "info")
    assert uncertain.note == "liver: 2"
    assert found["instrument/refused/not_found"].value == 0
    women = found["organ/liver/volume_ml/F/mean"]
    assert (women.n, women.excluded) == (28, 2)
    assert "Left out: 1 cut by the field of view, 1 too uncertain" in women.note
    assert "Left out" not in found["organ/muscle/suv_mean/F/mean"].note


@pytest.mark.parametrize("organ", ["urinary_bladder", "liver"])
def test_refused_bladders_are_sought_where_they_are_hot(organ):
    table = cohort(3)
    livers = table.organs["organ"] == "liver"
    table.organs["status"] = np.where(livers, "uncertain", "in_field")
    table.organs.loc[livers, ["organ", "volume_ml"]] = [organ, float("nan")]
    note = findings(table)[f"organ/{organ}/volume_ml/F/mean"].note
    assert ("bladder_suv in organs.parquet" in note) == (organ == "urinary_bladder")


def test_an_organ_of_the_other_sex_is_not_missing():
    table = cohort(3)
    table.organs["status"] = "not_applicable"
    assert findings(table)["instrument/refused/not_found"].n == 0
