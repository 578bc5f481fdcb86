"""How organ volumes and uptake follow sex, age, height and BMI in measured people.

    python -m vct.phantom.fitting DATA -o vct/phantom/fitted.json

DATA holds ``hedypet/{subjects,organs}.csv`` (60 healthy adults) and
``autopet/organ_reference_by_sex.csv`` (published means). The result holds fitted
numbers only, no person's measurements.

The model: ln(quantity) = β · (1, male, age, ln height, ln BMI) + residual, for uptake
with ln(weight / lean mass) added. Slopes are pulled towards published ones, and
towards none where none is published, as if ``RIDGE`` more people had shown them.
Residuals are jointly normal (the heart's uptake a mixture), with a shrunk correlation.
Means of liver, heart and kidneys are then moved to AutoPET's published values.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from vct.phantom.correlation import shrunk_correlation
from vct.phantom.demographics import (
    REGRESSORS,
    Demographics,
    design_matrix,
    weight_per_lean_mass,
)
from vct.phantom.measured_people import measured_people
from vct.phantom.mixture import fit_mixture, log_moment

RIDGE = 4.0  # people's worth of published slopes
SPREAD_BY_SEX = 0.8  # how far ln SD goes from both sexes' towards one sex's own
OUTLIER_SD = 4.0  # robust; residuals beyond are drawn in: one kidney is atrophied

# Slopes as published, by quantity: (regressor, slope of the logarithm, source).
# Ages in units of 20 years. For uptake, slopes of SUL = SUV · lean mass / weight.
# "derived": from a correlation r as r · SD(ln value) / SD(age).
PUBLISHED_SLOPES: dict[str, tuple[tuple[str, float, str], ...]] = {
    "volume_ml/liver": (
        ("ln_bmi", 0.72, "Chouker 2004: 16.3 g per kg, at 77 kg and 1.74 kg"),
        ("ln_height", 1.44, "Chouker 2004, weight = BMI · height²"),
    ),
    "volume_ml/kidney_left": (
        ("ln_bmi", 0.49, "Dabers 2024: 97.7 mL per m² of body surface, DuBois"),
        ("ln_height", 1.83, "Dabers 2024, as for BMI"),
    ),
    "volume_ml/kidney_right": (
        ("ln_bmi", 0.49, "Dabers 2024: 97.7 mL per m² of body surface, DuBois"),
        ("ln_height", 1.83, "Dabers 2024, as for BMI"),
    ),
    "volume_ml/aorta": (
        ("age", 0.19, "Wasserthal 2023: r 0.64 with age, derived at SD 0.25, 17 y"),
    ),
    "volume_ml/pancreas": (
        ("ln_bmi", 0.68, "n = 1003: r 0.34 with BMI, derived at SD 0.30, 0.15"),
    ),
    "suv/liver": (("age", 0.04, "n = 339: std. beta 0.16, derived at SD 0.20, 15 y"),),
    "suv/brain": (("age", -0.06, "CAMONA: 6.80 at 27 y to 6.08 at 65 y"),),
    "suv/vertebrae": (("age", -0.10, "n = 64: r -0.36, derived at SD 0.20, 15 y"),),
    "suv/femurs": (("age", -0.21, "n = 64: r -0.60..-0.67, derived, SD 0.25, 15 y"),),
    "suv/humeri": (("age", -0.21, "n = 64: r -0.60..-0.67, derived, SD 0.25, 15 y"),),
}

# AutoPET's people, for whom published means stand. Ages: 900 patients. Heights: the
# publication's 565 people, two components. BMI: DEGS1's shares over 25 and 30 kg/m², an
# assumption, of people of 50-100 kg, the range that the publication names.
AUTOPET_PEOPLE = {
    "M": {"age": (60.5, 15.6), "height_m": (1.768, 0.084), "ln_bmi": (3.2878, 0.1556)},
    "F": {"age": (58.9, 16.0), "height_m": (1.655, 0.069), "ln_bmi": (3.2364, 0.2323)},
}
AUTOPET_WEIGHT_KG = (50.0, 100.0)
_AUTOPET_NAME = {"liver": "liver", "heart": "heart", "kidneys_LR": "kidneys"}


@dataclass(frozen=True)
class Fit:
    """Ridge regression of many logarithms on ``REGRESSORS``."""

    quantities: tuple[str, ...]  # "volume_ml/liver", "suv/liver", …
    coefficients: np.ndarray  # (quantities, regressors)
    residual_sd: dict[str, np.ndarray]  # by sex, (quantities,)
    correlation: np.ndarray  # (quantities, quantities)
    heart: dict[str, float]  # mixture of the heart's uptake, see ``mixture``

    def mean(self, people: list[Demographics]) -> np.ndarray:
        """Mean of every quantity for each person, (people, quantities)."""
        sd = np.stack([self.residual_sd[p.sex] for p in people])
        log = design_matrix(people) @ self.coefficients.T + sd**2 / 2
        heart = self.quantities.index("suv/heart")
        log[:, heart] -= sd[:, heart] ** 2 / 2
        log[:, heart] += [log_moment(self.heart, s) for s in sd[:, heart]]
        return np.exp(log + _lean_offset(people, self.quantities))


def fit_people(people: list[Demographics], table: pd.DataFrame) -> Fit:
    """Fit measured people: one row a person, one column a quantity."""
    design = design_matrix(people)
    logs = np.log(table.to_numpy()) - _lean_offset(people, tuple(table.columns))
    prior = _prior(tuple(table.columns))
    weight = np.diag([0.0, *[RIDGE * c for c in design[:, 1:].var(axis=0)]])
    for _ in range(4):
        beta = np.linalg.solve(
            design.T @ design + weight, design.T @ logs + weight @ prior
        )
        residual = logs - design @ beta
        robust = 1.4826 * np.median(np.abs(residual), axis=0)
        residual = np.clip(residual, -OUTLIER_SD * robust, OUTLIER_SD * robust)
        logs = design @ beta + residual
    freedom = len(people) - len(REGRESSORS)
    both = np.sqrt((residual**2).sum(axis=0) / freedom)
    sd = {}
    for sex in ("F", "M"):
        own = residual[[p.sex == sex for p in people]]
        own_sd = np.sqrt((own**2).mean(axis=0) * len(people) / freedom)
        sd[sex] = both ** (1 - SPREAD_BY_SEX) * own_sd**SPREAD_BY_SEX
    kinds = [name.partition("/")[0] for name in table.columns]
    heart = list(table.columns).index("suv/heart")
    return Fit(
        tuple(table.columns),
        beta.T,
        sd,
        shrunk_correlation(residual, kinds, freedom),
        fit_mixture(residual[:, heart] / both[heart]),
    )


def _lean_offset(people: list[Demographics], quantities: tuple[str, ...]) -> np.ndarray:
    """ln(weight / lean mass) where a quantity is an SUV, (people, quantities)."""
    lean = np.log([weight_per_lean_mass(p.sex, p.bmi_kg_m2) for p in people])
    return np.outer(lean, [name.startswith("suv/") for name in quantities])


def _prior(quantities: tuple[str, ...]) -> np.ndarray:
    """Published slopes, (regressors, quantities)."""
    prior = np.zeros((len(REGRESSORS), len(quantities)))
    for n, name in enumerate(quantities):
        for regressor, slope, _ in PUBLISHED_SLOPES.get(name, ()):
            prior[REGRESSORS.index(regressor), n] = slope
    return prior


def autopet_people(sex: str) -> tuple[list[Demographics], np.ndarray]:
    """AutoPET's people of one sex on a grid of quantiles, and the weight of each.

    Every height counts the same: the heights are already those of people within the
    range of weights.
    """
    z = ndtri((np.arange(15) + 0.5) / 15)
    about = AUTOPET_PEOPLE[sex]
    low, high = AUTOPET_WEIGHT_KG
    people, counts = [], []
    for height in about["height_m"][0] + about["height_m"][1] * z:
        bmi = np.exp(about["ln_bmi"][0] + about["ln_bmi"][1] * z)
        inside = bmi[(low <= bmi * height**2) & (bmi * height**2 <= high)]
        for age in about["age"][0] + about["age"][1] * z[::2]:
            people += [Demographics(sex, age, height, b) for b in inside]
            counts += [1.0 / len(inside)] * len(inside)
    return people, np.array(counts) / sum(counts)


def autopet_shifts(data: Path, fit: Fit) -> dict[str, dict[str, float]]:
    """Logarithmic shift of each quantity by sex that brings it to AutoPET's mean."""
    table = pd.read_csv(data / "autopet" / "organ_reference_by_sex.csv")
    table = table[table.source == "AutoPET"]
    means = {}
    for sex in ("F", "M"):
        people, weights = autopet_people(sex)
        means[sex] = weights @ fit.mean(people)
    shifts: dict[str, dict[str, float]] = {}
    for _, row in table[table.metric.isin(["volume", "SUVmean"])].iterrows():
        organ, sex = _AUTOPET_NAME[str(row["organ"])], str(row["sex"])
        kind = "volume_ml" if row["metric"] == "volume" else "suv"
        parts = ["kidney_left", "kidney_right"] if organ == "kidneys" else [organ]
        each = [means[sex][fit.quantities.index(f"{kind}/{part}")] for part in parts]
        ours = sum(each) if kind == "volume_ml" else sum(each) / len(each)
        for part in parts:
            shift = float(np.log(float(row["mean"]) / ours))
            shifts.setdefault(f"{kind}/{part}", {})[sex] = round(shift, 4)
    return shifts


