"""Bootstrap and permutations by law."""

import numpy as np
import pytest
from scipy import stats

from vct.validation.resampling import distances, intervals, resampled_moments


def test_resamples_spread_as_the_mean_and_the_sd_do():
    rng = np.random.default_rng(0)
    x = rng.normal(50, 5, (400, 2))
    mean, sd = resampled_moments(x, np.ones(400), rng)
    assert mean.std(axis=0) == pytest.approx(5 / np.sqrt(400), rel=0.1)
    assert sd.mean(axis=0) == pytest.approx(x.std(axis=0, ddof=1), rel=0.01)
    assert sd.std(axis=0) == pytest.approx(5 / np.sqrt(800), rel=0.15)


def test_missing_values_are_left_out():
    rng = np.random.default_rng(1)
    x = np.column_stack([np.r_[np.arange(50.0), np.full(10, np.nan)], np.ones(60)])
    mean, sd = resampled_moments(x, np.ones(60), rng)
    assert mean[:, 0].mean() == pytest.approx(24.5, abs=0.3)
    assert sd[:, 1] == pytest.approx(0.0, abs=1e-6)


def test_one_subject_has_no_spread():
    for x, weights in (([[3.0]], [1.0]), ([[3.0], [5.0]], [1.0, 0.0])):
        rng = np.random.default_rng(2)
        _, sd = resampled_moments(np.array(x), np.array(weights), rng)
        assert np.isnan(sd).all()


def test_an_interval_of_nothing_is_nothing():
    draws = np.column_stack([np.arange(100.0), np.full(100, np.nan)])
    low, high = intervals(draws, 0.9)
    assert (low[0], high[0]) == (pytest.approx(4.95), pytest.approx(94.05))
    assert np.isnan(low[1])
    assert np.isnan(high[1])


def test_distances_are_scipys():
    rng = np.random.default_rng(2)
    x, y = rng.normal(0, 1, 80), rng.normal(0.4, 1, 60)
    ks, p_ks, wasserstein, p_wasserstein = distances(x, y, np.ones(60), rng)
    assert ks == pytest.approx(stats.ks_2samp(x, y).statistic)
    assert wasserstein == pytest.approx(stats.wasserstein_distance(x, y))
    assert abs(p_ks - stats.ks_2samp(x, y).pvalue) < 0.06
    assert 0 < p_wasserstein < 0.2


def test_permutation_p_are_uniform_when_nothing_differs():
    rng = np.random.default_rng(3)
    alike = np.ones(40)
    p = [
        distances(rng.random(30), rng.random(40), alike, rng)[1::2] for _ in range(150)
    ]
    for column in np.array(p).T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3


def test_people_of_weight_two_are_two_people():
    rng = np.random.default_rng(4)
    x, y = rng.normal(0, 1, 80), rng.normal(0.4, 1, 60)
    weights = rng.integers(1, 4, 60)
    ks, _, wasserstein, _ = distances(x, y, weights, rng)
    twice = np.repeat(y, weights)
    assert ks == pytest.approx(stats.ks_2samp(x, twice).statistic)
    assert wasserstein == pytest.approx(stats.wasserstein_distance(x, twice))


def test_weights_make_no_difference_that_is_not_there():
    rng = np.random.default_rng(5)

    def p_of_one_law() -> tuple[float, ...]:
        weights = rng.choice([0.5, 1.0, 2.0], 200)
        return distances(rng.normal(size=150), rng.normal(size=200), weights, rng)[1::2]

    p = np.array([p_of_one_law() for _ in range(200)])
    # 10 of 200 are expected below 0.05, 21 once in a thousand times.
    assert ((p < 0.05).sum(axis=0) <= 20).all()
    assert ((p < 0.5).sum(axis=0) >= 70).all()
