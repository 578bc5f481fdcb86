"""Who is in the trial: demographics, correlations, quotas, arms."""

import math
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from vct.spec.distributions import (
    ByAge,
    BySex,
    Distribution,
    Sex,
    SexShares,
    reaches,
)
from vct.spec.expression import parse
from vct.spec.part import (
    Finite,
    Flag,
    Integer,
    Label,
    NotNegative,
    Part,
    Positive,
    Problem,
    Text,
    refuse,
)
from vct.spec.presets import PresetName

# Nobody lies outside; what an unbounded distribution draws there is drawn again.
POSSIBLE = {
    "age_years": (0.0, 120.0),
    "height_m": (0.4, 2.6),
    "bmi_kg_m2": (8.0, 120.0),
}
_UNITS = {"age_years": "years", "height_m": "meters", "bmi_kg_m2": "kg/m²"}

# A block is drawn as a whole, whoever of it the cohort is large enough for.
LARGEST_RATIO = 1_000
LARGEST_BLOCK = 1_000_000

Variable = Literal["age_years", "height_m", "bmi_kg_m2"]


def _parsed(text: str) -> str:
    parse(text)
    return text


Rule = Annotated[Text, AfterValidator(_parsed)]
"""Eligibility rule whose grammar is right, such as ``age_years >= 18``."""


def _sex_tag(value: object) -> str:
    return "letter" if isinstance(value, str) else "shares"


SexChoice = Annotated[
    Annotated[Sex, Tag("letter")] | Annotated[SexShares, Tag("shares")],
    Discriminator(_sex_tag),
]


class Correlation(Part):
    """Correlation of two variables, through a Gaussian copula."""

    between: Annotated[tuple[Variable, ...], Field(min_length=2, max_length=2)]
    """Two of age_years, height_m, bmi_kg_m2."""
    rho: Annotated[Finite, Field(gt=-1, lt=1)]
    """Correlation of the normal scores, above -1 and below 1."""


class Population(Part):
    """Demographics, from a preset, from distributions, or a preset with changes."""

    preset: PresetName | None = None
    """Population with a name. AutoPET's diagnoses set demographics only: no lesions
    are drawn."""
    sex: SexChoice | None = None
    """F, M, or the shares of both."""
    age_years: Distribution | None = None
    """Age at the scan [years]."""
    bmi_kg_m2: Distribution | None = None
    """Body mass index [kg/m²]. Weight follows from BMI and height."""
    height_m: Distribution | None = None
    """Height [m]. Left out without a preset, it is drawn from NHANES 2017-18 given
    sex and age."""
    correlations: tuple[Correlation, ...] = ()
    """Correlations within each sex. A pair not named is uncorrelated."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = [*self._missing(), *self._impossible(), *self._uncorrelatable()]
        if problems:
            refuse(problems)
        return self

    def matrix(self) -> dict[frozenset[str], float]:
        """Correlation of each named pair."""
        return {frozenset(c.between): c.rho for c in self.correlations}

    def _missing(self) -> list[Problem]:
        if self.preset is not None:
            return []
        return [
            ((name,), f"missing; give {name}, or a preset that knows it")
            for name in ("sex", "age_years", "bmi_kg_m2")
            if getattr(self, name) is None
        ]

    def _impossible(self) -> list[Problem]:
        problems: list[Problem] = []
        if _depends_on_age(self.age_years):
            problems.append((("age_years",), "age cannot depend on an age band"))
        for name, (low, high) in POSSIBLE.items():
            distribution = getattr(self, name)
            if distribution is None:
                continue
            must = f"it is in {_UNITS[name]} and must stay within {low:g} to {high:g}"
            for reach in reaches(distribution):
                ends = (reach.low, reach.high) if reach.stated else ()
                beyond = next((x for x in ends if not low <= x <= high), None)
                if beyond is not None:
                    message = f"{name} reaches {beyond:g}; {must}"
                    problems.append(((name,), message))
                elif reach.high < low or reach.low > high:
                    message = (
                        f"{name} lies between {reach.low:.3g} and {reach.high:.3g}; "
                        f"{must}"
                    )
                    problems.append(((name,), message))
        return problems

    def _uncorrelatable(self) -> list[Problem]:
        problems: list[Problem] = []
        seen: set[frozenset[str]] = set()
        for i, correlation in enumerate(self.correlations):
            pair = frozenset(correlation.between)
            if len(pair) == 1:
                message = f"{correlation.between[0]} cannot correlate with itself"
                problems.append((("correlations", i, "between"), message))
            elif pair in seen:
                names = " and ".join(sorted(pair))
                message = f"the correlation of {names} is given twice"
                problems.append((("correlations", i), message))
            seen.add(pair)
        if not problems and self.correlations:
            problems += self._indefinite()
        return problems

    def _indefinite(self) -> list[Problem]:
        """Three correlations that no three variables can have together."""
        rho = self.matrix()
        age_height = rho.get(frozenset(("age_years", "height_m")), 0.0)
        age_bmi = rho.get(frozenset(("age_years", "bmi_kg_m2")), 0.0)
        height_bmi = rho.get(frozenset(("height_m", "bmi_kg_m2")), 0.0)
        center = age_height * age_bmi
        reach = math.sqrt((1 - age_height**2) * (1 - age_bmi**2))
        if abs(height_bmi - center) < reach:
            return []
        message = (
            "the correlations cannot hold together (their matrix is not positive "
            f"definite): with {age_height:g} between age and height and {age_bmi:g} "
            f"between age and BMI, that of height and BMI must lie above "
            f"{center - reach:.3g} and below {center + reach:.3g}, not at "
            f"{height_bmi:g}"
        )
        return [(("correlations",), message)]


def _depends_on_age(distribution: object) -> bool:
    if isinstance(distribution, BySex):
        return any(map(_depends_on_age, distribution.by_sex.values()))
    return isinstance(distribution, ByAge)


class AgeRange(Part):
    """Ages from ``low``, itself inside, up to ``high``, itself outside."""

    low: NotNegative = 0.0
    """Youngest age [years]."""
    high: Positive = 120.0
    """Age that is too old [years]."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.low < self.high:
            message = f"low ({self.low:g}) must be below high ({self.high:g})"
            refuse([(("low",), message)])
        return self

    def __str__(self) -> str:
        if self.high >= POSSIBLE["age_years"][1]:
            return f"{self.low:g}+"
        return f"{self.low:g}-{self.high:g}"


