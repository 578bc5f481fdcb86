"""CohortSpec: the top level of the YAML."""

import datetime
import re
from collections.abc import Iterator, Mapping
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
from vct.spec.contradiction import Choices, Ranges, find_contradictions
from vct.spec.distributions import SexShares, gives, support
from vct.spec.expression import Node, parse
from vct.spec.fixed import find_table, read_fixed
from vct.spec.part import Integer, Label, Location, Part, Problem, refuse
from vct.spec.population import (
    POSSIBLE,
    ArmSpec,
    Population,
    Quota,
    Randomization,
    Rule,
    Strata,
)
from vct.spec.presets import DIAGNOSES, MODEL_RANGE, find_preset
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


SHAPED = (
    "size",
    "population",
    "eligibility",
    "quotas",
    "strata",
    "arms",
    "randomization",
    "subjects_file",
)


def problems(parts: Mapping[str, Any]) -> Iterator[Problem]:
    """What does not fit together, among the parts that are right by themselves.

    Parameters
    ----------
    parts
        Fields of a cohort by name. One that is absent is wrong by itself, and what
        needs it is left unsaid.
    """
    yield from _people(parts)
    yield from _file_problems(parts)
    yield from _quota_problems(parts)
    yield from _arm_problems(parts)
    yield from _contradictions(parts)


def _people(parts: Mapping[str, Any]) -> Iterator[Problem]:
    """Exactly one source of subjects."""
    if "population" not in parts or "subjects_file" not in parts or "arms" not in parts:
        return
    population, file = parts["population"], parts["subjects_file"]
    own = [arm.population is not None for arm in parts["arms"]]
    if file is None:
        if population is None and not all(own):
            yield ("population",), "missing; give a population or a subjects_file"
        return
    if population is not None or any(own):
        at = ("population",) if population is not None else ("arms",)
        yield at, "the subjects are fixed by subjects_file; leave population out"
    for name in ("quotas", "strata"):
        if parts.get(name):
            yield (name,), f"the subjects are fixed by subjects_file; leave {name} out"


def _file_problems(parts: Mapping[str, Any]) -> Iterator[Problem]:
    """A table that is missing or wrong, or of another size."""
    path = parts.get("subjects_file")
    if path is None:
        return
    try:
        columns = read_fixed(path).columns
    except SpecError as error:
        yield ("subjects_file",), str(error)
        return
    rows = len(columns["sex"])
    if "size" in parts and rows != parts["size"]:
        message = f"{path} has {rows} subjects, the size is {parts['size']}"
        yield ("size",), f"{message}; leave size out"
    known = {arm.name for arm in parts.get("arms", ())}
    if "arm" in columns and known and known != {"all"}:
        strange = sorted(set(columns["arm"]) - known)
        if strange:
            message = f"{path} has the arm '{strange[0]}', which arms does not name"
            yield ("subjects_file",), message


def _quota_problems(parts: Mapping[str, Any]) -> Iterator[Problem]:
    quotas: tuple[Quota, ...] = parts.get("quotas", ())
    total = sum(quota.count for quota in quotas)
    if "size" in parts and total > parts["size"]:
        yield (
            ("quotas",),
            f"quotas add up to {total} subjects, the size is {parts['size']}; raise "
            "size or lower the counts",
        )
    for i, quota in enumerate(quotas):
        for other in quotas[:i]:
            if quota.overlaps(other):
                yield (
                    ("quotas", i),
                    f"'{quota.name}' overlaps '{other.name}'; a subject would count "
                    "twice",
                )
    if quotas and parts.get("strata"):
        yield ("strata",), "quotas are strata already; leave one of them out"


def _arm_problems(parts: Mapping[str, Any]) -> Iterator[Problem]:
    if "arms" not in parts:
        return
    arms: tuple[ArmSpec, ...] = parts["arms"]
    names = [arm.name for arm in arms]
    for i, name in enumerate(names):
        if name in names[:i]:
            yield ("arms", i, "name"), f"there are two arms '{name}'"
    unit = sum(arm.ratio for arm in arms)
    blocks = parts.get("randomization")
    if blocks is not None and blocks.block_size % unit:
        yield (
            ("randomization", "block_size"),
            f"{blocks.block_size} is no multiple of {unit}, the sum of all ratios",
        )
    if parts.get("strata") and any(a.population or a.eligibility for a in arms):
        yield (
            ("strata",),
            "an arm has its own population or eligibility, so who is drawn depends on "
            "the arm; balance by quotas instead",
        )


def _contradictions(parts: Mapping[str, Any]) -> Iterator[Problem]:
    """Rules no subject of an arm, or of a quota in it, can meet."""
    if "eligibility" not in parts or "arms" not in parts:
        return
    common = [(rule, parse(rule)) for rule in parts["eligibility"]]
    told: set[str] = set()
    for i, arm in enumerate(parts["arms"]):
        population = arm.population or parts.get("population")
        own = [(rule, parse(rule)) for rule in arm.eligibility]
        places = _places_of_rules(common, own, i)
        for j, quota in enumerate([None, *parts.get("quotas", ())], start=-1):
            only = _only_sex(population, None)
            if quota is not None and only and quota.sex not in (None, only):
                message = f"'{quota.name}': everybody in the population is {only}"
                yield ("quotas", j), message
                continue
            ranges, texts = _given(population, quota)
            found = find_contradictions([*common, *own], ranges, texts)
            for pair in found:
                if not told & set(pair):
                    at = ("quotas", j) if quota is not None else _home(arm, i)
                    yield _place(pair, places, at), _sentence(pair, arm, own)
                told |= {s for s in pair if not s.startswith(_GIVEN)}
            if quota is not None and not found and not _can_fill(population, quota):
                message = f"nobody in the population meets quota '{quota.name}'"
                yield ("quotas", j), message
            if quota is None and any(_is_empty(pair) for pair in found):
                break  # and so is every quota


