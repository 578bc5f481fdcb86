"""The files of a comparison: complete, readable by any JSON reader, and honest."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from tests.training.agreement.synthetic import drawn_sets
from vct.errors import CohortError
from vct.training.agreement.__main__ import app
from vct.training.agreement.report import write_report
from vct.training.agreement.tables import read_measured

NAMES = {
    "agreement.json", "figures.parquet", "figures.csv", "cells.csv", "neighbors.csv",
    "summary.md", "means.png", "spreads.png", "slopes.png", "cells.png",
    "neighbors.png", "consistency.png",
}  # fmt: skip


def packed(folder: Path, training: int = 50, fresh: int = 80) -> Path:
    """Tables in the form ``measure`` leaves them."""
    sets = drawn_sets(
        2, generated=80, population=160, fresh=fresh, training=training, each=8
    )
    subjects = pd.concat([s for s, _, _ in sets.values()], ignore_index=True)
    organs = pd.concat([o for _, o, _ in sets.values()], ignore_index=True)
    embeddings = {k: v for _, _, e in sets.values() for k, v in e.items()}
    folder.mkdir(exist_ok=True)
    subjects.to_parquet(folder / "subjects.parquet")
    organs.to_parquet(folder / "organs.parquet")
    names, rows = np.array([*embeddings], str), np.stack([*embeddings.values()])
    np.savez_compressed(folder / "embeddings-0.npz", subject_id=names, embedding=rows)
    plan = {"model": "tiny 0 abc", "spacing_mm": 4.0}
    (folder / "plan.json").write_text(json.dumps(plan))
    return folder


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    measured = packed(tmp_path_factory.mktemp("measured"))
    command = ["compare", str(measured), "-o", str(out)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert result.output.strip() == (out / "summary.md").read_text().strip()
    return out


def test_every_file_is_written_and_pictures_open(report: Path) -> None:
    assert {path.name for path in report.iterdir()} == NAMES
    for path in report.glob("*.png"):
        with Image.open(path) as picture:
            assert min(picture.size) > 200


def test_the_record_is_strict_json_and_counts_its_own_figures(report: Path) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    text = (report / "agreement.json").read_text()
    record = json.loads(text, parse_constant=refuse)
    judged = [f for f in record["figures"] if f["verdict"] != "info"]
    assert sum(count["judged"] for count in record["verdicts"]) == len(judged)
    passed = sum(f["verdict"] == "pass" for f in judged)
    assert sum(count["passed"] for count in record["verdicts"]) == passed
    assert record["subjects"]["generated"] == 80
    assert record["told_apart_from"] == "training"


def test_the_summary_names_model_chance_and_what_failed(report: Path) -> None:
    words = (report / "summary.md").read_text()
    assert "80 generated subjects of tiny 0 at 4 mm against 160 phantoms" in words
    assert "Phantoms, not people" in words
    table = pd.read_parquet(report / "figures.parquet")
    failed = table[table["verdict"] == "fail"]["id"]
    listed = [line for line in words.splitlines() if line.startswith("- ")]
    assert 0 < len(failed) == sum(": fail, " in line for line in listed)
    assert all(any(name in line for line in listed) for name in failed)


@pytest.mark.parametrize("missing", ["training", "fresh"])
def test_without_phantoms_to_tell_apart_nothing_is_said_of_copies(
    tmp_path: Path, missing: str
) -> None:
    folder = packed(tmp_path / "in", **{missing: 0})
    words = write_report(folder, tmp_path / "out")
    assert f"Copies were not looked for: {missing} phantoms not measured" in words
    record = json.loads((tmp_path / "out" / "agreement.json").read_text())
    assert record["copies"] is None
    table = pd.read_parquet(tmp_path / "out" / "figures.parquet")
    copies = table[table["statistic"] == "copies"]
    assert copies["verdict"].to_list() == ["inconclusive"]
    near = table["statistic"].str.startswith("share nearer")
    assert not table[near]["verdict"].eq("pass").any()


def test_without_fresh_phantoms_there_is_no_chance_level(tmp_path: Path) -> None:
    write_report(packed(tmp_path / "in", fresh=0), tmp_path / "out", pooled=True)
    table = pd.read_parquet(tmp_path / "out" / "figures.parquet")
    moments = table[table["part"] == "moments"]
    assert moments["chance"].isna().all()
    assert set(moments["group"]) == {"all"}
    cells = table[(table["part"] == "cells") & (table["verdict"] != "info")]
    assert set(cells["verdict"]) == {"inconclusive"}


def alone(folder: Path, sets: list[str], out: Path) -> Path:
    """A measurement of some of a folder's sets, in a folder of its own."""
    subjects = pd.read_parquet(folder / "subjects.parquet")
    subjects = subjects[subjects["set"].isin(sets)]
    organs = pd.read_parquet(folder / "organs.parquet")
    out.mkdir()
    subjects.to_parquet(out / "subjects.parquet")
    chosen = organs["subject_id"].isin(subjects["subject_id"])
    organs[chosen].to_parquet(out / "organs.parquet")
    for name in ("embeddings-0.npz", "plan.json"):
        (out / name).write_bytes((folder / name).read_bytes())
    return out


