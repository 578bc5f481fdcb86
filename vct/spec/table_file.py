"""CSV or Parquet file → its columns as they stand there, and where each row stands."""

import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vct.csv_dialect import CsvDialect
from vct.errors import SpecError

_SHOWN = 5  # row numbers in a message


@dataclass(frozen=True)
class Places:
    """Where rows stand, as whoever opens the file sees it: lines of a CSV."""

    word: str
    numbers: Sequence[int]

    def of(self, rows: Sequence[int]) -> str:
        """Places of these rows, counted from 0, in words; the first few.

        Examples
        --------
        >>> Places("line", range(2, 9)).of([0, 4])
        'lines 2, 6'
        """
        shown = ", ".join(str(self.numbers[row]) for row in rows[:_SHOWN])
        more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
        return f"{self.word}{'s' if len(rows) > 1 else ''} {shown}{more}"


@dataclass(frozen=True)
class RawTable:
    """Columns by name, unchecked; cells of a CSV are texts."""

    values: dict[str, list[Any]]
    places: Places
    dialect: CsvDialect | None = None

    def numeral(self, cell: Any) -> Any:
        """The cell, its decimal comma made a point where it may have one."""
        if self.dialect is None or not isinstance(cell, str):
            return cell
        return self.dialect.with_point(cell)


def read_table_file(path: Path, wanted: Collection[str]) -> RawTable:
    """Read a table; a Parquet column that is not wanted is named, not read.

    Raises
    ------
    SpecError
        If the file is neither CSV nor Parquet, or is none within.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _read_csv(path)
    if suffix == ".parquet":
        return _read_parquet(path, wanted)
    raise SpecError(f"{path}: must end in .csv or .parquet")


def _read_csv(path: Path) -> RawTable:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            text = file.read()
        dialect = CsvDialect.of(text.partition("\n")[0])
        lines = io.StringIO(text, newline="")
        reader = csv.reader(lines, delimiter=dialect.separator, strict=True)
        header = [name.strip() for name in next(reader, [])]
        numbered = [(reader.line_num, row) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SpecError(f"{path}: cannot be read as CSV ({error})") from error
    rows = [row for _, row in numbered]
    places = Places("line", [number for number, _ in numbered])
    _require_rectangle(path, header, rows, places, dialect)
    columns = zip(*rows, strict=True) if rows else ([] for _ in header)
    values = {name: list(column) for name, column in zip(header, columns, strict=True)}
    return RawTable(values, places, dialect)


def _require_rectangle(
    path: Path,
    header: list[str],
    rows: list[list[str]],
    places: Places,
    dialect: CsvDialect,
) -> None:
    """Refuse a column that is there twice, and rows of another length."""
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise SpecError(f"{path}: the column {twice[0]} is there twice")
    ragged = [i for i, row in enumerate(rows) if len(row) != len(header)]
    if ragged:
        hint = (
            ""
            if dialect.decimal_comma
            else "; numbers may have a decimal comma only where semicolons or tabs "
            "part the columns"
        )
        raise SpecError(
            f"{path}: {places.of(ragged)} not of {len(header)} columns as the header"
            + hint
        )


def _read_parquet(path: Path, wanted: Collection[str]) -> RawTable:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise SpecError(f"{path}: cannot be read as Parquet ({error})") from error
    values = {
        name: table[name].to_pylist() if name in wanted else []
        for name in table.column_names
    }
    return RawTable(values, Places("row", range(1, len(table) + 1)))
