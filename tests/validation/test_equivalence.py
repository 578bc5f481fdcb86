"""Tests of means against scipy and by law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vct.validation.equivalence import (
    adjusted,
    difference_p,
    equivalence_p,
    weighted_moments,
)


def moments(x: np.ndarray):
    return weighted_moments(x[:, None], np.ones(len(x)))


def test_welch_is_scipys():
    rng = np.random.default_rng(0)
    x, y = rng.normal(10, 2, 31), rng.normal(11, 3, 57)
    ours = difference_p(moments(x), moments(y))[0]
    assert ours == pytest.approx(stats.ttest_ind(x, y, equal_var=False).pvalue)


def test_one_sided_tests_are_scipys_on_scaled_values():
    rng = np.random.default_rng(1)
    x, y = rng.normal(10, 2, 40), rng.normal(10.2, 2, 50)
    low = stats.ttest_ind(x, 0.95 * y, equal_var=False, alternative="greater").pvalue
    high = stats.ttest_ind(x, 1.05 * y, equal_var=False, alternative="less").pvalue
    ours = equivalence_p(moments(x), moments(y), 0.05)[0]
    assert ours == pytest.approx(max(low, high))


@given(st.floats(0.01, 1e3), st.integers(0, 100))
def test_units_do_not_matter(unit: float, seed: int):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(10, 1, 20), rng.normal(10, 1, 20)
    for test in (difference_p, lambda a, b: equivalence_p(a, b, 0.05)):
        assert test(moments(x), moments(y))[0] == pytest.approx(
            test(moments(unit * x), moments(unit * y))[0], rel=1e-6
        )


def test_equivalence_is_claimed_wrongly_as_often_as_said():
    rng = np.random.default_rng(2)
    x = rng.normal(1.05, 0.1, (60, 4000))  # exactly at the bound
    y = rng.normal(1.00, 0.1, (60, 4000))
    ones = np.ones(60)
    p = equivalence_p(weighted_moments(x, ones), weighted_moments(y, ones), 0.05)
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.012)


def test_a_reading_error_makes_every_claim_weaker():
    rng = np.random.default_rng(3)
    x, y = moments(rng.normal(10, 1, 200)), moments(rng.normal(10.5, 1, 200))
    unsure = type(y)(y.mean, y.variance, y.n, np.array([0.3]))
    assert difference_p(x, unsure) > difference_p(x, y)
    near = moments(rng.normal(10, 1, 200))
    near_unsure = type(near)(near.mean, near.variance, near.n, np.array([0.3]))
    assert equivalence_p(x, near_unsure, 0.05) > equivalence_p(x, near, 0.05)


def test_weights_count_like_copies():
    x = np.array([[1.0], [2.0], [4.0]])
    weighted = weighted_moments(x, np.array([2.0, 1.0, 1.0]))
    copied = weighted_moments(np.vstack([x, x[:1]]), np.ones(4))
    assert weighted.mean == pytest.approx(copied.mean)
    assert weighted.n < copied.n  # two copies of one person are not two people


@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=30))
def test_adjusted_p_are_larger_and_keep_their_order(values: list[float]):
    p = np.array([*values, np.nan])
    out = adjusted(p)
    assert np.isnan(out[-1])
    assert (out[:-1] >= p[:-1] - 1e-12).all()
    order = np.argsort(p[:-1], kind="stable")
    assert (np.diff(out[:-1][order]) >= -1e-12).all()