def _home(arm: ArmSpec, at: int) -> Location:
    """Where the population of an arm stands."""
    return ("population",) if arm.population is None else ("arms", at, "population")


def _places_of_rules(
    common: list[tuple[str, Node]], own: list[tuple[str, Node]], arm: int
) -> dict[str, Location]:
    places: dict[str, Location] = {}
    for i, (rule, _) in enumerate(common):
        places.setdefault(rule, ("eligibility", i))
    for i, (rule, _) in enumerate(own):
        places.setdefault(rule, ("arms", arm, "eligibility", i))
    return places


def _place(
    pair: tuple[str, str], rules: Mapping[str, Location], other: Location
) -> Location:
    """Where to point: the later of the two that is a rule, or somewhere else."""
    found = [rules[source] for source in pair if source in rules]
    return max(found, key=lambda at: (at[0] == "eligibility", at), default=other)


_GIVEN = ("the population", "quota '")  # sources that are no rules


def _is_empty(pair: tuple[str, str]) -> bool:
    """Whether a population has nobody, whatever the rules."""
    return pair[0] == pair[1] and pair[0].startswith(_GIVEN[0])


def _sentence(pair: tuple[str, str], arm: ArmSpec, own: list[tuple[str, Node]]) -> str:
    first, second = (s if s.startswith(_GIVEN) else f"'{s}'" for s in pair)
    where = f" in arm '{arm.name}'" if own else ""
    if _is_empty(pair):
        return f"there is nobody in {first}"
    if pair[0] == pair[1]:
        return f"nobody in the population meets {first}{where}"
    return f"{first} and {second} cannot both hold{where}; nobody would be eligible"


def _given(
    population: Population | None, quota: Quota | None
) -> tuple[Ranges, Choices]:
    """What population and quota leave each column."""
    sex = _only_sex(population, quota)
    ranges: dict[str, tuple[float, float, str]] = {}
    for name in POSSIBLE:
        low, high = _support(population, name, sex)
        ranges[name] = (low, high, f"the population ({name} {low:g} to {high:g})")
    if quota is not None and quota.age_years is not None:
        low, high, source = ranges["age_years"]
        band = quota.age_years
        if low < band.low or band.high < high:
            source = f"quota '{quota.name}'"
        ranges["age_years"] = (max(low, band.low), min(high, band.high), source)
    ranges["weight_kg"] = _weights(population, ranges["height_m"], ranges["bmi_kg_m2"])
    is_narrower = sex != _only_sex(population, None)
    source = f"quota '{quota.name}'" if quota and is_narrower else "the population"
    texts: dict[str, tuple[tuple[str, ...], str]] = {
        "sex": ((sex,) if sex else ("F", "M"), source)
    }
    if population is not None:
        texts["diagnosis"] = (_diagnoses(population), "the population")
    return ranges, texts


def _weights(
    population: Population | None,
    height_m: tuple[float, float, str],
    bmi_kg_m2: tuple[float, float, str],
) -> tuple[float, float, str]:
    """Lowest and highest weight [kg], and what says so."""
    low, high = bmi_kg_m2[0] * height_m[0] ** 2, bmi_kg_m2[1] * height_m[1] ** 2
    told = f"weight_kg {low:g} to {high:g}"
    if population is not None and population.preset is not None:
        cut_low, cut_high = MODEL_RANGE["weight_kg"]
        if low > cut_high or high < cut_low:
            told += f" by height and BMI, {cut_low:g} to {cut_high:g} by its preset"
        else:
            told = f"weight_kg {max(low, cut_low):g} to {min(high, cut_high):g}"
        low, high = max(low, cut_low), min(high, cut_high)
    return low, high, f"the population ({told})"


def _support(
    population: Population | None, name: str, sex: str | None
) -> tuple[float, float]:
    """Lowest and highest value of a variable in a population."""
    if population is None:
        return POSSIBLE[name]
    distribution = getattr(population, name)
    if distribution is None:
        return MODEL_RANGE[name]  # of a preset, or a height from NHANES
    low, high = support(distribution, sex)
    return max(low, POSSIBLE[name][0]), min(high, POSSIBLE[name][1])


def _can_fill(population: Population | None, quota: Quota) -> bool:
    """Whether a population has ages of a quota's band, of its sex."""
    if population is None or quota.age_years is None:
        return True
    sex, band = _only_sex(population, quota), quota.age_years
    if population.age_years is not None:
        return gives(population.age_years, band.low, band.high, sex)
    if population.preset is None:
        return True
    preset = find_preset(population.preset)
    return any(
        gives(preset.age(each), band.low, band.high)
        for each in ("F", "M")
        if sex in (None, each)
    )


def _only_sex(population: Population | None, quota: Quota | None) -> str | None:
    """The only sex there can be, if there is one."""
    if quota is not None and quota.sex is not None:
        return quota.sex
    sex = population.sex if population is not None else None
    if isinstance(sex, SexShares):
        present = [name for name, weight in sex.weights.items() if weight > 0]
        return present[0] if len(present) == 1 else None
    return sex


def _diagnoses(population: Population) -> tuple[str, ...]:
    """Values the diagnosis can have."""
    if population.preset is None or population.preset == "nhanes":
        return ("none",)
    counts = find_preset(population.preset).counts
    return tuple(name for name in DIAGNOSES if name in counts)
