"""Differences of means in cells of sex, age and BMI."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from vct.seeds import generator
from vct.training.agreement.moments import mean_difference_percent
from vct.training.agreement.row import Row, within
from vct.training.agreement.tables import LISTED, QUANTITIES, Measured
from vct.validation.finding import Interval
from vct.validation.statistics import finite

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

    Columns ``generated``, ``fresh`` [% of the population's mean in the cell], each with
    ``_low``, ``_high`` and ``_n``; NaN where a cell holds fewer than 8 subjects.
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
        column = measured.values[organ, quantity]
        for cell in names:
            row: dict[str, Any] = {"cell": cell, "organ": organ, "quantity": quantity}
            reference = finite(column[ids["population", cell]].to_numpy())
            for name in ("generated", "fresh"):
                x = finite(column[ids[name, cell]].to_numpy())
                figure = mean_difference_percent(x, reference)
                low, high = figure.interval or (np.nan, np.nan)
                row |= {
                    name: figure.value,
                    f"{name}_low": low,
                    f"{name}_high": high,
                    f"{name}_n": len(x),
                }
            rows.append(row)
    return pd.DataFrame(rows)


def cell_rows(table: pd.DataFrame) -> Iterator[Row]:
    """Share of cells beyond 5 % by quantity, judged, and by organ, told."""
    listed = table[table["organ"].isin(LISTED)]
    for quantity in QUANTITIES:
        yield _share(listed[listed["quantity"] == quantity], "", quantity, judged=True)
    for key, part in table.groupby(["organ", "quantity"], sort=False):
        organ, quantity = map(str, key)
        yield _share(part, organ, quantity, judged=False)


def _share(part: pd.DataFrame, organ: str, quantity: str, *, judged: bool) -> Row:
    """Share of cells beyond [%]; its interval resamples cells with all their organs."""
    known = part.dropna(subset=["generated", "fresh"])
    beyond = known[["generated", "fresh"]].abs() > BEYOND_PERCENT
    own, chance = (float(100 * beyond[n].mean()) for n in ("generated", "fresh"))
    excess = _excess_interval(known["cell"], beyond, f"{organ}/{quantity}")
    bound = (0.0, chance + MOST_EXCESS_POINTS)
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
        bound=bound if judged and len(known) else None,
        verdict=within(own, None, bound, strict=True) if judged else "info",
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
