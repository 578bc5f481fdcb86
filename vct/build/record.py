"""What a build says about itself: identity and run record."""

from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vct
from vct.build.plan import Plan
from vct.build.timing import read_events, seconds_by_stage, seconds_of, sessions
from vct.errors import CohortError
from vct.manifest import read_run
from vct.provenance import (
    deciding_versions,
    package_versions,
    peak_memory_bytes,
    python_version,
    sha256_of_bytes,
)

if TYPE_CHECKING:
    from vct.cascade import Cascade


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
        "packages": deciding_versions(package_versions()),
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
    finished: datetime,
    done: Collection[str],
) -> dict[str, Any]:
    """Contents of ``run.json``: of all builds into the folder, stopped ones too."""
    before = record_before(run_path)
    events = read_events(out)
    found = sessions(events, str(plan.shard) if plan.shard else None)
    started = min((session.started for session in found), default=finished)
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
        "share_outside_model_range": _share_outside(plan, done),
        "started": started.isoformat(),
        "finished": finished.isoformat(),
        "seconds": {**seconds_by_stage(events, done), "total": seconds_of(found)},
        "peak_memory_bytes": max(
            before.get("peak_memory_bytes") or 0, peak_memory_bytes()
        ),
        "n_subjects": len(done),
    }


def _share_outside(plan: Plan, done: Collection[str]) -> dict[str, float]:
    """Share of the finished subjects outside each range of the model, 0 to 1.

    Of all who are finished, as the report describes them all, not of those whom this
    build was asked for.
    """
    from vct.subjects import share_outside

    there = plan.subjects[plan.subjects["subject_id"].isin(done)]
    return share_outside(there, plan.card.ranges) if len(there) else {}


def record_before(path: Path) -> dict[str, Any]:
    """Run record of an earlier build into the same folder, or nothing."""
    try:
        return read_run(path) if path.is_file() else {}
    except CohortError:
        return {}
