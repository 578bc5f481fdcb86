"""Does a subject's image fit its weight and height as phantoms' images do?"""

from collections.abc import Iterator

import numpy as np

from vct.training.agreement.expectation import Expectation
from vct.training.agreement.moments import (
    Figure,
    difference_at_same_demographics,
)
from vct.training.agreement.regression import fit
from vct.training.agreement.row import Row, within
from vct.training.agreement.tables import LENGTH, MASS, SUV_SHARE, Measured
from vct.validation.finding import Interval, Verdict
from vct.validation.statistics import correlation, finite

BIAS_BOUND_PERCENT = (-3.0, 3.0)
# SUV x volume over weight inside the field of people: 0.81, SD 0.05, never above 1.
SUV_SHARE_PEOPLE = (0.76, 0.86)
_PAIRS = ((MASS, "weight_kg", "mass in field"), (LENGTH, "height_m", "trunk length"))
_REACH_90, _REACH_95 = 1.645, 1.960


def consistency_rows(measured: Measured) -> Iterator[Row]:
    """Mass and length against demographics, and the SUV integral."""
    for group in measured.groups:
        for quantity, demographic, _ in _PAIRS:
            yield from _bias(measured, group, quantity)
            yield from _correlation(measured, group, quantity, demographic)
            yield from _slope(measured, group, quantity, demographic)
    yield from _suv_share(measured)


def _values(measured: Measured, name: str, group: str, quantity: str) -> np.ndarray:
    subjects = measured.of(name, group)
    return measured.values.loc[subjects.index, ("body", quantity)].to_numpy(float)


def _row(group: str, quantity: str, statistic: str, unit: str, n: int, **more) -> Row:  # type: ignore[no-untyped-def]
    return Row(
        part="consistency",
        statistic=statistic,
        group=group,
        organ="body",
        quantity=quantity,
        unit=unit,
        n=n,
        **more,
    )


def _bias(measured: Measured, group: str, quantity: str) -> Iterator[Row]:
    """Mean of what is found over what phantoms of the same demographics have."""
    expectation = Expectation(measured, group, ("body", quantity))
    if not expectation.known:
        return
    own, fresh, population = (
        expectation.of_set(name) for name in ("generated", "fresh", "population")
    )
    figure, chance = (
        difference_at_same_demographics(found, population) for found in (own, fresh)
    )

    def verdict(figure: Figure) -> Verdict:
        return within(figure.value, figure.interval, BIAS_BOUND_PERCENT, strict=True)

    known = len(fresh.residual) > 0
    yield _row(
        group, quantity, "bias at same demographics", "%", len(own.residual),
        value=figure.value,
        interval=figure.interval,
        bound=BIAS_BOUND_PERCENT,
        verdict=verdict(figure),
        chance=chance.value if known else None,
        chance_interval=chance.interval,
        chance_verdict=verdict(chance) if known else None,
    )  # fmt: skip


def _correlation(
    measured: Measured, group: str, quantity: str, demographic: str
) -> Iterator[Row]:
    """Pearson's r against chance: two phantom sets of these sizes, after Fisher."""

    def r_of(name: str) -> tuple[float, int]:
        subjects = measured.of(name, group)
        y = _values(measured, name, group, quantity)
        found = correlation(subjects[demographic].to_numpy(), y)
        return (found[0] if found else float("nan")), int(np.isfinite(y).sum())

    (own, n), (chance, n_chance), (r, m) = (
        r_of(name) for name in ("generated", "fresh", "population")
    )
    if not (n > 3 and m > 3 and np.isfinite(r)):
        return
    reach = _REACH_95 * np.sqrt(1 / (n - 3) + 1 / (m - 3))
    z = np.arctanh(min(r, 0.999999))
    bound = (float(np.tanh(z - reach)), float(np.tanh(z + reach)))
    yield _row(
        group, quantity, f"r with {demographic}", "", n,
        value=own,
        bound=bound,
        verdict=within(own, None, bound, strict=True),
        chance=chance if n_chance else None,
        chance_verdict=within(chance, None, bound, strict=True) if n_chance else None,
        note=f"population {r:.3f}",
    )  # fmt: skip


def _slope(
    measured: Measured, group: str, quantity: str, demographic: str
) -> Iterator[Row]:
    """Slope on weight or height against chance between two phantom sets."""

    def line(name: str) -> tuple[float, float, int]:
        subjects = measured.of(name, group)
        x = subjects[demographic].to_numpy(float)
        design = np.column_stack([np.ones(len(x)), x - x.mean() if len(x) else x])
        fitted = fit(design, _values(measured, name, group, quantity))
        if fitted is None:
            return float("nan"), float("nan"), 0
        variance = float(fitted.covariance[1, 1])
        return float(fitted.coefficients[1]), variance, len(fitted.residuals)

    (own, own_variance, n), (chance, chance_variance, n_chance), (b, variance, m) = (
        line(name) for name in ("generated", "fresh", "population")
    )
    if not n or not m:
        return
    reach = _REACH_95 * np.sqrt(variance + variance * m / n)
    bound = (float(b - reach), float(b + reach))

    def interval(slope: float, variance: float) -> Interval:
        reach = _REACH_90 * float(np.sqrt(variance))
        return slope - reach, slope + reach

    unit = "kg/kg" if demographic == "weight_kg" else "mm/m"
    yield _row(
        group, quantity, f"slope on {demographic}", unit, n,
        value=own,
        interval=interval(own, own_variance),
        bound=bound,
        verdict=within(own, None, bound, strict=True),
        chance=chance if n_chance else None,
        chance_interval=interval(chance, chance_variance) if n_chance else None,
        chance_verdict=within(chance, None, bound, strict=True) if n_chance else None,
        note=f"population {b:.3g}",
    )  # fmt: skip


def _suv_share(measured: Measured) -> Iterator[Row]:
    """SUV x volume / weight inside the field: its mean, spread and largest value."""
    own, fresh, population = (
        finite(_values(measured, name, "all", SUV_SHARE))
        for name in ("generated", "fresh", "population")
    )
    for statistic, compute, bound in (
        ("mean", np.mean, SUV_SHARE_PEOPLE),
        ("largest", np.max, (0.0, 1.0)),
        ("SD", np.std, None),
    ):
        value = float(compute(own))
        chance = float(compute(fresh)) if len(fresh) else None

        def verdict(x: float, bound: Interval | None = bound) -> Verdict:
            return within(x, None, bound, strict=True) if bound else "info"

        yield _row(
            "all", SUV_SHARE, statistic, "", len(own),
            value=value,
            bound=bound,
            verdict=verdict(value),
            chance=chance,
            chance_verdict=None if chance is None else verdict(chance),
            note=f"people 0.81 ± 0.05; population {float(compute(population)):.3f}",
        )  # fmt: skip
