"""What a build says about itself: identity, run record, seconds from the events."""

import json
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vct
from vct.build.plan import Plan
from vct.errors import CohortError
from vct.manifest import read_run
from vct.provenance import (
    package_versions,
    peak_memory_bytes,
    python_version,
    sha256_of_bytes,
)

if TYPE_CHECKING:
    from vct.cascade import Cascade

STAGES = ("base", "superres", "segmentation", "dicom")


def plan_identity(plan: Plan, batch_size: int | None) -> dict[str, Any]:
    """What must agree between two builds that share a folder, known without torch."""
    spec = plan.spec
    identity: dict[str, Any] = {
        "vct_version": vct.__version__,
        "spec_sha256": sha256_of_bytes(plan.spec_bytes),
        "seed": spec.seed,
        "model": {
            "name": plan.card.name,
            "version": plan.card.version,
            "sha256": plan.card.sha256,
            "trained_on": plan.card.trained_on,
        },
        "header_only_protocol": spec.protocol.header_only,
    }
    if batch_size is not None:
        identity["batch_size"] = batch_size
    return identity


def cascade_identity(cascade: "Cascade", batch_size: int) -> dict[str, Any]:
    """The part that is known once the model stands on its device."""
    return {
        "device": str(cascade.device.type),
        "precision": cascade.precision,
        "batch_size": batch_size,
        "tile_plan": cascade.tile_plan,
    }


def run_record(
    plan: Plan,
    identity: dict[str, Any],
    *,
    options: dict[str, Any],
    out: Path,
    run_path: Path,
    started: datetime,
    finished: datetime,
    seconds_total: float,
    done: Collection[str],
) -> dict[str, Any]:
    """Contents of ``run.json``; a resumed build adds to the record before it."""
    before = _record_before(run_path)
    seconds: dict[str, float | None] = {**seconds_by_stage(out, done)}
    seconds["total"] = seconds_total + (before.get("seconds", {}).get("total") or 0.0)
    card = plan.card
    return {
        **identity,
        "python": python_version(),
        "packages": package_versions(),
        "model": {
            **identity["model"],
            "licence": card.licence,
            "summary": card.summary,
            "grid": card.grid.model_dump(),
            "conditioning_ranges": card.conditioning_ranges,
            "protocol": card.protocol.model_dump(),
            "metrics": card.metrics,
        },
        "instrument": card.instrument,
        "options": options,
        "sampler": plan.spec.model.sampler.model_dump(),
        "share_outside_model_range": plan.outside,
        "started": before.get("started") or started.isoformat(),
        "finished": finished.isoformat(),
        "seconds": seconds,
        "peak_memory_bytes": max(
            before.get("peak_memory_bytes") or 0, peak_memory_bytes()
        ),
        "n_subjects": len(done),
    }


def seconds_by_stage(out: Path, subjects: Collection[str]) -> dict[str, float]:
    """Seconds of each stage, summed over subjects, as the events tell them."""
    latest: dict[str, dict[str, float]] = {}
    path = out / "events.jsonl"
    for line in path.read_text("utf-8").splitlines() if path.is_file() else []:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # a line cut by a kill
        if event.get("event") == "subject_finished":
            latest[event["subject_id"]] = event["seconds"]
    chosen = [seconds for name, seconds in latest.items() if name in set(subjects)]
    return {stage: sum(s.get(stage, 0.0) for s in chosen) for stage in STAGES}


def _record_before(path: Path) -> dict[str, Any]:
    """Run record of an earlier build into the same folder, or nothing."""
    try:
        return read_run(path) if path.is_file() else {}
    except CohortError:
        return {}
