"""A table twice: as the page shows it, and whole for other programs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from vct.report.tables import decimals_for, number

if TYPE_CHECKING:
    import pandas as pd

# Rows of one table on the page: browsers sort and print this many without a pause.
MOST_ROWS = 1500


class Cell(NamedTuple):
    """What stands in one cell.

    Attributes
    ----------
    text
        For people.
    value
        What the cell sorts by, where that is not its text: a number in Python's words.
    note
        Small print under the text.
    hint
        Shown when the pointer rests on it.
    """

    text: str
    value: str = ""
    note: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Field:
    """One column on the page.

    Attributes
    ----------
    title
        Its heading.
    cell
        Makes its cell of a row of the data.
    numeric, verdict
        What it holds.
    short
        Whether its text stays on one line.
    """

    title: str
    cell: Callable[[Any], Cell]
    numeric: bool = False
    verdict: bool = False
    short: bool = False


class Row(NamedTuple):
    """Cells of one row, each with its column."""

    cells: list[tuple[Field, Cell]]

    @property
    def verdict(self) -> str:
        """What the row says in its column of verdicts; empty without one."""
        return next((cell.text for field, cell in self.cells if field.verdict), "")


@dataclass(frozen=True)
class PageTable:
    """One table.

    Attributes
    ----------
    name
        Of its files ``report/tables/NAME.csv`` and ``.parquet``, and its anchor.
    caption
        One line above it.
    data
        Every row; what the files hold.
    fields
        Columns on the page.
    tools
        Whether it sorts and filters.
    """

    name: str
    caption: str
    data: "pd.DataFrame"
    fields: tuple[Field, ...]
    tools: bool = True

    @property
    def rows(self) -> list["Row"]:
        """The first ``MOST_ROWS`` rows."""
        shown = self.data.head(MOST_ROWS)
        return [
            Row([(field, field.cell(row)) for field in self.fields])
            for row in shown.itertuples(index=False)
        ]

    @property
    def left_out(self) -> int:
        """Rows that only the files hold."""
        return max(len(self.data) - MOST_ROWS, 0)


def verdicts_of(rows: "Sequence[Row]") -> list[str]:
    """Verdicts that occur, worst first, for the choice above a table."""
    found = {row.verdict for row in rows}
    return [v for v in ("fail", "inconclusive", "pass", "info") if v in found]


def text(column: str, title: str, words: Callable[[Any], str] = str) -> Field:
    """Column of a few words."""
    return Field(title, lambda row: Cell(words(getattr(row, column))), short=True)


def verdict(column: str = "verdict", title: str = "verdict") -> Field:
    """Column of verdicts."""
    return Field(title, lambda row: Cell(getattr(row, column)), verdict=True)


def figure(
    column: str, title: str, words: Callable[[float], str] = "{:g}".format
) -> Field:
    """Column of numbers, written as ``words`` says and sorted by value."""

    def cell(row: Any) -> Cell:
        value = getattr(row, column)
        return Cell(words(value), sortable(value))

    return Field(title, cell, numeric=True)


def measured(column: str, title: str) -> Field:
    """Column of numbers with the decimals of their row's quantity."""

    def cell(row: Any) -> Cell:
        value = getattr(row, column)
        return Cell(number(value, decimals_for(row.quantity)), sortable(value))

    return Field(title, cell, numeric=True)


def sortable(value: Any) -> str:
    """The number a cell sorts by; empty for none, which sorts last."""
    return "" if value is None or value != value else repr(float(value))


def named(tables: Sequence[PageTable]) -> dict[str, PageTable]:
    """Tables by name, those without rows left out."""
    return {table.name: table for table in tables if len(table.data)}
