"""A subject in words, the same on every picture and page."""

import math
from typing import Any


def sex_and_age(subject: Any) -> str:
    """Sex and age in completed years, as Patient's Age (0010,1010) has it.

    Parameters
    ----------
    subject
        A ``Subject``, or a row of the subjects table.
    """
    sex = {"F": "woman", "M": "man"}[subject.sex]
    return f"{sex}, {math.floor(subject.age_years)} years"


def stature(subject: Any) -> str:
    """Height and body mass index."""
    return f"{subject.height_m:.2f} m, BMI {subject.bmi_kg_m2:.1f} kg/m²"
