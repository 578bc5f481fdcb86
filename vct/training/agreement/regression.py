"""Straight lines and smooth expectations on demographics, by least squares."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from vct.training.agreement.tables import DEMOGRAPHICS

# Slopes are told per ten years, five kg/m² and ten centimeters.
STEPS = {"age_years": 10.0, "bmi_kg_m2": 5.0, "height_m": 0.1}
STEP_NAMES = {
    "age_years": "10 years",
    "bmi_kg_m2": "5 kg/m²",
    "height_m": "10 cm",
}
_MIDDLE = {"age_years": 54.0, "bmi_kg_m2": 27.0, "height_m": 1.70}
_FEWEST_A_COEFFICIENT = 5


class Fit(NamedTuple):
    """Coefficients, their covariance (HC3), and residuals of the rows used."""

    coefficients: np.ndarray
    covariance: np.ndarray
    residuals: np.ndarray
    used: np.ndarray


def linear_design(subjects: pd.DataFrame, *, with_sex: bool) -> np.ndarray:
    """One, age, BMI and height in ``STEPS``, and sex where groups are pooled."""
    columns = [_stepped(subjects, name) for name in DEMOGRAPHICS]
    if with_sex:
        columns.append((subjects["sex"] == "M").to_numpy(float))
    return np.column_stack([np.ones(len(subjects)), *columns])


def smooth_design(subjects: pd.DataFrame, *, with_sex: bool) -> np.ndarray:
    """``linear_design`` with squares and products: an expectation for anyone."""
    linear = linear_design(subjects, with_sex=with_sex)
    age, bmi, height = linear[:, 1], linear[:, 2], linear[:, 3]
    more = [age**2, bmi**2, height**2, age * bmi, bmi * height, age * height]
    if with_sex:
        more += [linear[:, 4] * column for column in (age, bmi, height)]
    return np.column_stack([linear, *more])


def fit(design: np.ndarray, y: np.ndarray) -> Fit | None:
    """Least squares on the rows with a value; None where they are too few.

    References
    ----------
    MacKinnon and White, J Econometrics 29 (1985) 305: the covariance HC3, right
    where the spread changes along the line.
    """
    used = np.isfinite(y)
    x, z = design[used], y[used]
    if len(z) < _FEWEST_A_COEFFICIENT * x.shape[1]:
        return None
    inverse = np.linalg.pinv(x.T @ x)
    coefficients = inverse @ x.T @ z
    residuals = z - x @ coefficients
    leverage = np.einsum("ij,jk,ik->i", x, inverse, x)
    scaled = x * (residuals / np.clip(1 - leverage, 0.05, None))[:, None]
    covariance = inverse @ (scaled.T @ scaled) @ inverse
    return Fit(coefficients, covariance, residuals, used)


def _stepped(subjects: pd.DataFrame, name: str) -> np.ndarray:
    return ((subjects[name] - _MIDDLE[name]) / STEPS[name]).to_numpy(float)
