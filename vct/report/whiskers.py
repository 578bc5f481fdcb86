"""Lines of forest plots, from comparison tables or from findings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from vct.validation.finding import Finding

if TYPE_CHECKING:
    import pandas as pd

GROUPS = ("all", "women", "men")
_WHAT = ["organ", "quantity", "group"]
_MEANS = [*_WHAT, "difference_percent", "low_percent", "high_percent", "verdict"]
_SPREADS = [*_WHAT, "sd_ratio", "sd_ratio_low", "sd_ratio_high", "spread_verdict"]


class Whisker(NamedTuple):
    """One line of a forest plot.

    ``reference`` is told only where several are primary for one thing, each of which
    then has its line.
    """

    organ: str
    quantity: str
    group: str
    value: float
    low: float
    high: float
    verdict: str
    reference: str = ""


def mean_whiskers(comparisons: "pd.DataFrame") -> list[Whisker]:
    """Differences of means [%] of everybody and by sex from primary references."""
    return _whiskers(comparisons, _MEANS)


def spread_whiskers(comparisons: "pd.DataFrame") -> list[Whisker]:
    """Ratios of SDs, as ``mean_whiskers``."""
    return _whiskers(comparisons, _SPREADS)


def _whiskers(df: "pd.DataFrame", columns: list[str]) -> list[Whisker]:
    shown = df[df["primary"].astype(bool) & df["group"].isin(GROUPS)]
    if not shown.duplicated(_WHAT).any():
        shown = shown.assign(reference="")
    rows = zip(*(shown[name].tolist() for name in (*columns, "reference")), strict=True)
    return [Whisker(*row) for row in rows]


def finding_whiskers(findings: Sequence[Finding], statistic: str) -> list[Whisker]:
    """Organ findings, where a cohort has no comparison tables.

    Parameters
    ----------
    statistic
        ``mean`` for differences in percent, ``sd`` for ratios.
    """
    found = []
    for f in findings:
        if f.statistic != statistic or f.difference_percent is None:
            continue
        low, high = f.interval or (float("nan"), float("nan"))
        value = f.difference_percent
        if statistic == "sd":
            value, low, high = (1 + x / 100 for x in (value, low, high))
        group = {"F": "women", "M": "men"}.get(f.group, f.group)
        found.append(Whisker(f.organ, f.quantity, group, value, low, high, f.verdict))
    return found
