"""What a dry run says of a folder, and refuses, is what the build would."""

from pathlib import Path

import pytest

from tests.cascade.tiny import write_tiny_model
from tests.e2e.conftest import SPEC
from vct.build import Plan, Shard, check_folder, kept_subjects, plan_cohort
from vct.build.folder import claim
from vct.build.record import plan_identity
from vct.build.who import agreed_subjects
from vct.cli.build import describe
from vct.errors import CohortError


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = write_tiny_model(tmp_path_factory.mktemp("model") / "tiny")
    path = tmp_path_factory.mktemp("spec") / "spec.yaml"
    path.write_text(SPEC.format(model=model))
    return path


@pytest.fixture
def plan(spec: Path) -> Plan:
    return plan_cohort(spec)


@pytest.fixture
def begun(plan: Plan, tmp_path: Path) -> Path:
    """A folder in which one of four subjects is finished."""
    out = tmp_path / "out"
    claim(out, plan_identity(plan, None), plan.spec_bytes)
    agreed_subjects(out, plan.subjects)
    (out / "dicom" / "S0002").mkdir()
    return out


def everything(out: Path) -> dict[Path, bytes | None]:
    return {p: p.read_bytes() if p.is_file() else None for p in out.rglob("*")}


def test_only_what_is_left_counts(plan: Plan, begun: Path) -> None:
    assert kept_subjects(plan, begun, "resume") == ["S0002"]
    assert kept_subjects(plan, begun, "overwrite") == []
    told = describe(plan, begun, 1)
    assert f"to build    3 subjects into {begun} (1 finished there)" in told
    assert f"files       {plan.n_files // 4 * 3} DICOM files" in told
    assert "finished" not in describe(plan, begun, 0)


def test_a_shard_without_subjects_is_described(spec: Path, tmp_path: Path) -> None:
    told = describe(plan_cohort(spec, shard=Shard(5, 5)), tmp_path, 0)
    assert "to build    0 subjects" in told


def test_a_folder_that_agrees_passes_and_stays_as_it_is(
    plan: Plan, begun: Path, tmp_path: Path
) -> None:
    before = everything(begun)
    for how in ("resume", "overwrite"):
        check_folder(plan, begun, how, None)
    check_folder(plan, tmp_path / "new", "resume", None)
    assert everything(begun) == before
    assert not (tmp_path / "new").exists()


def test_what_the_build_refuses_is_refused(
    plan: Plan, spec: Path, begun: Path, tmp_path: Path
) -> None:
    before = everything(begun)
    with pytest.raises(CohortError, match="holds a cohort already"):
        check_folder(plan, begun, "fail", None)
    with pytest.raises(CohortError, match="seed: 7 there, 8 now"):
        check_folder(plan_cohort(spec, seed=8), begun, "resume", None)
    check_folder(plan_cohort(spec, seed=8), begun, "overwrite", None)
    assert everything(begun) == before
    with pytest.raises(CohortError, match="is not a cohort that 'vct build' began"):
        check_folder(plan, spec.parent, "overwrite", None)


def test_subjects_and_shards_that_differ_are_refused(
    plan: Plan, spec: Path, begun: Path
) -> None:
    (begun / "run-1of2.json").write_text("{}")
    with pytest.raises(CohortError, match="--shard 1/3 is no part of it"):
        check_folder(plan_cohort(spec, shard=Shard(1, 3)), begun, "resume", None)
    plan.subjects.loc[0, "weight_kg"] += 1
    with pytest.raises(CohortError, match="begun with other subjects: S0001"):
        check_folder(plan, begun, "resume", None)
