"""A table of fixed subjects instead of sampling: CSV or Parquet, checked in full."""

import csv
import math
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from vct.errors import SpecError
from vct.spec.expression import suggestion
from vct.spec.population import POSSIBLE

REQUIRED = ("sex", "age_years", "height_m")
NUMBERS = (
    "age_years",
    "height_m",
    "bmi_kg_m2",
    "weight_kg",
    "injected_mbq",
    "uptake_min",
)
TEXTS = ("subject_id", "arm", "stratum", "diagnosis", "sex")
_DERIVED = ("bsa_m2", "lbm_kg", "attempt")
_LONGEST_ID = 60  # a Patient's Name of 64 characters begins with "VCT^"
_SUBJECT_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{_LONGEST_ID - 1}}}")
_SHOWN = 5  # row numbers in a message
_WEIGHT_TOLERANCE = 0.01  # weight and BMI as a clinic rounds them

Columns = dict[str, tuple[Any, ...]]


def find_table(folder: Path, name: Path) -> Path:
    """Path of the table a spec in this folder names.

    The spec in a built cohort is a copy, and its table stays elsewhere: there,
    ``subjects.parquet`` holds the same subjects.
    """
    path = folder / name
    built = folder / "subjects.parquet"
    if not path.exists() and (folder / "run.json").is_file() and built.is_file():
        return built
    return path


