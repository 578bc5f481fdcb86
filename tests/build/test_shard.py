"""Shards are parts that make the whole, and a wrong one is refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cascade.tiny import write_tiny_model
from tests.e2e.conftest import SPEC
from vct.build import plan_cohort
from vct.build.shard import require_division
from vct.errors import CohortError, VctError
from vct.shard import Shard


@given(st.integers(1, 9), st.integers(0, 40))
def test_shards_divide_a_cohort(count: int, size: int) -> None:
    subjects = [f"S{n:04d}" for n in range(size)]
    parts = [Shard(k, count).of(subjects) for k in range(1, count + 1)]
    assert sorted(name for part in parts for name in part) == subjects
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("first", [0, 1, 100])
def test_slurm_arrays_may_begin_anywhere(first: int) -> None:
    shards = [
        Shard.parse(
            "slurm",
            {
                "SLURM_ARRAY_TASK_ID": str(first + 2 * k),
                "SLURM_ARRAY_TASK_MIN": str(first),
                "SLURM_ARRAY_TASK_STEP": "2",
                "SLURM_ARRAY_TASK_COUNT": "3",
            },
        )
        for k in range(3)
    ]
    assert shards == [Shard(1, 3), Shard(2, 3), Shard(3, 3)]


@pytest.mark.parametrize("text", ["3", "a/b", "1/2/3", "-1/2", "", f"1/{'9' * 5000}"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(VctError, match="must be k/n, as in --shard 2/8"):
        Shard.parse(text, {})


@pytest.mark.parametrize("text", ["0/4", "5/4", "0/0"])
def test_a_part_beyond_the_whole_is_refused(text: str) -> None:
    with pytest.raises(VctError, match="k must lie between 1 and n"):
        Shard.parse(text, {})


def test_a_slurm_array_with_gaps_is_refused() -> None:
    """Tasks that failed, submitted again, are parts of the first array."""
    array = {
        "SLURM_ARRAY_TASK_ID": "3",
        "SLURM_ARRAY_TASK_MIN": "3",
        "SLURM_ARRAY_TASK_MAX": "5",
        "SLURM_ARRAY_TASK_COUNT": "2",
    }
    with pytest.raises(VctError, match="2 tasks from 3 to 5 has gaps"):
        Shard.parse("slurm", array)
    assert Shard.parse("slurm", {**array, "SLURM_ARRAY_TASK_COUNT": "3"}) == Shard(1, 3)


def test_shards_of_two_divisions_are_refused(tmp_path: Path) -> None:
    (tmp_path / "run-2of8.json").write_text("{}")
    require_division(tmp_path, Shard(3, 8))
    with pytest.raises(CohortError, match=r"so it is divided into 8.* as k/8"):
        require_division(tmp_path, Shard(1, 1))


@pytest.mark.parametrize("part", [{"limit": 2}, {"only": ["S0003"]}])
def test_a_shard_is_a_part_of_the_whole_cohort(part: dict, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC.format(model=write_tiny_model(tmp_path / "tiny")))
    (name,) = part
    with pytest.raises(VctError, match=f"--{name} with --shard 1/2: shards are parts"):
        plan_cohort(spec, shard=Shard(1, 2), **part)


def test_slurm_outside_an_array_job_is_refused() -> None:
    with pytest.raises(VctError, match=r"SLURM_ARRAY_TASK_ID and .* are not set"):
        Shard.parse("slurm", {})
