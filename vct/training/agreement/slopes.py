"""How organs change with age, BMI and height, and how much they spread beside that."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from vct.training.agreement.moments import (
    SD_RATIO_BOUND,
    rule_of,
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
from vct.validation.statistics import finite

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
    y = measured.found(subjects.index, key)
    return fit(linear_design(subjects, with_sex=group == "all"), y)


def _slopes(measured: Measured, group: str, organ: str, quantity: str) -> Iterator[Row]:
    """Slopes on each of the demographics; inconclusive where an organ is not told."""
    key = (organ, quantity)
    population, own, fresh = (
        fit_of(measured, name, group, key)
        for name in ("population", "generated", "fresh")
    )
    listed = organ in LISTED
    for column, demographic in enumerate(DEMOGRAPHICS, start=1):
        row = Row(
            part="slopes",
            statistic=f"change per {STEP_NAMES[demographic]}",
            group=group,
            organ=organ,
            quantity=quantity,
            unit="%",
            n=int(own.used.sum()) if own else 0,
            value=float("nan"),
            verdict="inconclusive" if listed else "info",
            note="too few phantoms told",
        )
        yield _judged(row, column, population, own, fresh) if population else row


def _judged(
    row: Row, column: int, population: Fit, own: Fit | None, fresh: Fit | None
) -> Row:
    """A row with its slope, and the slopes that two sets of phantoms would have."""
    scale = 100.0 / abs(float(population.coefficients[0]))
    expected = scale * population.coefficients[column]
    reach = (
        scale * _REACH * chance_error(population, own or fresh or population, column)
    )
    bound = (float(expected - reach), float(expected + reach))
    value, interval = _scaled(own, column, scale)
    chance, chance_interval = _scaled(fresh, column, scale)

    def verdict(x: float) -> Verdict:
        return "info" if row.verdict == "info" else within(x, None, bound, strict=True)

    return replace(
        row,
        value=value,
        interval=interval,
        bound=bound,
        verdict=verdict(value),
        chance=chance if fresh else None,
        chance_interval=chance_interval,
        chance_verdict=verdict(chance) if fresh else None,
        note=f"population {expected:+.2f} %; spread beside the line "
        f"{scale * float(population.residuals.std()):.1f} %",
    )


def chance_error(population: Fit, own: Fit, column: int) -> float:
    """Standard error of the difference of two slopes of phantoms, of these numbers.

    The second is that of as many phantoms as were generated, so that a generated set
    of wrong spread does not widen its own bound.
    """
    variance = population.covariance[column, column]
    again = variance * len(population.residuals) / len(own.residuals)
    return float(np.sqrt(variance + again))


def _scaled(
    fitted: Fit | None, column: int, scale: float
) -> tuple[float, Interval | None]:
    """A slope and its interval; NaN of a set that has no fit."""
    if fitted is None:
        return float("nan"), None
    value = scale * float(fitted.coefficients[column])
    reach = scale * _REACH_90 * float(np.sqrt(fitted.covariance[column, column]))
    return value, (value - reach, value + reach)


def _spread(measured: Measured, group: str, organ: str, quantity: str) -> Iterator[Row]:
    """Spread of people of the same demographics, over the population's."""

    def residuals(name: str) -> np.ndarray:
        subjects = measured.of(name, group)
        y = measured.found(subjects.index, (organ, quantity))
        fitted = fit(smooth_design(subjects, with_sex=group == "all"), y)
        if fitted is None:
            return np.zeros(0)
        free = len(fitted.residuals) - len(fitted.coefficients)
        return fitted.residuals * np.sqrt(len(fitted.residuals) / free)

    x, fresh, population = (residuals(n) for n in ("generated", "fresh", "population"))
    own, chance = sd_ratio(x, population), sd_ratio(fresh, population)
    subjects = measured.of("population", group).index
    values = finite(measured.found(subjects, (organ, quantity)))
    strict, note = rule_of(values)
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
        note=note,
    )


def _outside(rows: list[Row], quantity: str) -> Row:
    """Share of listed slopes outside chance [%], against the same of fresh phantoms.

    A slope that is told of the population and not of the generated counts as outside.
    """
    told = [
        row
        for row in rows
        if row.quantity == quantity and row.verdict != "info" and row.bound
    ]
    own = _share_not_passed([row.verdict for row in told])
    beside = [row.chance_verdict for row in told if row.chance_verdict]
    by_chance = _share_not_passed(beside)
    chance = by_chance if beside else 100 * (1 - CONFIDENCE)
    bound = (0.0, chance + MOST_EXCESS_POINTS)
    return Row(
        part="slopes",
        statistic="share of slopes outside chance",
        group="all",
        organ="all listed",
        quantity=quantity,
        unit="%",
        n=len(told),
        value=own,
        bound=bound,
        verdict=within(own, None, bound, strict=True),
        chance=by_chance if beside else None,
        note="5 % are expected outside",
    )


def _share_not_passed(verdicts: Sequence[Verdict]) -> float:
    """In percent; NaN of nothing."""
    if not verdicts:
        return float("nan")
    return 100.0 * sum(verdict != "pass" for verdict in verdicts) / len(verdicts)
