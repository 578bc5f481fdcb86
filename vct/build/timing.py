"""How long a cohort took, as its events tell: also of builds that were stopped."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from vct.manifest import EVENTS_NAME

STAGES = ("base", "superres", "segmentation", "dicom")

_WORK = ("subject_finished", "build_stopped")

Event = dict[str, Any]


class Session(NamedTuple):
    """One build into a folder: from its start to the last thing it is known to do."""

    started: datetime
    ended: datetime


def read_events(out: Path) -> list[Event]:
    """Events of all builds into a folder, in the order they were written."""
    path = out / EVENTS_NAME
    events = []
    for line in path.read_text("utf-8").splitlines() if path.is_file() else []:
        try:
            events.append(json.loads(line))
        except ValueError:
            continue  # a line cut by a kill
    return events


def sessions(events: Sequence[Event], shard: str | None = None) -> list[Session]:
    """Builds that began, however they ended; a killed one ended with its last subject.

    What follows generation (tables, findings, report) does not count.

    Parameters
    ----------
    shard
        Of this shard, such as ``"2/4"``; of all by default.
    """
    found: list[Session] = []
    latest: dict[str | None, int] = {}
    for event in events:
        label, time = event.get("shard"), datetime.fromisoformat(event["time"])
        if shard not in (None, label):
            continue
        if event["event"] == "build_started":
            latest[label] = len(found)
            found.append(Session(time, time))
        elif event["event"] in _WORK and label in latest:
            at = latest[label]
            found[at] = found[at]._replace(ended=time)
    return found


def seconds_of(found: Sequence[Session]) -> float:
    """Seconds of all sessions together."""
    spans = (session.ended - session.started for session in found)
    return sum(spans, timedelta()).total_seconds()


def seconds_by_stage(
    events: Sequence[Event], subjects: Collection[str]
) -> dict[str, float]:
    """Seconds of each stage, summed over subjects."""
    latest: dict[str, dict[str, float]] = {
        event["subject_id"]: event["seconds"]
        for event in events
        if event["event"] == "subject_finished"
    }
    known = set(subjects)
    chosen = [seconds for name, seconds in latest.items() if name in known]
    return {stage: sum(s.get(stage, 0.0) for s in chosen) for stage in STAGES}
