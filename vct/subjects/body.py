"""Body measures from height and weight, each with the source of its formula."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def bmi_from_weight(weight_kg: ArrayLike, height_m: ArrayLike) -> Floats:
    """Body mass index [kg/m²].

    References
    ----------
    Quetelet 1832; WHO Technical Report Series 894, 2000.

    Examples
    --------
    >>> round(float(bmi_from_weight(80.0, 2.0)), 6)
    20.0
    """
    return np.asarray(weight_kg, float) / np.asarray(height_m, float) ** 2


def weight_from_bmi(bmi_kg_m2: ArrayLike, height_m: ArrayLike) -> Floats:
    """Weight [kg] of a body mass index: the inverse of ``bmi_from_weight``."""
    return np.asarray(bmi_kg_m2, float) * np.asarray(height_m, float) ** 2


def bsa_du_bois(weight_kg: ArrayLike, height_m: ArrayLike) -> Floats:
    """Body surface area [m²].

        BSA = 0.007184 · weight^0.425 · height^0.725     (kg, cm)

    References
    ----------
    Du Bois D, Du Bois EF. Arch Intern Med 17:863, 1916.

    Examples
    --------
    >>> round(float(bsa_du_bois(70.0, 1.70)), 3)
    1.81
    """
    height_cm = 100.0 * np.asarray(height_m, float)
    return 0.007184 * np.asarray(weight_kg, float) ** 0.425 * height_cm**0.725


def lbm_janmahasatian(
    weight_kg: ArrayLike, bmi_kg_m2: ArrayLike, is_male: ArrayLike
) -> Floats:
    """Lean body mass [kg], for SUL of type LBMJANMA.

        men      9270 · weight / (6680 + 216 · BMI)
        women    9270 · weight / (8780 + 244 · BMI)

    References
    ----------
    Janmahasatian S, et al. Clin Pharmacokinet 44:1051, 2005.

    Examples
    --------
    >>> round(float(lbm_janmahasatian(80.0, 25.0, True)), 2)
    61.39
    """
    male = np.asarray(is_male, bool)
    fixed, slope = np.where(male, 6680.0, 8780.0), np.where(male, 216.0, 244.0)
    bmi = np.asarray(bmi_kg_m2, float)
    return 9270.0 * np.asarray(weight_kg, float) / (fixed + slope * bmi)
