"""Shards are parts that make the whole, and a wrong one is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vct.build.shard import Shard
from vct.errors import VctError


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


@pytest.mark.parametrize("text", ["3", "a/b", "1/2/3", "-1/2", ""])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(VctError, match="must be k/n, as in --shard 2/8"):
        Shard.parse(text, {})


@pytest.mark.parametrize("text", ["0/4", "5/4", "0/0"])
def test_a_part_beyond_the_whole_is_refused(text: str) -> None:
    with pytest.raises(VctError, match="k must lie between 1 and n"):
        Shard.parse(text, {})


def test_slurm_outside_an_array_job_is_refused() -> None:
    with pytest.raises(VctError, match=r"SLURM_ARRAY_TASK_ID and .* are not set"):
        Shard.parse("slurm", {})