class Quota(Part):
    """An exact number of subjects of one sex, one age band, or both."""

    sex: Sex | None = None
    """F or M; left out, either."""
    age_years: AgeRange | None = None
    """Age band; left out, any age."""
    count: Annotated[Integer, Field(ge=1)]
    """Subjects."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.sex is None and self.age_years is None:
            refuse([((), "a quota names a sex, an age band, or both")])
        return self

    @property
    def name(self) -> str:
        """Name of the stratum, such as ``F 18-50``."""
        parts = [self.sex, self.age_years and str(self.age_years)]
        return " ".join(part for part in parts if part)

    def overlaps(self, other: "Quota") -> bool:
        """Whether somebody could fill both."""
        if self.sex and other.sex and self.sex != other.sex:
            return False
        mine, theirs = self.age_years or AgeRange(), other.age_years or AgeRange()
        return mine.low < theirs.high and theirs.low < mine.high


class Strata(Part):
    """Strata within which arms are balanced; subjects fall where they are drawn."""

    sex: Flag = False
    """Whether women and men are strata of their own."""
    age_years: tuple[Positive, ...] = ()
    """Ages [years] at which one band ends and the next begins, ascending."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.sex and not self.age_years:
            refuse([((), "strata name sex, ages, or both")])
        if list(self.age_years) != sorted(set(self.age_years)):
            refuse([(("age_years",), "ages must ascend")])
        return self


class ArmSpec(Part):
    """A group of the trial."""

    name: Label
    """Name of the arm, at most 64 characters."""
    ratio: Annotated[Integer, Field(ge=1, le=LARGEST_RATIO)] = 1
    """Subjects of this arm for each of the others' ratios: 2 and 1 is two to one. At
    most 1000."""
    population: Population | None = None
    """Population of this arm instead of the cohort's."""
    eligibility: tuple[Rule, ...] = ()
    """Rules of this arm, besides the cohort's."""


class Randomization(Part):
    """Allocation to arms in permuted blocks."""

    block_size: Annotated[Integer, Field(ge=1, le=LARGEST_BLOCK)]
    """Subjects in a block: a multiple of the sum of the arms' ratios, at most
    1000000."""
