"""A table of fixed subjects instead of sampling: CSV or Parquet, checked in full."""

import math
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from vct.errors import SpecError
from vct.spec.expression import suggestion
from vct.spec.population import POSSIBLE
from vct.spec.table_file import Places, read_table_file

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
_KNOWN = frozenset({*NUMBERS, *TEXTS, *_DERIVED})
_LONGEST_ID = 60  # a Patient's Name of 64 characters begins with "VCT^"
_SUBJECT_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{_LONGEST_ID - 1}}}")
_WEIGHT_TOLERANCE = 0.01  # weight and BMI as a clinic rounds them

Columns = dict[str, tuple[Any, ...]]


@dataclass(frozen=True)
class FixedTable:
    """Columns of a table, each value checked, and where its rows stand."""

    columns: Columns
    places: Places


def find_table(folder: Path, name: Path) -> Path:
    """Path of the table a spec in this folder names.

    The spec in a built cohort is a copy, and its table stays elsewhere: there,
    ``subjects.parquet`` holds the same subjects.
    """
    path = folder / name
    built = folder / "subjects.parquet"
    is_there = os.path.exists(path)  # unlike Path.exists, False for an unreadable place
    if not is_there and (folder / "run.json").is_file() and built.is_file():
        return built
    return path


def read_fixed(path: Path) -> FixedTable:
    """Read a table of subjects and check each value.

    A CSV may have its columns parted by commas, semicolons or tabs; unless by commas,
    numbers may have a decimal comma.

    Raises
    ------
    SpecError
        With every missing column and every bad value, by its line in a CSV and by
        its row in Parquet, where row 1 is the first subject.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise SpecError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise SpecError(f"{str(path)!r}: is no name of a file ({error})") from error
    return _read(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _read(path: Path, mtime_ns: int, size: int) -> FixedTable:
    """Read once for each state of the file."""
    raw = read_table_file(path, _KNOWN)
    problems = _header_problems(raw.values)
    columns: Columns = {}
    for name, values in raw.values.items():
        if name in NUMBERS:
            columns[name] = tuple(_number(raw.numeral(value)) for value in values)
            problems += _number_problems(name, values, columns[name], raw.places)
        elif name in TEXTS:
            columns[name] = tuple(_text(value) for value in values)
            problems += _text_problems(name, columns[name], raw.places)
    if not problems:
        problems = _disagreements(columns, raw.places)
    if problems:
        raise SpecError(f"{path}: " + "; ".join(problems))
    return FixedTable(columns, raw.places)


def _header_problems(raw: dict[str, list[Any]]) -> list[str]:
    capitals = {name: name.lower() for name in raw if name.lower() in _KNOWN - {name}}
    problems = [
        f"the column '{there}' must be written '{right}'"
        for there, right in capitals.items()
    ]
    named = {*raw, *capitals.values()}
    problems += [
        f"the column {name} is missing ({_nearest(name, raw)})"
        for name in REQUIRED
        if name not in named
    ]
    if not {"bmi_kg_m2", "weight_kg"} & named:
        problems.append("the column bmi_kg_m2 or weight_kg is missing")
    for name in raw.keys() - _KNOWN:
        hint = suggestion(name, _KNOWN)
        if hint.startswith("did you mean") and not problems:
            problems.append(f"the column {name} is unknown; {hint}")
    if not problems and not raw["sex"]:
        problems.append("it has no subjects")
    return problems


def _nearest(name: str, raw: dict[str, list[Any]]) -> str:
    """What the table has instead of a missing column."""
    for other in sorted(raw.keys() - _KNOWN):
        if other.lower().split("_")[0] == name.split("_")[0]:
            right = "names end in their unit" if name in NUMBERS else f"write '{name}'"
            return f"'{other}' is not it: {right}"
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
    name: str, values: list[Any], numbers: tuple[float, ...], places: Places
) -> list[str]:
    bad = [i for i, x in enumerate(numbers) if not math.isfinite(x)]
    if bad:
        shown = values[bad[0]]
        found = "empty" if shown in (None, "") else repr(shown)
        return [f"{name} is no number in {places.of(bad)} (the first is {found})"]
    low, high = POSSIBLE.get(name, (0.0, math.inf))
    bad = [
        i
        for i, x in enumerate(numbers)
        if not (low <= x <= high and (x > 0 or name == "age_years"))
    ]
    if not bad:
        return []
    limits = f"{low:g} to {high:g}" if name in POSSIBLE else "above 0"
    return [f"{name} is not {limits} in {places.of(bad)} ({numbers[bad[0]]:g})"]


def _text_problems(name: str, values: tuple[str, ...], places: Places) -> list[str]:
    if name == "sex":
        bad = [i for i, value in enumerate(values) if value not in ("F", "M")]
        if bad:
            return [f"sex is not F or M in {places.of(bad)} ({values[bad[0]]!r})"]
        return []
    if name == "subject_id":
        return _identifier_problems(values, places)
    bad = [
        i
        for i, value in enumerate(values)
        if not 1 <= len(value) <= 64 or "\\" in value or not value.isprintable()
    ]
    if bad:
        return [f"{name} is empty, too long or has odd characters in {places.of(bad)}"]
    return []


def _identifier_problems(values: tuple[str, ...], places: Places) -> list[str]:
    bad = [i for i, v in enumerate(values) if not _SUBJECT_ID.fullmatch(v)]
    if bad:
        return [
            f"subject_id must be letters, digits, '.', '_' or '-', at most "
            f"{_LONGEST_ID}, in {places.of(bad)} ({values[bad[0]]!r})"
        ]
    first: dict[str, int] = {}
    for i, value in enumerate(values):
        if first.setdefault(value.lower(), i) != i:
            twice = places.of([first[value.lower()], i])
            return [f"subject_id {value!r} stands in {twice}"]
    return []


def _disagreements(columns: Columns, places: Places) -> list[str]:
    """Weights that are not BMI times height squared."""
    if "weight_kg" not in columns:
        return []
    weights, heights = columns["weight_kg"], columns["height_m"]
    bmis = columns.get("bmi_kg_m2") or tuple(
        w / h**2 for w, h in zip(weights, heights, strict=True)
    )
    low, high = POSSIBLE["bmi_kg_m2"]
    odd = [i for i, b in enumerate(bmis) if not low <= b <= high]
    if odd:
        return [
            f"weight and height give a BMI beyond {low:g} to {high:g} in "
            f"{places.of(odd)}"
        ]
    bad = [
        i
        for i, (w, h, b) in enumerate(zip(weights, heights, bmis, strict=True))
        if abs(w - b * h * h) > _WEIGHT_TOLERANCE * w
    ]
    if bad:
        return [
            f"weight_kg is not bmi_kg_m2 times height_m squared in {places.of(bad)}"
        ]
    return []