def fitted(data: Path) -> dict[str, Any]:
    """Everything ``fitted.json`` holds but the reading correction."""
    people, table = measured_people(data)
    fit = fit_people(people, table)
    shifts = autopet_shifts(data, fit)
    return {
        "regressors": list(REGRESSORS),
        "quantities": {
            name: {
                "coefficients": [round(float(c), 5) for c in fit.coefficients[n]],
                "residual_sd": {
                    sex: round(float(sd[n]), 4) for sex, sd in fit.residual_sd.items()
                },
                "autopet_shift": shifts.get(name),
                "source": _source(name, name in shifts),
            }
            for n, name in enumerate(fit.quantities)
        },
        "heart_mixture": {k: round(v, 4) for k, v in fit.heart.items()},
        "correlation": [[round(float(v), 4) for v in row] for row in fit.correlation],
        "settings": {
            "people": len(people),
            "ridge": RIDGE,
            "spread_by_sex": SPREAD_BY_SEX,
            "outlier_sd": OUTLIER_SD,
            "autopet_people": AUTOPET_PEOPLE,
            "autopet_weight_kg": AUTOPET_WEIGHT_KG,
        },
    }


def _source(name: str, moved: bool) -> str:
    source = (
        "fit to 60 healthy adults: hedyPET read-outs, Rigshospitalet (Hinge et al.), "
        "DEPICT-RH/hedyPET"
    )
    for regressor, _, where in PUBLISHED_SLOPES.get(name, ()):
        source += f"; slope with {regressor} pulled to {where}"
    if moved:
        source += "; mean by sex moved to AutoPET as published in arXiv 2505.22489"
    return source


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description="Fit the phantom population.")
    parser.add_argument("data", type=Path, help="folder with hedypet/ and autopet/")
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    table = fitted(args.data)
    if args.out.exists():  # what was measured on rendered phantoms stays
        before = json.loads(args.out.read_text())
        for name in ("reading_correction", "bones"):
            if name in before:
                table[name] = before[name]
    table = json.loads(json.dumps(table))
    args.out.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
