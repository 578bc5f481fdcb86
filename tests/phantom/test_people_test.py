"""The people test as a command: its tables, its counts, its figures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vct.phantom import people_test
from vct.phantom.agreement_plots import write_plots
from vct.phantom.demographics import Demographics
from vct.phantom.people_test import as_json, as_markdown, compare_rendered, summary
from vct.phantom.reading import Reading
from vct.phantom.structures import NAMES


def moments() -> pd.DataFrame:
    common = {
        "people": 30, "people_sd": 50.0, "people_sd_low": 40.0,
        "people_sd_high": 67.0, "draws_sd": 45.0, "sd_agrees": True,
    }  # fmt: skip
    rows = []
    for sex in ("F", "M"):
        rows.append(
            {"quantity": "volume_ml/spleen", "sex": sex, "people_mean": 170.0,
             "draws_mean": 173.0, "difference_se": 0.33, "moved": False,
             "mean_agrees": True}
        )  # fmt: skip
        rows.append(
            {"quantity": "suv/liver", "sex": sex, "people_mean": 2.3,
             "draws_mean": 2.2, "difference_se": -1.5, "moved": True,
             "mean_agrees": None, "sd_agrees": sex == "F"}
        )  # fmt: skip
    return pd.DataFrame([common | row for row in rows])


@pytest.fixture
def found() -> dict[str, Any]:
    slopes = pd.DataFrame(
        [
            {"quantity": q, "slope": s, "people": 0.1, "low": -0.1, "high": 0.3,
             "draws": 0.2, "agrees": True}
            for q in ("volume_ml/spleen", "suv/liver") for s in ("age", "ln_bmi")
        ]
    )  # fmt: skip
    pairs = pd.DataFrame(
        [
            {"first": "suv/liver", "second": "suv/aorta", "people": 0.9 - 0.01 * n,
             "low": 0.5, "high": 0.97, "draws": 0.8, "agrees": n != 3}
            for n in range(20)
        ]
    )  # fmt: skip
    verdicts = pd.DataFrame({"agrees": [True, False, True]})
    return {
        "moments": moments(), "slopes": slopes, "correlations": pairs,
        "autopet": verdicts, "held_out": verdicts,
    }  # fmt: skip


def test_agreements_are_counted_by_kind(found: dict[str, Any]) -> None:
    counts = summary(found)
    assert counts["means"] == {"agree": 2, "of": 2}  # what was moved is not judged
    assert counts["sds"] == {"agree": 3, "of": 4}
    assert counts["largest_correlations"] == {"agree": 14, "of": 15}
    assert counts["all_correlations"] == {"agree": 19, "of": 20}
    assert counts["held_out_means"]["agree"] == 2


def test_chance_levels_stand_beside_the_counts() -> None:
    people = [Demographics(s, 50.0, 1.7, 25.0) for s in "FM" * 10]
    values = np.random.default_rng(0).normal(100, 10, (80, 20))
    drawn = pd.DataFrame(values, columns=[f"volume_ml/{n}" for n in range(20)])
    counts = {
        f"{prefix}{name}": {"agree": 1, "of": 2}
        for prefix in ("", "rendered_") for name in ("means", "sds")
    }  # fmt: skip
    people_test.put_chance_beside(counts, people, drawn, 4, 3)
    assert "expected_share" not in counts["rendered_means"]
    people_test.put_chance_beside(counts, people, drawn, 4, 1, "rendered_")
    shares = {name: count["expected_share"] for name, count in counts.items()}
    assert 0.5 < shares["rendered_means"] < shares["means"] <= 1.0
    assert 0.5 < shares["rendered_sds"] < shares["sds"] <= 1.0


def test_the_table_marks_what_was_moved_and_what_fails(found: dict[str, Any]) -> None:
    lines = as_markdown(found).splitlines()
    assert lines[2] == (
        "| volume_ml/spleen | F | 170 | 173 | +0.33 | 50 (40–67) | 45 |"
    )
    assert lines[5].startswith("| suv/liver † | M | 2.30 | 2.20 | -1.50 |")
    assert lines[5].endswith("✗ |")


def test_json_holds_every_table_and_the_largest_pairs(found: dict[str, Any]) -> None:
    data = json.loads(as_json(found | {"summary": {"means": {"agree": 2}}}))
    assert len(data["moments"]) == 4
    assert len(data["correlations"]) == 15
    assert data["moments"][1]["mean_agrees"] is None


def test_figures_are_small_files(found: dict[str, Any], tmp_path: Path) -> None:
    paths = write_plots(found | {"rendered": moments()}, tmp_path / "images")
    assert [p.name for p in paths] == [
        "phantom-means.png", "phantom-spreads.png", "phantom-slopes.png",
        "phantom-correlations.png",
    ]  # fmt: skip
    assert all(p.stat().st_size < 150_000 for p in paths)


def reading(person: Demographics, suv: float, share: float = 0.8) -> Reading:
    organs = {"liver": 1500.0, "kidney_cortex_left": 140.0, "renal_pelvis_left": 10.0}
    sides = {"kidney_left": 150.0, "kidney_right": 150.0}
    drawn = {"suv/liver": suv, "volume_ml/liver": 1500.0}
    for name in (*sides, "lung_left", "lung_right"):
        drawn |= {f"suv/{name}": 3.0, f"volume_ml/{name}": 150.0}
    volume = dict.fromkeys(NAMES, 75.0) | organs
    return Reading(
        person=person, drawn=drawn, painted={}, volume_ml=volume,
        suv=dict.fromkeys(NAMES, 3.0) | {"liver": 1.1 * suv, "renal_pelvis_left": 6.0},
        hu={}, myocardium_pattern="none", activity_share=share,
        scan_volume_ml={"muscle": 20_000.0},
    )  # fmt: skip


def test_a_whole_organ_is_read_over_its_parts() -> None:
    read = reading(Demographics("F", 50.0, 1.7, 25.0), 2.0).read()
    assert read["volume_ml/kidney_left"] == 150.0
    assert read["suv/kidney_left"] == pytest.approx((140 * 3 + 10 * 6) / 150)
    assert read["suv/liver"] == pytest.approx(2.2)


def test_what_is_read_is_held_against_what_was_drawn() -> None:
    people = [Demographics(s, 50.0, 1.7, 25.0) for s in "FFMM"]
    values = [2.0, 2.4, 1.8, 2.2]
    readings = [(n, reading(people[n], v)) for n, v in enumerate(values)]
    measured = pd.DataFrame([r.drawn for _, r in readings])
    measured = measured.mul([0.9, 1.1, 0.95, 1.05], axis=0)
    found = compare_rendered(people, measured, readings)
    ratio = found["read_over_drawn"].set_index("quantity").read_over_drawn
    assert ratio["suv/liver"] == pytest.approx(1.1)
    assert ratio["volume_ml/liver"] == pytest.approx(1.0)
    liver = found["rendered"].query("quantity == 'suv/liver' and sex == 'F'").iloc[0]
    assert liver.draws_mean == pytest.approx(2.42)


def test_volumes_that_a_scan_cuts_are_compared_by_sex(tmp_path: Path) -> None:
    csv = tmp_path / "organs.csv"
    csv.write_text(
        "subject,source,organ,volume_ml,suv_mean,suv_sd\n"
        "sub-a,ts_tissue,skeletal_muscle,15000,1,0\n"
        "sub-b,ts_tissue,skeletal_muscle,22000,1,0\n"
    )
    people = [Demographics(s, 50.0, 1.7, 25.0) for s in "FM"]
    readings = [(n, reading(p, 2.0)) for n, p in enumerate(people)]
    table = people_test.partial_volumes(people, readings, csv)
    assert table.people_mean.tolist() == [15000, 22000]
    assert table.phantoms_mean.tolist() == [20_000, 20_000]


@pytest.mark.slow
def test_a_rendered_phantom_is_read_over_the_scan_only() -> None:
    from vct.grid import whole_body_grid
    from vct.phantom.reading import read_phantom

    person, grid = Demographics("M", 50.0, 1.85, 25.0), whole_body_grid(8.0)
    whole = read_phantom(person, grid, 0, "range")
    cut = read_phantom(person, grid, 0, "range", scan_mm=800.0)
    assert cut.scan_volume_ml["body"] < 0.9 * whole.scan_volume_ml["body"]
    assert cut.volume_ml == whole.volume_ml
    assert sum(whole.volume_ml.values()) == pytest.approx(whole.scan_volume_ml["body"])
