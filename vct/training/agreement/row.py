"""One compared figure: its interval, its bound, its verdict, and the chance level."""

import math
from dataclasses import asdict, dataclass
from typing import Literal

import pandas as pd

from vct.validation.finding import Interval, Verdict

Part = Literal["moments", "distribution", "cells", "slopes", "consistency", "memory"]


@dataclass(frozen=True)
class Row:
    """One figure of the generated subjects against the population.

    ``chance`` is the same figure of fresh phantoms in place of the generated subjects,
    and ``chance_verdict`` what would have been said of them; None where none were
    measured. ``interval`` has confidence 90 %.
    """

    part: Part
    statistic: str
    group: str
    organ: str
    quantity: str
    unit: str
    n: int
    value: float
    interval: Interval | None = None
    bound: Interval | None = None
    verdict: Verdict = "info"
    chance: float | None = None
    chance_interval: Interval | None = None
    chance_verdict: Verdict | None = None
    note: str = ""

    @property
    def id(self) -> str:
        """Name of the figure, unique in a comparison."""
        words = (self.part, self.statistic, self.group, self.organ, self.quantity)
        return "/".join(word for word in words if word)


def within(
    value: float, interval: Interval | None, bound: Interval, *, strict: bool
) -> Verdict:
    """Verdict on a figure.

    Parameters
    ----------
    value, interval
        The figure; its interval may be unknown.
    bound
        Lowest and highest that pass.
    strict
        The value itself must lie in the bound; else it passes where its interval
        touches the bound.
    """
    low, high = bound
    if math.isnan(value):
        return "inconclusive"
    if strict or interval is None:
        return "pass" if low <= value <= high else "fail"
    return "pass" if interval[0] <= high and interval[1] >= low else "fail"


def rows_table(rows: list[Row]) -> pd.DataFrame:
    """Rows as a table: intervals and bounds in two columns each."""
    flat = []
    for row in rows:
        values = {"id": row.id, **asdict(row)}
        for name in ("interval", "bound", "chance_interval"):
            low, high = values.pop(name) or (None, None)
            values |= {f"{name}_low": low, f"{name}_high": high}
        flat.append(values)
    table = pd.DataFrame(flat)
    numbers = [
        name
        for name in map(str, table.columns)
        if name.endswith(("_low", "_high")) or name == "chance"
    ]
    return table.astype(dict.fromkeys(numbers, float))
