"""A run record tells of all that is finished, whatever the last build was asked for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cascade.tiny import write_tiny_model
from tests.e2e.conftest import SPEC
from vct.build import Plan, build_cohort, plan_cohort
from vct.build.record import plan_identity, run_record
from vct.manifest import append_event, read_run, write_run

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ALL = ["S0001", "S0002", "S0003", "S0004"]


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four subjects, of whom some are heavier than the model's range."""
    model = write_tiny_model(tmp_path_factory.mktemp("model") / "tiny")
    path = tmp_path_factory.mktemp("spec") / "spec.yaml"
    path.write_text(SPEC.format(model=model).replace("high: 30", "high: 60"))
    return path


def record_of(plan: Plan, out: Path, done: list[str]) -> dict[str, Any]:
    return run_record(
        plan,
        plan_identity(plan, batch_size=1),
        options={},
        out=out,
        run_path=out / "run.json",
        finished=NOON,
        done=done,
    )


def test_another_torch_is_another_cohort(
    spec: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for what tells its device only, and for packages that decide no voxel."""
    versions = {"torch": "2.9.0+cpu", "numpy": "2.3.0", "matplotlib": "3.10.0"}
    plan = plan_cohort(spec)

    def identity(**changes: str) -> dict[str, Any]:
        monkeypatch.setattr(
            "vct.build.record.package_versions", lambda: {**versions, **changes}
        )
        return plan_identity(plan, batch_size=1)

    same = identity()
    assert identity(torch="2.9.0+cu130", matplotlib="3.11.0") == same
    assert identity(torch="2.10.0+cpu") != same
    assert identity(numpy="2.4.0") != same


def test_shares_outside_are_those_of_the_finished(spec: Path, tmp_path: Path) -> None:
    subjects = plan_cohort(spec).subjects.set_index("subject_id")
    inside = [name for name in ALL if subjects.loc[name, "bmi_kg_m2"] <= 45]
    assert 0 < len(inside) < 4
    plan = plan_cohort(spec, only=inside[:1])
    for done in (ALL, inside):
        shares = record_of(plan, tmp_path, done)["share_outside_model_range"]
        assert shares["bmi_kg_m2"] == 1 - len(inside) / len(done)
    assert record_of(plan, tmp_path, [])["share_outside_model_range"] == {}


def test_a_record_that_a_killed_build_left_behind_is_written_anew(
    spec: Path, tmp_path: Path
) -> None:
    """Killed between its last subject and its record, there is nothing new to build."""

    def build() -> None:
        assert len(list(build_cohort(spec, tmp_path, workers=0, only=inside))) == 1

    subjects = plan_cohort(spec).subjects
    inside = [subjects[subjects["bmi_kg_m2"] <= 45]["subject_id"].iloc[0]]
    build()
    path = tmp_path / "run.json"
    stale = {**read_run(path), "n_subjects": 0, "finished": NOON.isoformat()}
    write_run(path, stale)
    build()
    written = path.read_bytes()
    assert read_run(path)["n_subjects"] == 1
    build()
    assert path.read_bytes() == written


def test_seconds_are_those_of_stopped_builds_too(spec: Path, tmp_path: Path) -> None:
    begun = NOON - timedelta(hours=1)
    for event, minutes in (("build_started", 0), ("build_stopped", 5)):
        append_event(tmp_path, event, now=begun + timedelta(minutes=minutes))
    record = record_of(plan_cohort(spec), tmp_path, ALL)
    assert record["seconds"]["total"] == 300
    assert record["started"] == begun.isoformat()
