"""How numbers of a person depend on sex, age, height and BMI: the regressors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

REGRESSORS = ("one", "male", "age", "ln_height", "ln_bmi")


class Person(Protocol):
    """Demographics that an anatomy is drawn for."""

    @property
    def sex(self) -> str: ...
    @property
    def age_years(self) -> float: ...
    @property
    def height_m(self) -> float: ...
    @property
    def bmi_kg_m2(self) -> float: ...


@dataclass(frozen=True)
class Demographics:
    """A person of given sex, age [years], height [m] and BMI [kg/m²]."""

    sex: str
    age_years: float
    height_m: float
    bmi_kg_m2: float

    @property
    def weight_kg(self) -> float:
        """BMI · height² [kg]."""
        return self.bmi_kg_m2 * self.height_m**2


def regressors(person: Person) -> np.ndarray:
    """Values of ``REGRESSORS`` for one person, (5,)."""
    male = 0.5 if person.sex == "M" else -0.5
    age = (person.age_years - 50.0) / 20.0
    ln_height = np.log(person.height_m / 1.70)
    return np.array([1.0, male, age, ln_height, np.log(person.bmi_kg_m2 / 25.0)])


def design_matrix(people: Sequence[Person]) -> np.ndarray:
    """``regressors`` of each person, (people, 5)."""
    return np.stack([regressors(person) for person in people])


def weight_per_lean_mass(sex: str, bmi_kg_m2: float) -> float:
    """Weight over lean body mass (Janmahasatian et al. 2005).

    SUV = SUL · weight / lean mass, and SUL changes little with BMI.
    """
    if sex == "M":
        return (6680.0 + 216.0 * bmi_kg_m2) / 9270.0
    return (8780.0 + 244.0 * bmi_kg_m2) / 9270.0
