"""Distributions: the inverse is an inverse, moments are those asked for."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from scipy import stats

from tests.spec.strategies import DISTRIBUTIONS, PLAIN
from vct.spec.distributions import Distribution, support
from vct.subjects.quantile import People, below, quantile, quantile_within

ADAPTER: TypeAdapter[Any] = TypeAdapter(Distribution)
U = np.linspace(0.0005, 0.9995, 41)


def people(n: int) -> People:
    rng = np.random.default_rng(3)
    return People(rng.random(n) < 0.5, rng.uniform(20, 80, n))


@given(data=DISTRIBUTIONS)
def test_the_quantile_is_the_least_value_with_enough_below(data: Any) -> None:
    distribution, who = ADAPTER.validate_python(data), people(len(U))
    x = quantile(distribution, U, who)
    tiny = 1e-9 * np.maximum(np.abs(x), 1.0)
    assert np.all(below(distribution, x + tiny, who) >= U - 1e-7)
    assert np.all(below(distribution, x - tiny, who) <= U + 1e-7)


@given(data=PLAIN)
def test_quantiles_ascend_and_stay_within_the_support(data: Any) -> None:
    distribution = ADAPTER.validate_python(data)
    x = quantile(distribution, U, people(len(U)))
    low, high = support(distribution)
    assert np.all(np.diff(x) >= 0)
    assert np.all((x >= low) & (x <= high))


@given(data=DISTRIBUTIONS, low=st.floats(20, 45), width=st.floats(1, 30))
def test_a_cut_distribution_stays_within_the_cut(
    data: Any, low: float, width: float
) -> None:
    who = people(len(U))
    x = quantile_within(ADAPTER.validate_python(data), U, low, low + width, who)
    inside = x[np.isfinite(x)]
    assert np.all((inside >= low) & (inside < low + width))


SD = 5.0
N = 100_000


@pytest.mark.parametrize(
    ("data", "witness"),
    [
        ({"kind": "normal", "mean": 27, "sd": 4}, stats.norm(27, 4)),
        ({"kind": "uniform", "low": 20, "high": 50}, stats.uniform(20, 30)),
        (
            {"kind": "truncated_normal", "mean": 30, "sd": 6, "low": 25, "high": 60},
            stats.truncnorm(-5 / 6, 5, 30, 6),
        ),
        (  # far in a tail, where probabilities near 1 would lose their digits
            {"kind": "truncated_normal", "mean": 20, "sd": 3, "low": 43, "high": 60},
            stats.truncnorm(23 / 3, 40 / 3, 20, 3),
        ),
        (
            {"kind": "histogram", "edges": [20, 30, 50], "counts": [3, 1]},
            stats.rv_histogram(
                (np.array([3, 1]), np.array([20.0, 30, 50])), density=False
            ),
        ),
    ],
)
def test_scipy_agrees(data: Any, witness: Any) -> None:
    distribution, who = ADAPTER.validate_python(data), people(len(U))
    x = quantile(distribution, U, who)
    np.testing.assert_allclose(x, witness.ppf(U), rtol=1e-9)
    np.testing.assert_allclose(below(distribution, x, who), U, atol=1e-9)


def test_a_lognormal_has_the_mean_and_sd_it_is_given() -> None:
    distribution = ADAPTER.validate_python({"kind": "lognormal", "mean": 27, "sd": 5})
    u = (np.arange(N) + 0.5) / N
    x = quantile(distribution, u, people(N))
    assert x.mean() == pytest.approx(27, rel=1e-3)
    assert x.std() == pytest.approx(5, rel=1e-2)


def test_a_mixture_has_the_shares_of_its_components() -> None:
    distribution = ADAPTER.validate_python(
        {
            "kind": "mixture",
            "components": [
                {"weight": 3, "draw": 20},
                {"weight": 1, "draw": {"kind": "uniform", "low": 30, "high": 40}},
            ],
        }
    )
    x = quantile(distribution, (np.arange(N) + 0.5) / N, people(N))
    assert np.mean(x == 20) == pytest.approx(0.75, abs=1e-4)
    assert x[x > 21].mean() == pytest.approx(35, abs=1e-2)


def test_each_sex_and_age_band_has_its_own() -> None:
    distribution = ADAPTER.validate_python(
        {"by_sex": {"F": {"by_age": [{"below": 50, "draw": 1}, {"draw": 2}]}, "M": 3}}
    )
    who = People(np.array([False, False, False, True]), np.array([20.0, 50, 70, 20]))
    assert quantile(distribution, np.full(4, 0.5), who).tolist() == [1, 2, 2, 3]


def test_what_has_nothing_between_the_ends_is_no_number() -> None:
    x = quantile_within(20, U[:3], 30, 40, people(3))
    assert np.isnan(x).all()
