"""How organs change with age, BMI and height, and how much they spread beside that."""

from collections.abc import Iterator

import numpy as np
from scipy import stats

from vct.training.agreement.moments import (
    SD_RATIO_BOUND,
    STRICT_BELOW_CV,
    sd_ratio,
)
from vct.training.agreement.regression import (
    STEP_NAMES,
    Fit,
    fit,
    linear_design,
    smooth_design,
)
from vct.training.agreement.row import Row, within
from vct.training.agreement.tables import (
    DEMOGRAPHICS,
    LISTED,
    QUANTITIES,
    Measured,
)
from vct.validation.finding import Interval, Verdict

CONFIDENCE = 0.95
MOST_EXCESS_POINTS = 10.0
_REACH = float(stats.norm.ppf(0.5 + CONFIDENCE / 2))
_REACH_90 = float(stats.norm.ppf(0.95))


def slope_rows(measured: Measured) -> Iterator[Row]:
    """Slopes of every organ, the share of them outside chance, and spreads."""
    rows: list[Row] = []
    for group in measured.groups:
        for organ, quantity in measured.measures():
            rows += _slopes(measured, group, organ, quantity)
            yield from _spread(measured, group, organ, quantity)
    yield from rows
    for quantity in QUANTITIES:
        yield _outside(rows, quantity)


def fit_of(
    measured: Measured, name: str, group: str, key: tuple[str, str]
) -> Fit | None:
    """Straight lines of one measure of a set on demographics."""
    subjects = measured.of(name, group)
    y = measured.values.loc[subjects.index, key].to_numpy(float)
    return fit(linear_design(subjects, with_sex=group == "all"), y)


def _slopes(measured: Measured, group: str, organ: str, quantity: str) -> Iterator[Row]:
    key = (organ, quantity)
    population = fit_of(measured, "population", group, key)
    own, fresh = (fit_of(measured, n, group, key) for n in ("generated", "fresh"))
    if population is None or own is None:
        return
    scale = 100.0 / abs(float(population.coefficients[0]))
    spread = float(population.residuals.std())
    for column, demographic in enumerate(DEMOGRAPHICS, start=1):
        expected = scale * population.coefficients[column]
        reach = scale * _REACH * chance_error(population, own, column)
        bound = (float(expected - reach), float(expected + reach))
        value, interval = _scaled(own, column, scale)
        chance = _scaled(fresh, column, scale) if fresh else None
        listed = organ in LISTED

        def verdict(
            x: float, bound: Interval = bound, listed: bool = listed
        ) -> Verdict:
            return within(x, None, bound, strict=True) if listed else "info"

        yield Row(
            part="slopes",
            statistic=f"change per {STEP_NAMES[demographic]}",
            group=group,
            organ=organ,
            quantity=quantity,
            unit="%",
            n=int(own.used.sum()),
            value=value,
            interval=interval,
            bound=bound,
            verdict=verdict(value),
            chance=chance[0] if chance else None,
            chance_interval=chance[1] if chance else None,
            chance_verdict=verdict(chance[0]) if chance else None,
            note=f"population {expected:+.2f} %; spread beside the line "
            f"{scale * spread:.1f} %",
        )


def chance_error(population: Fit, own: Fit, column: int) -> float:
    """Standard error of the difference of two slopes of phantoms, of these numbers.

    The second is that of as many phantoms as were generated, so that a generated set
    of wrong spread does not widen its own bound.
    """
    variance = population.covariance[column, column]
    again = variance * len(population.residuals) / len(own.residuals)
    return float(np.sqrt(variance + again))


def _scaled(fitted: Fit, column: int, scale: float) -> tuple[float, Interval]:
    value = scale * float(fitted.coefficients[column])
    reach = scale * _REACH_90 * float(np.sqrt(fitted.covariance[column, column]))
    return value, (value - reach, value + reach)


def _spread(measured: Measured, group: str, organ: str, quantity: str) -> Iterator[Row]:
    """Spread of people of the same demographics, over the population's."""

    def residuals(name: str) -> np.ndarray:
        subjects = measured.of(name, group)
        y = measured.values.loc[subjects.index, (organ, quantity)].to_numpy(float)
        fitted = fit(smooth_design(subjects, with_sex=group == "all"), y)
        if fitted is None:
            return np.zeros(0)
        free = len(fitted.residuals) - len(fitted.coefficients)
        return fitted.residuals * np.sqrt(len(fitted.residuals) / free)

    x, fresh, population = (residuals(n) for n in ("generated", "fresh", "population"))
    own, chance = sd_ratio(x, population), sd_ratio(fresh, population)
    subjects = measured.of("population", group).index
    mean = measured.values.loc[subjects, (organ, quantity)].mean()
    strict = bool(len(population) and population.std() / mean < STRICT_BELOW_CV)
    listed = organ in LISTED

    def verdict(value: float, interval: Interval | None) -> Verdict:
        if not listed:
            return "info"
        return within(value, interval, SD_RATIO_BOUND, strict=strict)

    yield Row(
        part="slopes",
        statistic="SD ratio at same demographics",
        group=group,
        organ=organ,
        quantity=quantity,
        unit="",
        n=len(x),
        value=own.value,
        interval=own.interval,
        bound=SD_RATIO_BOUND if listed else None,
        verdict=verdict(own.value, own.interval),
        chance=chance.value if len(fresh) else None,
        chance_interval=chance.interval,
        chance_verdict=verdict(chance.value, chance.interval) if len(fresh) else None,
    )


def _outside(rows: list[Row], quantity: str) -> Row:
    """Share of listed slopes outside chance [%], against the same of fresh phantoms."""
    listed = [row for row in rows if row.quantity == quantity and row.verdict != "info"]
    known = [row for row in listed if row.chance_verdict]
    n = max(len(listed), 1)
    own = 100.0 * sum(row.verdict == "fail" for row in listed) / n
    by_chance = 100.0 * sum(row.chance_verdict == "fail" for row in known) / n
    chance = by_chance if known else 100 * (1 - CONFIDENCE)
    bound = (0.0, chance + MOST_EXCESS_POINTS)
    return Row(
        part="slopes",
        statistic="share of slopes outside chance",
        group="all",
        organ="all listed",
        quantity=quantity,
        unit="%",
        n=len(listed),
        value=own if listed else float("nan"),
        bound=bound,
        verdict=within(own if listed else float("nan"), None, bound, strict=True),
        chance=by_chance if known else None,
        note="5 % are expected outside",
    )
