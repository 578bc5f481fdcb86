"""Fits of measured people on age, BMI and height, for ``references.json``.

    python -m vct.training.reference_fit DATA

DATA holds ``hedypet/{subjects,organs}.csv``, as for ``vct.phantom.fitting``. Prints
fitted numbers, no person's:

slopes  organ, quantity, sex, regressor, slope, standard error, degrees of freedom
bands   organ, quantity, sex, age band, mean fitted at ``BAND_AGES`` and at the sex's
        mean height and BMI, SD about the fit, people fitted, standard error of that
        mean beyond SD / √people
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vct.phantom.agreement import with_pairs
from vct.phantom.measured_people import measured_people
from vct.validation.slopes import REGRESSORS, fitted_slopes

_ORGANS = (
    "liver", "spleen", "kidneys", "heart", "lungs", "brain", "aorta", "pancreas",
    "muscle", "subcutaneous_fat", "visceral_fat",
)  # fmt: skip
_QUANTITIES = {"volume_ml": "volume_ml", "suv": "suv_mean"}
# Middle ages of adults in the bands of ``vct.validation.groups``.
BAND_AGES = {"age <50": 35.0, "age 50-65": 57.5, "age >65": 75.0}


def slope_rows(data: Path) -> list[list[Any]]:
    """Slopes of every organ whose volume no field cuts, and of every mean SUV."""
    return [
        [organ, quantity, sex, name, *_rounded(slope)]
        for organ, quantity, sex, values, who in _measured(data)
        for name, slope in fitted_slopes(values, who).items()
    ]


def band_rows(data: Path) -> list[list[Any]]:
    """Means fitted at the middle of each age band, likewise."""
    return [
        [organ, quantity, sex, band, *_predicted(values, who, age_years)]
        for organ, quantity, sex, values, who in _measured(data)
        for band, age_years in BAND_AGES.items()
    ]


def _measured(
    data: Path,
) -> Iterator[tuple[str, str, str, np.ndarray, pd.DataFrame]]:
    """Organ, quantity, sex, values of its people, and their regressors."""
    people, measured = measured_people(data)
    table = with_pairs(measured).reset_index(drop=True)
    who = pd.DataFrame([[getattr(p, name) for name in REGRESSORS] for p in people],
                       columns=list(REGRESSORS))  # fmt: skip
    sexes = np.array([p.sex for p in people])
    for organ in _ORGANS:
        for column, quantity in _QUANTITIES.items():
            if f"{column}/{organ}" not in table:
                continue
            values = table[f"{column}/{organ}"].to_numpy()
            for sex in ("F", "M"):
                of = sexes == sex
                yield organ, quantity, sex, values[of], who[of]


def _predicted(
    values: np.ndarray, who: pd.DataFrame, age_years: float
) -> tuple[float, float, int, float]:
    """Mean at an age, height and BMI as usual; SD, people, and error of that mean."""
    apart = (who - who.mean())[list(REGRESSORS)].to_numpy(float)
    design = np.column_stack([np.ones(len(values)), apart])
    beta, *_ = np.linalg.lstsq(design, values, rcond=None)
    left = values - design @ beta
    sd = float(np.sqrt(left @ left / (len(values) - design.shape[1])))
    at = np.zeros(design.shape[1])
    at[0] = 1.0
    at[1 + REGRESSORS.index("age_years")] = age_years - who["age_years"].mean()
    leverage = float(at @ np.linalg.inv(design.T @ design) @ at)
    beyond = sd * np.sqrt(max(leverage - 1 / len(values), 0.0))
    mean = float(at @ beta)
    return _digits(mean), _digits(sd), len(values), _digits(float(beyond))


def _rounded(slope: tuple[float, float, int]) -> list[float]:
    value, error, degrees = slope
    return [_digits(value), _digits(error), degrees]


def _digits(value: float) -> float:
    return float(f"{value:.4g}")


def main() -> None:
    """Print the rows as JSON, one a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    for name, rows in (("slopes", slope_rows(data)), ("bands", band_rows(data))):
        lines = ",\n".join(f"   {json.dumps(row)}" for row in rows)
        print(f'  "{name}": [\n{lines}\n  ]')


if __name__ == "__main__":
    main()
