"""All figures of a comparison, and how many of them pass."""

from typing import NamedTuple

import pandas as pd

from vct.training.agreement.cells import cell_rows, cell_table
from vct.training.agreement.consistency import consistency_rows
from vct.training.agreement.memory import memory_rows, neighbor_table
from vct.training.agreement.moments import moment_rows
from vct.training.agreement.row import Row
from vct.training.agreement.slopes import slope_rows
from vct.training.agreement.tables import Measured
from vct.training.agreement.told import told_rows


class Comparison(NamedTuple):
    """Every figure, and the tables behind the figures of cells and neighbors."""

    rows: list[Row]
    cells: pd.DataFrame
    neighbors: pd.DataFrame


def compared(measured: Measured) -> Comparison:
    """All figures of a comparison."""
    cells, near = cell_table(measured), neighbor_table(measured)
    rows = [
        *moment_rows(measured),
        *cell_rows(cells),
        *slope_rows(measured),
        *consistency_rows(measured),
        *memory_rows(measured, near),
        *told_rows(measured),
    ]
    return Comparison(rows, cells, near)


def verdict_counts(table: pd.DataFrame) -> pd.DataFrame:
    """Judged figures by part and statistic, and how many passed: own and by chance."""
    judged = table[table["verdict"] != "info"].copy()
    kind = judged["statistic"].str.replace(r"^change per .*", "change", regex=True)
    judged["statistic"] = kind
    judged["passed"] = judged["verdict"] == "pass"
    judged["with_chance"] = judged["chance_verdict"].notna()
    judged["chance_passed"] = judged["chance_verdict"] == "pass"
    numbers = ["passed", "with_chance", "chance_passed"]
    groups = judged.groupby(["part", "statistic"], sort=False)
    counts = groups[numbers].sum().astype(int)
    counts.insert(0, "judged", groups.size())
    return counts.reset_index()
