"""What headers cannot say is refused before anything is generated."""

import dataclasses
from pathlib import Path

import pytest

from tests.cascade.tiny import write_tiny_model
from tests.e2e.conftest import SPEC
from vct.build import plan_cohort
from vct.build.plan import Plan
from vct.build.study import check_studies, study_context
from vct.errors import SpecError
from vct.subjects import Subject


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
    study = study_context(plan, subjects[0])
    assert (study.cohort, study.seed, study.n_beds) == ("tiny", 7, 6)
    assert study.start.isoformat() == "2025-01-15T10:00:00"
    assert study.trained_on == "Nothing: random weights for tests."
    assert study.arm == subjects[0].arm
    check_studies(plan, subjects)


def test_another_seed_gives_other_uids(tmp_path: Path, model: Path) -> None:
    plan, subjects = a_plan(tmp_path, model)
    other = dataclasses.replace(plan, spec=plan.spec.model_copy(update={"seed": 8}))
    roots = {study_context(p, subjects[0]).cohort_uid_root for p in (plan, other)}
    assert len(roots) == 2


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
        check_studies(plan, subjects)


def test_a_subject_without_a_sex_that_readers_know(tmp_path: Path, model: Path) -> None:
    plan, subjects = a_plan(tmp_path, model)
    subjects[2] = dataclasses.replace(subjects[2], sex="O")
    with pytest.raises(SpecError, match="subject S0003: sex is 'O'"):
        check_studies(plan, subjects)
