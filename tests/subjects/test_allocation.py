"""Blocks: exact shares, order that later subjects do not change."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vct.subjects.allocation import permuted_blocks

COUNTS = st.lists(st.integers(0, 4), min_size=1, max_size=4).filter(any)


@given(counts=COUNTS, n_blocks=st.integers(1, 20), seed=st.integers(0, 99))
def test_every_block_is_complete(counts: list[int], n_blocks: int, seed: int) -> None:
    unit = sum(counts)
    groups = permuted_blocks(counts, n_blocks * unit, seed, "x")
    for block in groups.reshape(n_blocks, unit):
        assert np.bincount(block, minlength=len(counts)).tolist() == counts


@given(counts=COUNTS, n=st.integers(1, 50), more=st.integers(0, 50))
def test_whoever_comes_later_changes_nobody(
    counts: list[int], n: int, more: int
) -> None:
    few, many = (permuted_blocks(counts, k, 7, "x") for k in (n, n + more))
    assert np.array_equal(few, many[:n])


def test_streams_and_seeds_differ() -> None:
    draws = {
        tuple(permuted_blocks([1, 1], 64, seed, name))
        for seed in (1, 2)
        for name in ("a", "b")
    }
    assert len(draws) == 4