def read_fixed(path: Path) -> Columns:
    """Columns of the table, each value checked.

    Raises
    ------
    SpecError
        With every missing column and every bad value, by row; row 1 is the first
        subject.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror})") from error
    return _read(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, mtime_ns: int, size: int) -> Columns:
    """Read once for each state of the file."""
    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    if path.suffix.lower() not in readers:
        raise SpecError(f"{path}: must end in .csv or .parquet")
    raw = readers[path.suffix.lower()](path)
    problems = _header_problems(raw)
    columns: Columns = {}
    for name, values in raw.items():
        if name in NUMBERS:
            columns[name] = tuple(_number(value) for value in values)
            problems += _number_problems(name, values, columns[name])
        elif name in TEXTS:
            columns[name] = tuple(_text(value) for value in values)
            problems += _text_problems(name, columns[name])
    if not problems:
        problems = _disagreements(columns)
    if problems:
        raise SpecError(f"{path}: " + "; ".join(problems))
    return columns


def _read_csv(path: Path) -> dict[str, list[Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            rows = [row for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SpecError(f"{path}: cannot be read as CSV ({error})") from error
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise SpecError(f"{path}: the column {twice[0]} is there twice")
    ragged = [i for i, row in enumerate(rows, 1) if len(row) != len(header)]
    if ragged:
        raise SpecError(
            f"{path}: {_rows(ragged)} not of {len(header)} columns as the header"
        )
    columns = zip(*rows, strict=True) if rows else ([] for _ in header)
    return {name: list(values) for name, values in zip(header, columns, strict=True)}


def _read_parquet(path: Path) -> dict[str, list[Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise SpecError(f"{path}: cannot be read as Parquet ({error})") from error
    wanted = {*NUMBERS, *TEXTS, *_DERIVED}
    return {
        name: table[name].to_pylist() if name in wanted else []
        for name in table.column_names
    }


def _header_problems(raw: dict[str, list[Any]]) -> list[str]:
    known = {*NUMBERS, *TEXTS, *_DERIVED}
    problems = [
        f"the column {name} is missing ({_nearest(name, raw, known)})"
        for name in REQUIRED
        if name not in raw
    ]
    if "bmi_kg_m2" not in raw and "weight_kg" not in raw:
        problems.append("the column bmi_kg_m2 or weight_kg is missing")
    for name in raw.keys() - known:
        hint = suggestion(name, known)
        if hint.startswith("did you mean") and not problems:
            problems.append(f"the column {name} is unknown; {hint}")
    if not problems and not raw["sex"]:
        problems.append("it has no subjects")
    return problems


def _nearest(name: str, raw: dict[str, list[Any]], known: set[str]) -> str:
    """What the table has instead of a missing column."""
    others = sorted(raw.keys() - known)
    for other in others:
        if other.lower().split("_")[0] == name.split("_")[0]:
            return f"'{other}' is not it: names end in their unit"
    return f"there are {', '.join(raw)}" if raw else "there are none"


def _number(value: Any) -> float:
    """Number in a cell; NaN for what is none."""
    if isinstance(value, bool) or value is None:
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _number_problems(
    name: str, values: list[Any], numbers: tuple[float, ...]
) -> list[str]:
    bad = [i for i, x in enumerate(numbers, 1) if not math.isfinite(x)]
    if bad:
        shown = values[bad[0] - 1]
        found = "empty" if shown in (None, "") else repr(shown)
        return [f"{name} is no number in {_rows(bad)} (the first is {found})"]
    low, high = POSSIBLE.get(name, (0.0, math.inf))
    bad = [
        i
        for i, x in enumerate(numbers, 1)
        if not (low <= x <= high and (x > 0 or name == "age_years"))
    ]
    if not bad:
        return []
    limits = f"{low:g} to {high:g}" if name in POSSIBLE else "above 0"
    return [f"{name} is not {limits} in {_rows(bad)} ({numbers[bad[0] - 1]:g})"]


def _text_problems(name: str, values: tuple[str, ...]) -> list[str]:
    if name == "sex":
        bad = [i for i, value in enumerate(values, 1) if value not in ("F", "M")]
        if bad:
            return [f"sex is not F or M in {_rows(bad)} ({values[bad[0] - 1]!r})"]
        return []
    if name == "subject_id":
        return _identifier_problems(values)
    bad = [
        i
        for i, value in enumerate(values, 1)
        if not 1 <= len(value) <= 64 or "\\" in value or not value.isprintable()
    ]
    if bad:
        return [f"{name} is empty, too long or has odd characters in {_rows(bad)}"]
    return []


def _identifier_problems(values: tuple[str, ...]) -> list[str]:
    bad = [i for i, v in enumerate(values, 1) if not _SUBJECT_ID.fullmatch(v)]
    if bad:
        return [
            f"subject_id must be letters, digits, '.', '_' or '-', at most "
            f"{_LONGEST_ID}, in {_rows(bad)} ({values[bad[0] - 1]!r})"
        ]
    first: dict[str, int] = {}
    for i, value in enumerate(values, 1):
        if first.setdefault(value.lower(), i) != i:
            return [
                f"subject_id {value!r} stands in rows {first[value.lower()]} and {i}"
            ]
    return []


def _disagreements(columns: Columns) -> list[str]:
    """Weights that are not BMI times height squared."""
    if "weight_kg" not in columns:
        return []
    weights, heights = columns["weight_kg"], columns["height_m"]
    bmis = columns.get("bmi_kg_m2") or tuple(
        w / h**2 for w, h in zip(weights, heights, strict=True)
    )
    low, high = POSSIBLE["bmi_kg_m2"]
    odd = [i for i, b in enumerate(bmis, 1) if not low <= b <= high]
    if odd:
        return [
            f"weight and height give a BMI beyond {low:g} to {high:g} in {_rows(odd)}"
        ]
    bad = [
        i
        for i, (w, h, b) in enumerate(zip(weights, heights, bmis, strict=True), 1)
        if abs(w - b * h * h) > _WEIGHT_TOLERANCE * w
    ]
    if bad:
        return [f"weight_kg is not bmi_kg_m2 times height_m squared in {_rows(bad)}"]
    return []


def _rows(numbers: list[int]) -> str:
    """Row numbers in words, the first few."""
    shown = ", ".join(map(str, numbers[:_SHOWN]))
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return f"row{'s' if len(numbers) > 1 else ''} {shown}{more}"
