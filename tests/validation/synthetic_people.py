"""Made-up people whose organs follow their demographics, to plant faults in."""

from dataclasses import replace

import numpy as np
import pandas as pd

from vct.validation.people import MEASURES, People

# Coefficient of variation, and slopes of ln(value) per 10 years, per kg/m², per 10 cm.
_CV = {"volume_ml": 0.18, "suv_mean": 0.14, "hu_mean": 0.10}
_SLOPES = {
    "volume_ml": (-0.01, 0.02, 0.10),
    "suv_mean": (0.01, 0.01, 0.0),
    "hu_mean": (0.0, 0.0, 0.0),
}


def draw_people(rng: np.random.Generator, n: int, *, men: float = 0.5) -> People:
    """``n`` people; every organ is log-normal given sex, age, BMI and height."""
    male = rng.random(n) < men
    who = pd.DataFrame(
        {
            "sex": np.where(male, "M", "F"),
            "age_years": np.clip(rng.normal(58, 15, n), 18, 90),
            "height_m": rng.normal(np.where(male, 1.77, 1.64), 0.07),
            "bmi_kg_m2": np.clip(rng.normal(27, 4.5, n), 17, 45),
            "diagnosis": "",
        }
    )
    shared = rng.standard_normal(n)
    columns = []
    for index, measure in enumerate(MEASURES):
        cv = _CV[measure.quantity]
        age, bmi, height = _SLOPES[measure.quantity]
        log = (
            np.log(100.0 + 10 * index)
            + 0.1 * male
            + age * (who["age_years"] - 58) / 10
            + bmi * (who["bmi_kg_m2"] - 27)
            + height * (who["height_m"] - 1.7) / 0.1
            + cv * (0.5 * shared + np.sqrt(0.75) * rng.standard_normal(n))
        )
        columns.append(np.exp(log))
    return People(who, np.column_stack(columns))


def column(organ: str, quantity: str) -> int:
    return MEASURES.index((organ, quantity))  # type: ignore[arg-type]


def with_column(people: People, organ: str, quantity: str, values) -> People:
    """The people with one measurement replaced."""
    table = people.values.copy()
    table[:, column(organ, quantity)] = values
    return replace(people, values=table)


def of(people: People, organ: str, quantity: str) -> np.ndarray:
    return people.values[:, column(organ, quantity)]
