"""Intervals hold what they promise."""

import numpy as np
import pytest

from vct.validation.statistics import (
    correlation,
    mean_difference_interval,
    percent,
    sample_sd,
    sd_difference_interval,
)


def test_welch_agrees_with_scipy():
    from scipy import stats

    rng = np.random.default_rng(1)
    x, y = rng.normal(10, 2, 12), rng.normal(9, 1, 30)
    expected = stats.ttest_ind(x, y, equal_var=False).confidence_interval(0.95)
    interval = mean_difference_interval(x, y.mean(), y.std(ddof=1), len(y))
    assert interval == pytest.approx(
        (100 * expected.low / y.mean(), 100 * expected.high / y.mean())
    )


def test_mean_interval_covers_the_truth_19_times_in_20():
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(400):
        x, y = rng.normal(5, 1, 15), rng.normal(5, 2, 40)
        low, high = mean_difference_interval(x, y.mean(), y.std(ddof=1), 40)
        hits += low <= 0 <= high
    assert 0.91 <= hits / 400 <= 0.99


def test_sd_interval_covers_the_truth_mostly():
    rng = np.random.default_rng(3)
    hits = 0
    for k in range(100):
        x, y = rng.normal(5, 1, 60), rng.normal(5, 1, 60)
        low, high = sd_difference_interval(x, y.std(ddof=1), 60, name=str(k))
        hits += low <= 0 <= high
    assert hits >= 88


def test_sd_interval_is_fixed_by_its_name():
    x = np.arange(20.0)
    first = sd_difference_interval(x, 5.0, 30, name="organ/liver")
    assert sd_difference_interval(x, 5.0, 30, name="organ/liver") == first
    assert sd_difference_interval(x, 5.0, 30, name="organ/spleen") != first


def test_a_reading_error_widens_the_interval():
    x = np.arange(10.0, 20.0)
    narrow = mean_difference_interval(x, 15.0, 3.0, 200)
    wide = mean_difference_interval(x, 15.0, 3.0, 200, reading_error=2.0)
    assert wide[0] < narrow[0]
    assert wide[1] > narrow[1]


def test_one_subject_has_no_spread_and_no_interval():
    x = np.array([3.0])
    assert sample_sd(x) is None
    assert mean_difference_interval(x, 3.0, 1.0, 30) is None
    assert sd_difference_interval(x, 1.0, 30, name="x") is None
    assert correlation(x, x) is None


def test_equal_values_give_a_point():
    low, high = mean_difference_interval(np.ones(5), 1.0, 0.0, 0)
    assert (low, high) == (0.0, 0.0)


def test_percent_of_nothing_is_nothing():
    assert percent(None, 1.0) is None
    assert percent(1.0, None) is None
    assert percent(1.1, 1.0) == pytest.approx(10.0)


def test_correlation_with_its_interval():
    rng = np.random.default_rng(4)
    x = rng.normal(size=200)
    r, (low, high) = correlation(x, x + rng.normal(size=200))
    assert low < r < high
    assert low < 0.7071 < high
