"""Slopes of measured people on age, BMI and height, for ``references.json``.

    python -m vct.training.reference_slopes DATA

DATA holds ``hedypet/{subjects,organs}.csv``, as for ``vct.phantom.fitting``. Prints
rows of organ, quantity, sex, regressor, slope, standard error and degrees of freedom:
fitted numbers, no person's.
"""

import argparse
import json
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


def slope_rows(data: Path) -> list[list[Any]]:
    """Slopes of every organ whose volume no field cuts, and of every mean SUV."""
    people, measured = measured_people(data)
    table = with_pairs(measured).reset_index(drop=True)
    who = pd.DataFrame([[getattr(p, name) for name in REGRESSORS] for p in people],
                       columns=list(REGRESSORS))  # fmt: skip
    sexes = np.array([p.sex for p in people])
    rows = []
    for organ in _ORGANS:
        for column, quantity in _QUANTITIES.items():
            if f"{column}/{organ}" not in table:
                continue
            values = table[f"{column}/{organ}"].to_numpy()
            for sex in ("F", "M"):
                of = sexes == sex
                slopes = fitted_slopes(values[of], who[of])
                rows += [
                    [organ, quantity, sex, name, *_rounded(slope)]
                    for name, slope in slopes.items()
                ]
    return rows


def _rounded(slope: tuple[float, float, int]) -> list[float]:
    value, error, degrees = slope
    return [float(f"{value:.4g}"), float(f"{error:.4g}"), degrees]


def main() -> None:
    """Print the rows as JSON, one a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    rows = slope_rows(parser.parse_args().data)
    print("[\n" + ",\n".join(f"   {json.dumps(row)}" for row in rows) + "\n  ]")


if __name__ == "__main__":
    main()