def test_phantoms_of_another_measurement_give_the_same_figures(tmp_path: Path) -> None:
    both = packed(tmp_path / "both")
    made = alone(both, ["generated", "alike_generated"], tmp_path / "made")
    phantoms = alone(
        both, ["population", "fresh", "training", "alike_phantom"], tmp_path / "them"
    )
    write_report(both, tmp_path / "whole")
    command = ["compare", str(made), "--phantoms", str(phantoms)]
    result = CliRunner().invoke(app, [*command, "-o", str(tmp_path / "apart")])
    assert result.exit_code == 0, result.output
    whole, apart = (
        pd.read_parquet(tmp_path / name / "figures.parquet")
        for name in ("whole", "apart")
    )
    pd.testing.assert_frame_equal(whole, apart, check_exact=False)


def test_the_other_folders_phantoms_are_taken_though_names_are_the_same(
    tmp_path: Path,
) -> None:
    both = packed(tmp_path / "both")
    other = packed(tmp_path / "other")
    organs = pd.read_parquet(other / "organs.parquet")
    organs["suv_mean"] *= 2
    organs.to_parquet(other / "organs.parquet")
    own, theirs = read_measured(both), read_measured(both, phantoms=other)
    for name, factor in (("generated", 1), ("population", 2), ("fresh", 2)):
        ids = own.of(name).index
        liver = [m.values.loc[ids, ("liver", "suv_mean")] for m in (own, theirs)]
        np.testing.assert_allclose(liver[1], factor * liver[0])


def test_fresh_phantoms_of_people_not_generated_stay_out(tmp_path: Path) -> None:
    both = packed(tmp_path / "both")
    made = alone(both, ["generated"], tmp_path / "made")
    few = pd.read_parquet(made / "subjects.parquet").head(30)
    few.to_parquet(made / "subjects.parquet")
    measured = read_measured(made, phantoms=both)
    assert set(measured.of("fresh")["number"]) == set(few["number"])
    assert len(measured.of("generated")) == 30


def test_phantoms_by_another_segmenter_are_refused(tmp_path: Path) -> None:
    both = packed(tmp_path / "both")
    other = packed(tmp_path / "other")
    for folder, digest in ((both, "cd"), (other, "ab")):
        plan = json.loads((folder / "plan.json").read_text())
        plan["segmenter_sha256"] = digest
        (folder / "plan.json").write_text(json.dumps(plan))
    said = "segmenter_sha256 = 'cd', .* with 'ab'; compare measurements of the same"
    with pytest.raises(CohortError, match=said):
        read_measured(both, phantoms=other)


def test_a_refused_bladder_has_no_distance_and_is_said_to_be_too_few(
    tmp_path: Path,
) -> None:
    folder = packed(tmp_path / "in")
    organs = pd.read_parquet(folder / "organs.parquet")
    refused = organs["organ"].eq("urinary_bladder")
    refused &= organs["subject_id"].str.startswith("generated")
    organs.loc[refused, ["volume_ml", "suv_mean"]] = np.nan
    organs.to_parquet(folder / "organs.parquet")
    words = write_report(folder, tmp_path / "out")
    assert "nan" not in words
    table = pd.read_parquet(tmp_path / "out" / "figures.parquet")
    bladder = table[
        table["statistic"].eq("KS distance") & table["organ"].eq("urinary_bladder")
    ]
    assert bladder["note"].str.startswith("generated: too few; fresh").all()
    bladder = table[table["organ"].eq("urinary_bladder") & table["verdict"].ne("info")]
    slopes = bladder[bladder["part"] == "slopes"]
    assert len(slopes) == 2 * 2 * (3 + 1)
    assert set(slopes["verdict"]) == {"inconclusive"}
    told = bladder[bladder["statistic"] == "share of subjects told"]
    assert told["verdict"].to_list() == ["fail", "fail"]
