"""Seconds are those of every build into the folder, however it ended."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from vct.build.timing import read_events, seconds_by_stage, seconds_of, sessions
from vct.manifest import append_event

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Stopped after 90 s, killed after a subject of 30 s, then built to the end."""
    log(tmp_path, 0, "build_started")
    log(tmp_path, 60, "subject_finished", subject_id="S0001", seconds={"base": 60.0})
    log(tmp_path, 90, "build_stopped")
    log(tmp_path, 1000, "build_started")
    log(tmp_path, 1030, "subject_finished", subject_id="S0002", seconds={"base": 30.0})
    log(tmp_path, 2000, "build_started")
    log(tmp_path, 2033, "subject_finished", subject_id="S0003", seconds={"base": 30.0})
    log(tmp_path, 2500, "build_finished")
    return tmp_path


def log(out: Path, at_s: float, event: str, **fields: Any) -> None:
    append_event(out, event, now=NOON + timedelta(seconds=at_s), **fields)


def test_stopped_and_killed_builds_count(out: Path) -> None:
    found = sessions(read_events(out))
    assert [session.started for session in found] == [
        NOON + timedelta(seconds=s) for s in (0, 1000, 2000)
    ]
    assert seconds_of(found) == 90 + 30 + 33


def test_a_cut_line_is_passed_over(out: Path) -> None:
    with (out / "events.jsonl").open("a") as file:
        file.write('{"time": "2026-01-')
    assert len(read_events(out)) == 8


def test_a_folder_without_events_took_no_time(tmp_path: Path) -> None:
    assert seconds_of(sessions(read_events(tmp_path))) == 0


def test_shards_at_the_same_time_are_told_apart(tmp_path: Path) -> None:
    log(tmp_path, 0, "build_started", shard="1/2")
    log(tmp_path, 5, "build_started", shard="2/2")
    log(tmp_path, 10, "subject_finished", shard="1/2", subject_id="S1", seconds={})
    log(tmp_path, 20, "build_stopped", shard="2/2")
    events = read_events(tmp_path)
    assert seconds_of(sessions(events, "1/2")) == 10
    assert seconds_of(sessions(events, "2/2")) == 15
    assert seconds_of(sessions(events)) == 25


def test_a_subject_built_twice_counts_once_in_its_stages(out: Path) -> None:
    log(out, 3000, "subject_finished", subject_id="S0003", seconds={"base": 5.0})
    stages = seconds_by_stage(read_events(out), ["S0001", "S0003"])
    assert stages["base"] == 65.0
    assert stages["dicom"] == 0.0


def test_the_seconds_of_many_subjects_take_none() -> None:
    names = [f"S{i}" for i in range(20_000)]
    events = [
        {"event": "subject_finished", "subject_id": name, "seconds": {"base": 1.0}}
        for name in names
    ]
    begin = time.perf_counter()
    assert seconds_by_stage(events, names)["base"] == 20_000
    assert time.perf_counter() - begin < 1
