"""Whom the networks are trained on: demographics that cover the model's range.

Not a trial population: every corner of the conditioning range must be visited, so
most people are drawn near adults as they are and the rest evenly over the range.
"""

from dataclasses import dataclass

import numpy as np

CONDITIONING_RANGES: dict[str, tuple[float, float]] = {
    "age_years": (18.0, 90.0),
    "height_m": (1.45, 2.0),
    "bmi_kg_m2": (17.0, 45.0),
    "weight_kg": (40.0, 150.0),
}


@dataclass(frozen=True)
class Person:
    """Demographics of one training subject."""

    age_years: float
    sex: str
    height_m: float
    bmi_kg_m2: float

    @property
    def weight_kg(self) -> float:
        """BMI · height² [kg]."""
        return self.bmi_kg_m2 * self.height_m**2


def draw_person(rng: np.random.Generator) -> Person:
    """One person inside ``CONDITIONING_RANGES``.

    Height by sex as NHANES 2017-18 adults (F 1.60, M 1.74 m, SD 0.07 m) widened to
    0.085 m; BMI log-normal about 27 kg/m² (SD of the logarithm 0.20).
    """
    while True:
        sex = "F" if rng.random() < 0.5 else "M"
        age = rng.uniform(*CONDITIONING_RANGES["age_years"])
        if rng.random() < 0.7:
            height = rng.normal(1.74 if sex == "M" else 1.61, 0.085)
            bmi = np.exp(rng.normal(np.log(27.0), 0.20))
        else:
            height = rng.uniform(*CONDITIONING_RANGES["height_m"])
            bmi = rng.uniform(*CONDITIONING_RANGES["bmi_kg_m2"])
        person = Person(float(age), sex, float(height), float(bmi))
        if inside(person):
            return person


def inside(person: Person) -> bool:
    """Whether a person lies within every conditioning range."""
    return all(
        low <= getattr(person, name) <= high
        for name, (low, high) in CONDITIONING_RANGES.items()
    )
