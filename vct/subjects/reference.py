"""Height and BMI of measured people, given sex and age."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vct.spec.presets import data

Floats = NDArray[np.float64]

_FIELDS = (
    "height_mean_m",
    "height_sd_m",
    "log_bmi_mean",
    "log_bmi_sd",
    "correlation",
)


@dataclass(frozen=True)
class BodyReference:
    """Normal height and log-normal BMI, one value per subject.

    Attributes
    ----------
    height_mean_m, height_sd_m
        Mean and SD of height [m].
    log_bmi_mean, log_bmi_sd
        Mean and SD of the natural logarithm of BMI [kg/m²].
    correlation
        Of height and log BMI.
    """

    height_mean_m: Floats
    height_sd_m: Floats
    log_bmi_mean: Floats
    log_bmi_sd: Floats
    correlation: Floats


def body_reference(
    body: str, is_male: NDArray[np.bool_], age_years: Floats
) -> BodyReference:
    """Parameters of a table, interpolated linearly between the bands' mean ages.

    Parameters
    ----------
    body
        ``nhanes`` or ``autopet``.
    """
    by_sex = {sex: _table(body, sex) for sex in "FM"}
    values = []
    for row in range(1, 1 + len(_FIELDS)):
        women, men = (
            np.interp(age_years, by_sex[sex][0], by_sex[sex][row]) for sex in "FM"
        )
        values.append(np.where(is_male, men, women))
    return BodyReference(*values)


@cache
def _table(body: str, sex: str) -> Floats:
    """Mean ages of the bands, then one row per parameter."""
    bands = data()["body"][body]["bands"][sex]
    rows = [[band[name] for band in bands] for name in ("age_mean", *_FIELDS)]
    return np.array(rows, float)
