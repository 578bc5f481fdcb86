"""Run records and events."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from vct.errors import CohortError
from vct.manifest import append_event, merge_runs, read_run, shard_name, write_run


def shard_run(**changes):
    return {
        "vct_version": "0.1.0",
        "spec_sha256": "ab",
        "model": {"name": "m", "sha256": "cd"},
        "seed": 7,
        "header_only_protocol": False,
        "packages": {"torch": "2.9.0+cpu", "matplotlib": "3.10.0"},
        "device": "cpu",
        "precision": "bf16",
        "batch_size": 1,
        "tile_plan": [],
        "started": "2026-01-01T10:00:00+00:00",
        "finished": "2026-01-01T10:10:00+00:00",
        "seconds": {"base": 10.0, "total": 30.0},
        "peak_memory_bytes": 100,
        "n_subjects": 3,
        "share_outside_model_range": {"age_years": 0.0},
        **changes,
    }


def test_run_reads_back(tmp_path):
    write_run(tmp_path / "run.json", shard_run())
    assert read_run(tmp_path / "run.json") == shard_run()


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (
            {"seconds": {"base": np.float64(1.0)}},
            r"run\.json: seconds\.base is a numpy",
        ),
        ({"seeds": [1, np.int64(2)]}, r"run\.json: seeds\[1\] is a numpy\.int64"),
        ({"x": float("nan")}, r"run\.json: x is nan"),
        ({1: "x"}, "key 1 must be a string"),
    ],
)
def test_what_json_cannot_hold_is_refused_by_key(tmp_path, record, message):
    with pytest.raises(TypeError, match=message):
        write_run(tmp_path / "run.json", record)
    assert not (tmp_path / "run.json").exists()


def test_damaged_run_says_what_to_do(tmp_path):
    path = tmp_path / "run.json"
    with pytest.raises(CohortError, match="has not finished"):
        read_run(path)
    path.write_text("{")
    with pytest.raises(CohortError, match="damaged"):
        read_run(path)


def test_events_append_one_line_each(tmp_path):
    now = datetime(2026, 1, 1, 10, tzinfo=UTC)
    append_event(tmp_path, "started", now=now, subjects=4)
    append_event(tmp_path, "subject finished", now=now, subject_id="S0001")
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == [
        "started",
        "subject finished",
    ]
    assert json.loads(lines[0]) == {
        "time": "2026-01-01T10:00:00.000+00:00",
        "event": "started",
        "subjects": 4,
    }


def test_a_line_that_a_kill_has_cut_swallows_no_other(tmp_path):
    now = datetime(2026, 1, 1, 10, tzinfo=UTC)
    append_event(tmp_path, "build_started", now=now)
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(b'{"time": "2026-01-01T10:00:00", "event": "subj')
    append_event(tmp_path, "build_started", now=now)
    append_event(tmp_path, "build_stopped", now=now)
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert len(lines) == 4
    assert json.loads(lines[2])["event"] == "build_started"
    assert json.loads(lines[3])["event"] == "build_stopped"


def test_shards_merge(tmp_path):
    write_run(tmp_path / shard_name(1, 2), shard_run())
    write_run(
        tmp_path / shard_name(2, 2),
        shard_run(
            started="2026-01-01T09:00:00+00:00", n_subjects=2, peak_memory_bytes=200
        ),
    )
    merged = merge_runs(tmp_path)
    assert merged == read_run(tmp_path / "run.json")
    assert merged["n_subjects"] == 5
    assert merged["seconds"] == {"base": 20.0, "total": 60.0}
    assert merged["started"].startswith("2026-01-01T09")
    assert merged["peak_memory_bytes"] == 200
    assert len(merged["shards"]) == 2


def test_a_shard_without_subjects_agrees_with_all(tmp_path):
    """No model was loaded for it, so its record cannot tell the numerics."""
    empty = shard_run(n_subjects=0, share_outside_model_range={})
    for key in ("precision", "batch_size", "tile_plan"):
        del empty[key]
    write_run(tmp_path / shard_name(1, 3), empty)
    write_run(tmp_path / shard_name(2, 3), shard_run())
    write_run(tmp_path / shard_name(3, 3), shard_run())
    merged = merge_runs(tmp_path)
    assert merged["precision"] == "bf16"
    assert merged["n_subjects"] == 6
    write_run(tmp_path / shard_name(3, 3), shard_run(precision="fp32"))
    message = "shard 3 of 3 was built with precision 'fp32', shard 2 with 'bf16'"
    with pytest.raises(CohortError, match=message):
        merge_runs(tmp_path)


def test_shards_without_any_subject_are_refused(tmp_path):
    write_run(tmp_path / shard_name(1, 1), shard_run(n_subjects=0))
    with pytest.raises(CohortError, match="no shard has built a subject"):
        merge_runs(tmp_path)


def test_shares_outside_are_those_of_all_shards(tmp_path):
    shares = ({"age_years": 0.0}, {"age_years": 0.5}, {})
    for number, (n, share) in enumerate(zip((2, 6, 0), shares, strict=True), start=1):
        run = shard_run(n_subjects=n, share_outside_model_range=share)
        write_run(tmp_path / shard_name(number, 3), run)
    merged = merge_runs(tmp_path)
    assert merged["share_outside_model_range"] == {"age_years": 0.375}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 8}, "seed 8, shard 1 with 7"),
        ({"device": "cuda"}, "device 'cuda', shard 1 with 'cpu'"),
        ({"header_only_protocol": True}, "header_only_protocol True, shard 1 with"),
        ({"packages": {"torch": "2.10.0"}}, "torch '2.10.0', shard 1 with '2.9.0'"),
    ],
)
def test_shards_that_differ_are_refused(tmp_path, change, told):
    write_run(tmp_path / shard_name(1, 2), shard_run())
    write_run(tmp_path / shard_name(2, 2), shard_run(**change))
    with pytest.raises(CohortError, match=f"shard 2 of 2 was built with {told}"):
        merge_runs(tmp_path)


def test_shards_whose_software_decides_no_voxel_merge(tmp_path):
    other = {"torch": "2.9.0+cu130", "matplotlib": "3.11.0"}
    write_run(tmp_path / shard_name(1, 2), shard_run())
    write_run(tmp_path / shard_name(2, 2), shard_run(packages=other))
    assert merge_runs(tmp_path)["n_subjects"] == 6


def test_a_missing_shard_is_named(tmp_path):
    with pytest.raises(CohortError, match="no run-<k>of<n>"):
        merge_runs(tmp_path)
    write_run(tmp_path / shard_name(2, 3), shard_run())
    with pytest.raises(CohortError, match=r"run-1of3\.json, run-3of3\.json missing"):
        merge_runs(tmp_path)
    write_run(tmp_path / shard_name(1, 2), shard_run())
    with pytest.raises(CohortError, match="shards of 2 and of 3 lie together"):
        merge_runs(tmp_path)
