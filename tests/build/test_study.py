"""What headers say, whose UIDs differ, and what is refused up front."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from tests.cascade.tiny import write_tiny_model
from tests.e2e.conftest import SPEC
from vct.build import Shard, plan_cohort
from vct.build.plan import Plan
from vct.build.study import check_studies, study_context
from vct.errors import SpecError
from vct.subjects import Subject

ON_CPU = {"device": "cpu", "precision": "fp32", "batch_size": 1, "tile_plan": None}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


def a_plan(folder: Path, model: Path, protocol: str = "") -> tuple[Plan, list[Subject]]:
    path = folder / "spec.yaml"
    path.write_text(
        SPEC.format(model=model).replace("protocol:\n", f"protocol:\n{protocol}")
    )
    plan = plan_cohort(path)
    return plan, [Subject.from_row(row) for _, row in plan.subjects.iterrows()]


def test_the_context_says_what_spec_and_card_say(tmp_path: Path, model: Path) -> None:
    plan, subjects = a_plan(tmp_path, model, "  beds: {duration_s: 90, count: 6}\n")
    study = study_context(plan, subjects[0], ON_CPU)
    assert (study.cohort, study.seed, study.n_beds) == ("tiny", 7, 6)
    assert study.start.isoformat() == "2025-01-15T10:00:00"
    assert study.trained_on == "Nothing: random weights for tests."
    assert study.arm == subjects[0].arm
    check_studies(plan.spec, plan.card, subjects)


def root(plan: Plan, name: str = "S0001", made_by: dict[str, Any] = ON_CPU) -> str:
    """Root of a subject's UIDs."""
    rows = plan.subjects.set_index("subject_id", drop=False)
    return study_context(plan, Subject.from_row(rows.loc[name]), made_by).uid_root


def test_another_seed_gives_other_uids(tmp_path: Path, model: Path) -> None:
    plan, _ = a_plan(tmp_path, model)
    other = dataclasses.replace(plan, spec=plan.spec.model_copy(update={"seed": 8}))
    assert root(plan) != root(other)


@pytest.mark.parametrize("other", [{"device": "cuda"}, {"batch_size": 8}])
def test_what_changes_voxels_gives_other_uids(
    tmp_path: Path, model: Path, other: dict[str, Any]
) -> None:
    plan, _ = a_plan(tmp_path, model)
    assert root(plan) != root(plan, made_by={**ON_CPU, **other})


@pytest.mark.parametrize(("torch", "same"), [("2.13.0+cu130", True), ("2.14.0", False)])
def test_another_torch_gives_other_uids(
    tmp_path: Path,
    model: Path,
    torch: str,
    same: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan, _ = a_plan(tmp_path, model)

    def with_torch(version: str) -> str:
        packages = {"torch": version, "numpy": "2.3.0"}
        monkeypatch.setattr("vct.build.study.package_versions", lambda _: packages)
        return root(plan)

    assert (with_torch("2.13.0+cpu") == with_torch(torch)) == same


def test_a_header_only_protocol_gives_other_uids(tmp_path: Path, model: Path) -> None:
    plan, _ = a_plan(tmp_path, model)
    marked = plan_cohort(plan.spec_path, header_only_protocol=True)
    assert root(plan) != root(marked)


@pytest.mark.parametrize(
    "part",
    [{"shard": Shard(3, 4)}, {"only": ["S0003"]}, {"limit": 3}, {"extrapolate": True}],
)
def test_uids_do_not_depend_on_the_part_that_is_built(
    tmp_path: Path, model: Path, part: dict[str, Any]
) -> None:
    plan, _ = a_plan(tmp_path, model)
    assert root(plan_cohort(plan.spec_path, **part), "S0003") == root(plan, "S0003")


def test_a_card_of_portal_venous_cts_is_told_and_gives_other_uids(
    tmp_path: Path, model: Path
) -> None:
    plan, [subject, *_] = a_plan(tmp_path, model)
    learned = plan.card.protocol.model_copy(update={"contrast": "portal-venous"})
    card = plan.card.model_copy(update={"protocol": learned})
    enhanced = dataclasses.replace(plan, card=card)
    assert study_context(enhanced, subject, ON_CPU).portal_venous
    assert not study_context(plan, subject, ON_CPU).portal_venous
    assert root(enhanced) != root(plan)


def test_uids_do_not_depend_on_the_last_bit(tmp_path: Path, model: Path) -> None:
    plan, subjects = a_plan(tmp_path, model)
    for subject in subjects:
        numbers = {k: v for k, v in vars(subject).items() if isinstance(v, float)}
        elsewhere = dataclasses.replace(
            subject,
            **{name: math.nextafter(x, math.inf) for name, x in numbers.items()},
        )
        here, there = (
            study_context(plan, s, ON_CPU).uid_root for s in (subject, elsewhere)
        )
        assert here == there


def test_a_changed_row_of_the_table_gives_other_uids_to_nobody_else(
    tmp_path: Path, model: Path
) -> None:
    """Nor does a subject that joins: the spec only names the table."""
    rows = ["sex,age_years,height_m,weight_kg", "F,50,1.7,70", "M,50,1.7,80"]
    table = tmp_path / "people.csv"
    spec = tmp_path / "fixed.yaml"
    spec.write_text(
        "version: 1\nname: tiny\nseed: 7\nreference_date: 2025-01-15\n"
        "subjects_file: people.csv\n"
        "protocol: {injected_mbq_per_kg: 4.0, uptake_min: 60}\n"
        f"model: {{name: {model}}}\n"
    )
    table.write_text("\n".join(rows))
    before = plan_cohort(spec)
    table.write_text("\n".join([rows[0], "M,50,1.7,80", rows[2], "F,60,1.6,60"]))
    after = plan_cohort(spec)
    assert root(before, "S0001") != root(after, "S0001")
    assert root(before, "S0002") == root(after, "S0002")


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        ("  scanner: {manufacturer: GE Healthcare}\n", "begins with 'GE'"),
        ("  beds: {duration_s: 36000, count: 2}\n", "do not fit into one day"),
    ],
)
def test_a_protocol_that_no_reader_follows(
    tmp_path: Path, model: Path, protocol: str, message: str
) -> None:
    plan, subjects = a_plan(tmp_path, model, protocol)
    with pytest.raises(SpecError, match=message):
        check_studies(plan.spec, plan.card, subjects)


def test_a_subject_without_a_sex_that_readers_know(tmp_path: Path, model: Path) -> None:
    plan, subjects = a_plan(tmp_path, model)
    subjects[2] = dataclasses.replace(subjects[2], sex="O")
    with pytest.raises(SpecError, match="subject S0003: sex is 'O'"):
        check_studies(plan.spec, plan.card, subjects)
