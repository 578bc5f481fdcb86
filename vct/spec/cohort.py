"""CohortSpec: the top level of the YAML."""

import datetime
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticKnownError

from vct.errors import SpecError
from vct.spec.across import SHAPED, problems
from vct.spec.fixed import find_table, read_fixed
from vct.spec.part import Integer, Label, Part, refuse
from vct.spec.population import (
    ArmSpec,
    Population,
    Quota,
    Randomization,
    Rule,
    Strata,
)
from vct.spec.protocol import Model, Output, Protocol

MAX_SIZE = 10_000_000
SEEDS = 2**63  # the first number that is none


def _one(value: Any) -> Any:
    """Refuse what only equals 1: true, and 1.0."""
    if isinstance(value, bool | float):
        raise PydanticKnownError("literal_error", {"expected": "1"})
    return value


def _date(value: Any) -> Any:
    """Refuse numbers, which Pydantic takes for seconds or days since 1970."""
    is_text = isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value)
    if not (is_text or isinstance(value, datetime.date)):
        raise PydanticKnownError("date_type")
    return value


def _reference_date(value: datetime.date) -> datetime.date:
    if not 1900 <= value.year <= 2200:
        raise ValueError("must lie between the years 1900 and 2200")
    return value


class CohortSpec(Part):
    """A cohort: who, how many, how scanned, by which model."""

    version: Annotated[Literal[1], BeforeValidator(_one)]
    """Version of this format."""
    name: Label
    """Name of the cohort, at most 64 characters; DICOM calls it the trial."""
    seed: Annotated[Integer, Field(ge=0, lt=SEEDS)]
    """Seed of everything random: the same spec and seed give the same cohort."""
    reference_date: Annotated[
        datetime.date, BeforeValidator(_date), AfterValidator(_reference_date)
    ] = datetime.date(2026, 1, 1)
    """Date of every study; no clock is read."""
    size: Annotated[Integer, Field(ge=1, le=MAX_SIZE)]
    """Number of subjects; with subjects_file, that of its rows."""
    population: Population | None = None
    """Who is in the trial; left out with subjects_file."""
    eligibility: tuple[Rule, ...] = ()
    """Rules every subject meets, such as 'age_years >= 18'."""
    quotas: tuple[Quota, ...] = ()
    """Exact numbers by sex and age band; who is left is drawn outside of them."""
    strata: Strata | None = None
    """Strata within which arms are balanced, without exact numbers."""
    arms: Annotated[tuple[ArmSpec, ...], Field(min_length=1)] = (ArmSpec(name="all"),)
    """Groups of the trial."""
    randomization: Randomization | None = None
    """Permuted blocks; left out, a block is the sum of the arms' ratios."""
    subjects_file: Path | None = None
    """CSV or Parquet of fixed subjects instead of sampling, relative to this file."""
    protocol: Protocol
    """Dose, uptake time and scanner."""
    model: Model = Model()
    """Which model draws the pictures."""
    output: Output = Output()
    """What is written besides CT and PET."""

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, data: Any, info: ValidationInfo) -> Any:
        """Find the table of subjects and take the size from its rows."""
        return resolve_table(data, Path((info.context or {}).get("folder", ".")))

    @model_validator(mode="after")
    def _check(self) -> Self:
        found = list(problems({name: getattr(self, name) for name in SHAPED}))
        if found:
            refuse(found)
        return self

    def population_of(self, arm: ArmSpec) -> Population:
        """Population of an arm: its own, or the cohort's."""
        population = arm.population or self.population
        if population is None:
            raise ValueError("a cohort of fixed subjects has no population")
        return population

    def rules_of(self, arm: ArmSpec) -> tuple[str, ...]:
        """Rules of an arm: the cohort's and its own."""
        return self.eligibility + arm.eligibility


def resolve_table(data: Any, folder: Path) -> Any:
    """Data of a spec with the path of its table, and the size from the table's rows.

    Parameters
    ----------
    folder
        Of the spec, from which the table is named.
    """
    file = data.get("subjects_file") if isinstance(data, Mapping) else None
    if file is None:
        return data
    if not isinstance(file, str | Path):
        return {"size": 1, **data}  # that it is no name is told elsewhere
    path = find_table(folder, Path(file))
    changed = {**data, "subjects_file": path}
    changed.setdefault("size", _rows(path))
    return changed


def _rows(path: Path) -> int:
    """Rows of a table; 1 for one that cannot be read, which is told elsewhere."""
    try:
        return len(read_fixed(path).columns["sex"])
    except SpecError:
        return 1
