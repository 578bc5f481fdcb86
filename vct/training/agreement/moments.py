"""Means, spreads and distributions of organ volume and SUV, by sex."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import stats

from vct.training.agreement.expectation import Expectation, Found
from vct.training.agreement.row import Row, within
from vct.training.agreement.tables import LISTED, Measured
from vct.validation.finding import Interval, Verdict

CONFIDENCE = 0.90
MEAN_BOUND_PERCENT = (-3.0, 3.0)
SD_RATIO_BOUND = (0.85, 1.15)
# Below this coefficient of variation the figure itself must lie in its bound.
STRICT_BELOW_CV = 0.25
_FEWEST = 8


class Figure(NamedTuple):
    """A value with its 90 % interval, None where there are too few subjects."""

    value: float
    interval: Interval | None


def mean_difference_percent(
    x: np.ndarray, reference: np.ndarray, scale: float | None = None
) -> Figure:
    """Difference of means in percent of ``scale``, by default the reference's mean.

    References
    ----------
    Welch, Biometrika 34 (1947) 28: degrees of freedom after Satterthwaite.
    """
    if min(len(x), len(reference)) < _FEWEST:
        return Figure(float("nan"), None)
    mean = float(reference.mean())
    own, other = x.var(ddof=1) / len(x), reference.var(ddof=1) / len(reference)
    pieces = own**2 / (len(x) - 1) + other**2 / (len(reference) - 1)
    degrees = (own + other) ** 2 / pieces if pieces > 0 else 1.0
    reach = stats.t.ppf(0.5 + CONFIDENCE / 2, degrees) * np.sqrt(own + other)
    percent = 100 / (mean if scale is None else scale)
    difference = float(x.mean()) - mean
    low, high = percent * (difference - reach), percent * (difference + reach)
    return Figure(percent * difference, (float(low), float(high)))


def difference_at_same_demographics(own: Found, population: Found) -> Figure:
    """Difference of means from phantoms of the same demographics, in percent."""
    if min(len(own.residual), len(population.residual)) < _FEWEST:
        return Figure(float("nan"), None)
    scale = float(own.expected.mean() + population.residual.mean())
    return mean_difference_percent(own.residual, population.residual, scale)


def sd_ratio(
    x: np.ndarray, reference: np.ndarray, expected: np.ndarray | None = None
) -> Figure:
    """Ratio of standard deviations, with the jackknife's interval of its logarithm.

    Parameters
    ----------
    x, reference
        Values of either set.
    expected
        What is predicted of each of ``x``, (n,): then ``reference`` is what phantoms
        have beside that, and ``x`` is compared with both together.

    References
    ----------
    Miller, Biometrika 61 (1974) 1: of log-normal values it covers more than the
    bootstrap's percentiles, which fall short of 80 % for 64 of them.
    """
    if min(len(x), len(reference)) < _FEWEST or not reference.std() > 0:
        return Figure(float("nan"), None)
    predicted = np.zeros(len(x)) if expected is None else expected
    beside, n = float(reference.var(ddof=1)), len(x)
    total = float(predicted.var(ddof=1)) + beside
    value = 0.5 * np.log(x.var(ddof=1) / total)
    without = 0.5 * np.log(_leaving_one_out(x) / (_leaving_one_out(predicted) + beside))
    theirs = 0.5 * np.log(total - beside + _leaving_one_out(reference))
    error = np.sqrt(_jackknife_variance(without) + _jackknife_variance(theirs))
    reach = stats.t.ppf(0.5 + CONFIDENCE / 2, n - 1) * error
    low, high = np.exp(value - reach), np.exp(value + reach)
    return Figure(float(np.exp(value)), (float(low), float(high)))


def _leaving_one_out(x: np.ndarray) -> np.ndarray:
    """Variance of all but one of ``x`` (n,), for each of them, (n,)."""
    n, centered = len(x), x - x.mean()
    squares = centered @ centered - centered**2
    return (squares - centered**2 / (n - 1)) / (n - 2)


def _jackknife_variance(without: np.ndarray) -> float:
    """Variance of a figure, from its values without one subject each, (n,)."""
    n = len(without)
    return float((n - 1) / n * ((without - without.mean()) ** 2).sum())


def ks_distance(x: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """Kolmogorov-Smirnov distance, and the distance that 95 % of chance stays below.

    The limit is the large-sample law, 1.358 sqrt((n + m) / (n m)).
    """
    if min(len(x), len(reference)) < _FEWEST:
        return float("nan"), float("nan")
    n, m = len(x), len(reference)
    limit = 1.358 * np.sqrt((n + m) / (n * m))
    return float(stats.ks_2samp(x, reference).statistic), float(limit)


def moment_rows(measured: Measured) -> Iterator[Row]:
    """Mean, spread and distance of distributions of every organ in every group."""
    for group in measured.groups:
        for organ, quantity in measured.measures():
            yield from _organ_rows(measured, group, organ, quantity)


def _organ_rows(
    measured: Measured, group: str, organ: str, quantity: str
) -> Iterator[Row]:
    expectation = Expectation(measured, group, (organ, quantity))
    x, fresh, population = (
        expectation.of_set(name) for name in ("generated", "fresh", "population")
    )
    strict, note = rule_of(population.values)
    listed = organ in LISTED

    def verdict(figure: Figure, bound: Interval) -> Verdict:
        if not listed:
            return "info"
        return within(figure.value, figure.interval, bound, strict=strict)

    def ratio(found: Found) -> Figure:
        return sd_ratio(found.values, population.residual, found.expected)

    def difference(found: Found) -> Figure:
        return difference_at_same_demographics(found, population)

    known = len(fresh.residual) >= _FEWEST
    for statistic, unit, bound, compute in (
        ("mean difference", "%", MEAN_BOUND_PERCENT, difference),
        ("SD ratio", "", SD_RATIO_BOUND, ratio),
    ):
        own, chance = compute(x), compute(fresh)
        yield Row(
            part="moments",
            statistic=statistic,
            group=group,
            organ=organ,
            quantity=quantity,
            unit=unit,
            n=len(x.residual),
            value=own.value,
            interval=own.interval,
            bound=bound if listed else None,
            verdict=verdict(own, bound),
            chance=chance.value if known else None,
            chance_interval=chance.interval,
            chance_verdict=verdict(chance, bound) if known else None,
            note=note,
        )
    distance, limit = ks_distance(x.values, population.values)
    by_chance, chance_limit = ks_distance(fresh.values, population.values)
    yield Row(
        part="distribution",
        statistic="KS distance",
        group=group,
        organ=organ,
        quantity=quantity,
        unit="",
        n=len(x.residual),
        value=distance,
        chance=by_chance if known else None,
        note=_by_chance("generated", distance, limit)
        + "; "
        + _by_chance("fresh phantoms", by_chance, chance_limit),
    )


def rule_of(population: np.ndarray) -> tuple[bool, str]:
    """Whether an organ's figures themselves must lie in their bounds, and a note."""
    enough = len(population) >= _FEWEST
    spread = population.std(ddof=1) / abs(population.mean()) if enough else math.inf
    strict = bool(spread < STRICT_BELOW_CV)
    rule = "value in bound" if strict else "90 % interval touches bound"
    return strict, f"CV {spread:.2f}: {rule}"


def _by_chance(whose: str, distance: float, limit: float) -> str:
    if np.isnan(distance):
        return f"{whose}: too few"
    said = "within" if distance <= limit else "beyond"
    return f"{whose}: {said} {limit:.3f}, which 95 % of chance stays below"
