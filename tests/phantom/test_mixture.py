"""The heart's mixture: standardized, monotone, its own moments."""

import numpy as np
import pytest

from vct.phantom.mixture import COLD_SHARE, fit_mixture, log_moment, quantile


def two_kinds(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    cold = rng.random(count) < COLD_SHARE
    return np.where(cold, rng.normal(-1, 0.3, count), rng.normal(0.8, 0.7, count))


def test_two_kinds_are_found() -> None:
    mixture = fit_mixture(two_kinds(5000))
    scale = two_kinds(5000).std()
    apart = (mixture["warm_mean"] - mixture["cold_mean"]) * scale
    assert apart == pytest.approx(1.8, abs=0.1)
    assert mixture["cold_sd"] * scale == pytest.approx(0.3, abs=0.05)


def test_normal_draws_become_the_mixture() -> None:
    mixture = fit_mixture(two_kinds(500))
    normal = np.random.default_rng(1).standard_normal(4000)
    values = np.array([quantile(mixture, z) for z in normal])
    assert values.mean() == pytest.approx(0, abs=0.05)
    assert values.std() == pytest.approx(1, abs=0.05)
    assert (np.diff(values[np.argsort(normal)]) >= 0).all()
    for sd in (0.2, 0.4):
        mean = np.log(np.exp(sd * values).mean())
        assert log_moment(mixture, sd) == pytest.approx(mean, abs=0.02)
