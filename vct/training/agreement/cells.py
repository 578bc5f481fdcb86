"""Differences of means in cells of sex, age and BMI."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from vct.seeds import generator
from vct.training.agreement.expectation import Expectation
from vct.training.agreement.moments import difference_at_same_demographics
from vct.training.agreement.row import Row, within
from vct.training.agreement.tables import LISTED, QUANTITIES, Measured
from vct.validation.finding import Interval

AGE_YEARS = {"<50": (0, 50), "50-65": (50, 65), ">65": (65, 200)}
BMI_KG_M2 = {"<25": (0, 25), "25-30": (25, 30), ">30": (30, 100)}
BEYOND_PERCENT = 5.0
MOST_EXCESS_POINTS = 10.0
_RESAMPLES = 1000


def cell_of(subjects: pd.DataFrame, sexes: bool = True) -> pd.Series:
    """Name of each subject's cell, ``F <50 y <25 kg/m²``."""

    def named(column: str, limits: dict[str, tuple[int, int]]) -> pd.Series:
        edges = [low for low, _ in limits.values()] + [list(limits.values())[-1][1]]
        return pd.cut(subjects[column], edges, right=False, labels=[*limits]).astype(
            str
        )

    sex = subjects["sex"] if sexes else "all"
    age, bmi = named("age_years", AGE_YEARS), named("bmi_kg_m2", BMI_KG_M2)
    return sex + " " + age + " y " + bmi + " kg/m²"


def cell_names(sexes: bool = True) -> list[str]:
    """Every cell, in order of sex, age and BMI."""
    groups = ("F", "M") if sexes else ("all",)
    return [
        f"{sex} {age} y {bmi} kg/m²"
        for sex, age, bmi in product(groups, AGE_YEARS, BMI_KG_M2)
    ]


def cell_table(measured: Measured) -> pd.DataFrame:
    """One row a cell, organ and quantity: differences of generated and of fresh.

    People of one cell differ, too: differences are from what phantoms of their own
    demographics have. Columns ``generated``, ``fresh`` [% of that], each with ``_low``,
    ``_high`` and ``_n``; NaN where a cell holds fewer than 8 subjects.
    """
    cells = cell_of(measured.subjects, not measured.pooled)
    found = set(cells[measured.subjects["set"] == "population"])
    names = [cell for cell in cell_names(not measured.pooled) if cell in found]
    ids = {
        (name, cell): measured.of(name).index[cells[measured.of(name).index] == cell]
        for name in ("generated", "fresh", "population")
        for cell in names
    }
    rows = []
    for organ, quantity in measured.measures():
        expectations = {
            group: Expectation(measured, group, (organ, quantity))
            for group in measured.groups
        }
        for cell in names:
            expectation = expectations[cell.split(" ")[0]]
            row: dict[str, Any] = {"cell": cell, "organ": organ, "quantity": quantity}
            reference = expectation.of(ids["population", cell])
            for name in ("generated", "fresh"):
                x = expectation.of(ids[name, cell])
                figure = difference_at_same_demographics(x, reference)
                low, high = figure.interval or (np.nan, np.nan)
                row |= {
                    name: figure.value,
                    f"{name}_low": low,
                    f"{name}_high": high,
                    f"{name}_n": len(x.residual),
                }
            rows.append(row)
    return pd.DataFrame(rows)


def cell_rows(table: pd.DataFrame) -> Iterator[Row]:
    """Share of cells beyond 5 % by quantity, judged, and by organ, told.

    Fewer fresh phantoms than generated subjects give means of their own noise: what
    they put beyond 5 % is no chance level, and nothing is judged then.
    """
    listed = table[table["organ"].isin(LISTED)]
    subjects = table.groupby(["organ", "quantity"])[["generated_n", "fresh_n"]].sum()
    judged = bool(subjects["fresh_n"].max() >= subjects["generated_n"].max())
    for quantity in QUANTITIES:
        part = listed[listed["quantity"] == quantity]
        row = _share(part, "", quantity)
        yield _judged(row) if judged else replace(row, **_TOO_FEW_FRESH)
    for key, part in table.groupby(["organ", "quantity"], sort=False):
        organ, quantity = map(str, key)
        yield _share(part, organ, quantity)


_TOO_FEW_FRESH: dict[str, Any] = {
    "verdict": "inconclusive",
    "note": "as many fresh phantoms as generated subjects are needed",
}


def _judged(row: Row) -> Row:
    """A share of cells with its bound: so many points more than of fresh phantoms."""
    if row.chance is None:
        return replace(row, verdict="inconclusive")
    bound = (0.0, row.chance + MOST_EXCESS_POINTS)
    verdict = within(row.value, None, bound, strict=True)
    return replace(row, bound=bound, verdict=verdict)


def _share(part: pd.DataFrame, organ: str, quantity: str) -> Row:
    """Share of cells beyond [%]; its interval resamples cells with all their organs."""
    known = part.dropna(subset=["generated", "fresh"])
    beyond = known[["generated", "fresh"]].abs() > BEYOND_PERCENT
    own, chance = (float(100 * beyond[n].mean()) for n in ("generated", "fresh"))
    excess = _excess_interval(known["cell"], beyond, f"{organ}/{quantity}")
    return Row(
        part="cells",
        statistic="share beyond 5 %",
        group="all",
        organ=organ or "all listed",
        quantity=quantity,
        unit="%",
        n=len(known),
        value=own,
        interval=excess and (chance + excess[0], chance + excess[1]),
        chance=chance if len(known) else None,
        note=f"{len(known)} cells; {len(part) - len(known)} more hold too few subjects",
    )


def _excess_interval(
    cells: pd.Series, beyond: pd.DataFrame, name: str
) -> Interval | None:
    excess = beyond["generated"].astype(float) - beyond["fresh"].astype(float)
    sums = excess.groupby(cells).agg(["sum", "count"]).to_numpy(float)
    if len(sums) < 3:
        return None
    rng = generator(0, "agreement/cells", name)
    drawn = sums[rng.integers(0, len(sums), (_RESAMPLES, len(sums)))].sum(axis=1)
    low, high = np.percentile(100 * drawn[:, 0] / drawn[:, 1], [5, 95])
    return float(low), float(high)
