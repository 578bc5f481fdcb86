"""Means, spreads and distributions of organ volume and SUV, by sex."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import stats

from vct.seeds import generator
from vct.training.agreement.row import Row, within
from vct.training.agreement.tables import LISTED, Measured
from vct.validation.finding import Interval, Verdict
from vct.validation.statistics import finite

CONFIDENCE = 0.90
MEAN_BOUND_PERCENT = (-3.0, 3.0)
SD_RATIO_BOUND = (0.85, 1.15)
# Below this coefficient of variation the figure itself must lie in its bound.
STRICT_BELOW_CV = 0.25
_RESAMPLES = 1000
_FEWEST = 8


class Figure(NamedTuple):
    """A value with its 90 % interval, None where there are too few subjects."""

    value: float
    interval: Interval | None


def mean_difference_percent(x: np.ndarray, reference: np.ndarray) -> Figure:
    """Difference of means in percent of the reference's; Welch's interval.

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
    difference = float(x.mean()) - mean
    low, high = ((difference - reach) / mean, (difference + reach) / mean)
    return Figure(100 * difference / mean, (100 * float(low), 100 * float(high)))


def sd_ratio(x: np.ndarray, reference: np.ndarray) -> Figure:
    """Ratio of standard deviations, with the interval of the bootstrap."""
    if min(len(x), len(reference)) < _FEWEST or not reference.std() > 0:
        return Figure(float("nan"), None)
    ratios = _resampled_sd(x, "own") / _resampled_sd(reference, "reference")
    tail = 50.0 * (1 - CONFIDENCE)
    low, high = np.percentile(ratios, [tail, 100 - tail])
    value = float(x.std(ddof=1) / reference.std(ddof=1))
    return Figure(value, (float(low), float(high)))


def _resampled_sd(x: np.ndarray, role: str) -> np.ndarray:
    """Standard deviations of resamples, (resamples,)."""
    centered, weights = x - x.mean(), _resampling(len(x), role)
    mean, square = weights @ centered, weights @ centered**2
    return np.sqrt(np.maximum(square - mean**2, 1e-30))


@lru_cache(maxsize=64)
def _resampling(n: int, role: str) -> np.ndarray:
    """Weights of ``n`` values in every resample; drawn once, since drawing is slow."""
    rng = generator(0, "agreement/bootstrap", role, n)
    return rng.multinomial(n, np.full(n, 1 / n), _RESAMPLES).astype(float) / n


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
    def values(name: str) -> np.ndarray:
        members = measured.of(name, group).index
        return finite(measured.values.loc[members, (organ, quantity)].to_numpy())

    x, fresh, population = (values(n) for n in ("generated", "fresh", "population"))
    spread = population.std(ddof=1) / abs(population.mean()) if len(population) else 1.0
    strict = bool(spread < STRICT_BELOW_CV)
    listed = organ in LISTED
    rule = "value in bound" if strict else "90 % interval touches bound"
    note = f"CV {spread:.2f}: {rule}"

    def verdict(figure: Figure, bound: Interval) -> Verdict:
        if not listed:
            return "info"
        return within(figure.value, figure.interval, bound, strict=strict)

    for statistic, unit, bound, compute in (
        ("mean difference", "%", MEAN_BOUND_PERCENT, mean_difference_percent),
        ("SD ratio", "", SD_RATIO_BOUND, sd_ratio),
    ):
        own, chance = compute(x, population), compute(fresh, population)
        known = len(fresh) >= _FEWEST
        yield Row(
            part="moments",
            statistic=statistic,
            group=group,
            organ=organ,
            quantity=quantity,
            unit=unit,
            n=len(x),
            value=own.value,
            interval=own.interval,
            bound=bound if listed else None,
            verdict=verdict(own, bound),
            chance=chance.value if known else None,
            chance_interval=chance.interval,
            chance_verdict=verdict(chance, bound) if known else None,
            note=note,
        )
    distance, limit = ks_distance(x, population)
    by_chance, chance_limit = ks_distance(fresh, population)
    yield Row(
        part="distribution",
        statistic="KS distance",
        group=group,
        organ=organ,
        quantity=quantity,
        unit="",
        n=len(x),
        value=distance,
        chance=by_chance if len(fresh) >= _FEWEST else None,
        note=_by_chance("generated", distance, limit)
        + "; "
        + _by_chance("fresh phantoms", by_chance, chance_limit),
    )


def _by_chance(whose: str, distance: float, limit: float) -> str:
    if np.isnan(distance):
        return f"{whose}: too few"
    said = "within" if distance <= limit else "beyond"
    return f"{whose}: {said} {limit:.3f}, which 95 % of chance stays below"
