"""Intervals hold what they promise, and bounds are told from values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vct.training.agreement.memory import neighbors, tail_limit
from vct.training.agreement.moments import (
    ks_distance,
    mean_difference_percent,
    sd_ratio,
)
from vct.training.agreement.regression import fit
from vct.training.agreement.row import Row, rows_table, within

REPEATS = 300


def coverage(inside: list[bool], confidence: float) -> None:
    """The share inside is the confidence, to four standard errors."""
    error = math.sqrt(confidence * (1 - confidence) / len(inside))
    assert abs(np.mean(inside) - confidence) < 4 * error


def test_mean_and_spread_intervals_cover_at_their_rate() -> None:
    rng = np.random.default_rng(0)
    means, ratios = [], []
    for _ in range(REPEATS):
        x, y = rng.normal(10, 2, 120), rng.normal(10, 2, 300)
        low, high = mean_difference_percent(x, y).interval or (0, 0)
        means.append(low <= 0 <= high)
        low, high = sd_ratio(x, y).interval or (0, 0)
        ratios.append(low <= 1 <= high)
    coverage(means, 0.90)
    coverage(ratios, 0.90)


@pytest.mark.parametrize(("n", "sigma"), [(256, 0.2), (256, 0.45), (64, 0.3)])
def test_intervals_of_spread_nearly_cover_where_values_are_skewed(
    n: int, sigma: float
) -> None:
    """Of log-normal values the bootstrap's percentiles covered 76 to 89 %."""
    rng = np.random.default_rng(7)
    inside = []
    for _ in range(2000):
        x, y = rng.lognormal(sigma=sigma, size=n), rng.lognormal(sigma=sigma, size=1000)
        low, high = sd_ratio(x, y).interval or (0, 0)
        inside.append(low <= 1 <= high)
    assert np.mean(inside) > 0.86


def test_spread_beside_what_is_predicted_is_told_of_both_together() -> None:
    rng = np.random.default_rng(8)
    predicted, beside = rng.normal(10, 3, 4000), rng.normal(0, 4, 4000)
    x = predicted + rng.normal(0, 4, 4000)
    assert sd_ratio(x, beside, predicted).value == pytest.approx(1, abs=0.03)
    assert sd_ratio(predicted, beside, predicted).value == pytest.approx(0.6, abs=0.03)


def test_mean_difference_agrees_with_scipys_welch_test() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(11, 3, 40), rng.normal(10, 1, 90)
    figure = mean_difference_percent(x, y)
    expected = stats.ttest_ind(x, y, equal_var=False).confidence_interval(0.9)
    assert figure.interval == pytest.approx(
        (100 * expected.low / y.mean(), 100 * expected.high / y.mean())
    )


@given(st.floats(0.5, 2.0), st.floats(-5, 5))
def test_spread_ratio_scales_and_does_not_see_the_mean(a: float, b: float) -> None:
    x = np.random.default_rng(2).normal(10, 2, 50)
    assert sd_ratio(a * x + b, x).value == pytest.approx(a)


def test_too_few_subjects_have_no_figure() -> None:
    few = np.arange(7.0)
    assert math.isnan(mean_difference_percent(few, np.arange(50.0)).value)
    assert sd_ratio(few, np.arange(50.0)).interval is None
    assert within(math.nan, None, (0, 1), strict=True) == "inconclusive"


def test_distance_of_distributions_is_beyond_its_limit_five_times_in_a_hundred() -> (
    None
):
    rng = np.random.default_rng(3)
    found = [
        ks_distance(rng.normal(size=200), rng.normal(size=400)) for _ in range(300)
    ]
    coverage([distance <= limit for distance, limit in found], 0.95)


def test_slope_errors_hold_where_the_spread_grows() -> None:
    rng = np.random.default_rng(4)
    inside = []
    for _ in range(REPEATS):
        x = rng.uniform(-1, 1, 150)
        y = 2 + 3 * x + rng.normal(size=150) * (1 + x)
        found = fit(np.column_stack([np.ones(150), x]), y)
        assert found is not None
        reach = 1.96 * np.sqrt(found.covariance[1, 1])
        inside.append(bool(abs(found.coefficients[1] - 3) <= reach))
    coverage(inside, 0.95)


def test_missing_values_are_left_out_and_too_few_have_no_fit() -> None:
    x = np.linspace(0, 1, 30)
    design, y = np.column_stack([np.ones(30), x]), 1 + 2 * x
    y[:10] = np.nan
    found = fit(design, y)
    assert found is not None
    assert found.used.sum() == 20
    assert found.coefficients == pytest.approx([1, 2])
    y[:25] = np.nan
    assert fit(design, y) is None


def test_tail_limit_is_passed_once_in_a_hundred() -> None:
    rng = np.random.default_rng(5)
    own, fresh = rng.random((2000, 256)), rng.random((2000, 256))
    limit = np.quantile(fresh, 0.01, axis=1)
    beyond = (own < limit[:, None]).sum(axis=1) > tail_limit(256, 256)
    assert beyond.mean() == pytest.approx(0.01, abs=0.007)


def test_a_copy_is_near_one_and_far_from_others() -> None:
    rng = np.random.default_rng(6)
    known = rng.integers(-90, 90, (50, 400)).astype(np.int8)
    found = neighbors(known[[7, 31]], known)
    assert found.whose.tolist() == [7, 31]
    assert (found.ratio < 0.02).all()


@pytest.mark.parametrize(
    ("value", "interval", "strict", "verdict"),
    [
        (0.9, (0.7, 1.1), True, "pass"),
        (1.2, (1.0, 1.4), True, "fail"),
        (1.2, (1.0, 1.4), False, "pass"),
        (1.4, (1.2, 1.6), False, "fail"),
        (0.5, (0.4, 0.6), False, "fail"),
    ],
)
def test_verdicts(
    value: float, interval: tuple[float, float], strict: bool, verdict: str
) -> None:
    assert within(value, interval, (0.85, 1.15), strict=strict) == verdict


def test_rows_become_a_table_with_ends_of_intervals() -> None:
    row = Row("moments", "SD ratio", "F", "liver", "volume_ml", "", 9, 1.0, (0.9, 1.1))
    table = rows_table([row])
    assert table.loc[0, "id"] == "moments/SD ratio/F/liver/volume_ml"
    assert table.loc[0, "interval_low"] == 0.9
    assert np.isnan(table.loc[0, "bound_high"])
