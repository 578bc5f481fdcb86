"""Tables of who was scanned, keyed by subject: a user's own, and AutoPET's."""

import re
from collections.abc import Callable
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from vct.autopet.demographics import (
    Demographics,
    age_years,
    another_visit,
    believed,
    lasting,
    sex_code,
    study_key,
    subject_key,
)
from vct.csv_dialect import CsvDialect
from vct.errors import VctError

T = TypeVar("T")


class DemographicsTable:
    """A table keyed by subject, and by study where it tells the study.

    Understands a ``--demographics`` table (``subject_id, age_years, sex, height_m,
    weight_kg``; ``height_cm`` and ``study`` too), the clinical metadata of the TCIA
    collection and the metadata tables of the challenge.
    """

    def __init__(self, path: Path) -> None:
        """Read a CSV.

        Raises
        ------
        VctError
            If it is no table, lacks a column of subjects, or names a height or weight
            without its unit.
        """
        import pandas as pd

        self.name = path.name
        self.absurd: list[str] = []
        try:
            self._dialect = _dialect(path)
            table = pd.read_csv(path, dtype=str, sep=self._dialect.separator)
        except (OSError, ValueError) as e:  # pandas' errors are ValueErrors
            raise VctError(f"{path} cannot be read as a CSV table ({e}).") from e
        columns = {str(name).strip().lower(): str(name) for name in table.columns}
        subject = _column(columns, "subject_id", "subject id", "patientid", "pat_id")
        if subject is None:
            raise VctError(
                f"{path} has no column 'subject_id' (or 'Subject ID'); it has "
                f"{', '.join(columns.values())}."
            )
        for name, right in [("height", "height_m"), ("weight", "weight_kg")]:
            if name in columns:
                raise VctError(
                    f"{path}: the column {columns[name]!r} has no unit; name it "
                    f"{right!r}."
                )
        self._columns = columns
        self._rows: dict[str, list[tuple[str | None, Demographics]]] = {}
        self.images: dict[str, int] = {}
        for row in table.fillna("").to_dict("records"):
            self._add(str(row[subject]), {str(k): str(v) for k, v in row.items()})

    def find(self, subject_id: str, study: str | None = None) -> Demographics | None:
        """What the table knows of a subject, at a study where it tells studies apart.

        A value that differs between studies is left out if the study is not found. Of
        another visit only sex and height are taken.
        """
        rows = self._rows.get(subject_key(subject_id))
        if rows is None:
            return None
        wanted = study_key(study) if study else None
        same = [person for key, person in rows if key is not None and key == wanted]
        people = same or [
            lasting(person) if study and key and another_visit(study, key) else person
            for key, person in rows
        ]
        return Demographics(
            **{
                each.name: _only({getattr(person, each.name) for person in people})
                for each in fields(Demographics)
            }
        )

    def __len__(self) -> int:
        return len(self._rows)

    def _add(self, subject: str, row: dict[str, str]) -> None:
        def cell(*names: str) -> str | None:
            column = _column(self._columns, *names)
            return row[column].strip() or None if column else None

        def told(read: Callable[[str], T | None], *names: str) -> T | None:
            words = cell(*names)
            value = read(words) if words else None
            if words and value is None:
                wrong = f"{names[0]} {words!r} cannot be read: left out"
                self.absurd.append(f"{subject}: {wrong}")
            return value

        height_cm = told(self._number, "height_cm")
        person = Demographics(
            age_years=told(self._age_years, "age_years", "age"),
            sex=told(sex_code, "sex"),
            height_m=told(self._number, "height_m") or (height_cm and height_cm / 100),
            weight_kg=told(self._number, "weight_kg"),
            diagnosis=cell("diagnosis"),
        )
        person, absurd = believed(person)
        self.absurd += [f"{subject}: {words}" for words in absurd]
        study = cell("study", "study_id") or _study_of(cell("file location"))
        key = study_key(study) if study else None
        self._rows.setdefault(subject_key(subject), []).append((key, person))
        uid, images = cell("series uid"), self._number(cell("number of images") or "")
        if uid and images:
            self.images[uid] = int(images)

    def _number(self, words: str) -> float | None:
        try:
            return float(self._dialect.with_point(words))
        except ValueError:
            return None

    def _age_years(self, words: str) -> float | None:
        return age_years(self._dialect.with_point(words))


def is_metadata_table(path: Path) -> bool:
    """Whether a CSV names subjects and ages, as AutoPET's tables do."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            names = {
                name.strip().strip('"').lower() for name in _cells(file.readline())
            }
    except OSError:
        return False
    return bool({"subject id", "subject_id"} & names and {"age", "age_years"} & names)


def _dialect(path: Path) -> CsvDialect:
    with path.open(encoding="utf-8", errors="replace") as file:
        return CsvDialect.of(file.readline())


def _cells(line: str) -> list[str]:
    return re.split(r"[,;\t]", line.lstrip("\ufeff"))


def _column(columns: dict[str, str], *names: str) -> str | None:
    return next((columns[name] for name in names if name in columns), None)


def _study_of(location: str | None) -> str | None:
    """Study folder in a path of the TCIA download."""
    parts = re.split(r"[/\\]", location or "")
    for subject, study in pairwise(parts):
        if subject.startswith(("PETCT_", "PSMA_")):
            return study
    return None


def _only(values: set[Any]) -> Any:
    known = {value for value in values if value is not None}
    return known.pop() if len(known) == 1 else None
