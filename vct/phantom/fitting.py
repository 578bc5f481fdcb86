"""How organ volumes and uptake follow sex, age, height and BMI in measured people.

    python -m vct.phantom.fitting DATA -o vct/phantom/fitted.json

DATA holds ``hedypet/{subjects,organs}.csv`` (60 healthy adults) and
``autopet/organ_reference_by_sex.csv`` (published means). The result holds fitted
numbers only, no person's measurements.

The model: ln(quantity) = β · (1, male, age, ln height, ln BMI) + residual, fitted with
a ridge; residuals are jointly normal with a correlation shrunk towards none. Means of
liver, heart and kidneys are then moved to AutoPET's published values at the
demographics of AutoPET's people.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vct.phantom.population import REGRESSORS, draw_quantities, regressors

RIDGE = 2.0  # as if two extra people had no slope
CORRELATION_SHRINKAGE = 0.25  # of 60 people; towards the identity
AGE_BAND_MIDDLE = {"18-34": 27.0, "35-49": 42.5, "50-69": 60.0, "70-99": 76.0}

# Our quantity → TotalSegmentator structures whose volumes add and whose SUV averages.
_SIDES = ("left", "right")
STRUCTURES_OF: dict[str, tuple[str, ...]] = {
    "liver": ("liver",),
    "spleen": ("spleen",),
    "kidney_left": ("kidney_left",),
    "kidney_right": ("kidney_right",),
    "heart": ("heart",),
    "lung_left": ("lung_upper_lobe_left", "lung_lower_lobe_left"),
    "lung_right": (
        "lung_upper_lobe_right",
        "lung_middle_lobe_right",
        "lung_lower_lobe_right",
    ),
    "brain": ("brain",),
    "aorta": ("aorta",),
    "stomach": ("stomach",),
    "pancreas": ("pancreas",),
    "gallbladder": ("gallbladder",),
    "urinary_bladder": ("urinary_bladder",),
    "small_bowel": ("small_bowel", "duodenum"),
    "colon": ("colon",),
    "muscle": ("skeletal_muscle",),
    "subcutaneous_fat": ("subcutaneous_fat",),
    "vertebrae": tuple(
        f"vertebrae_{v}"
        for v in [f"T{n}" for n in range(1, 13)] + [f"L{n}" for n in range(1, 6)]
    ),
    "sacrum": ("sacrum",),
    "pelvis": tuple(f"hip_{s}" for s in _SIDES),
    "femurs": tuple(f"femur_{s}" for s in _SIDES),
    "humeri": tuple(f"humerus_{s}" for s in _SIDES),
    "ribs": tuple(f"rib_{s}_{n}" for s in _SIDES for n in range(1, 13)),
    "sternum": ("sternum",),
    "scapulae": tuple(f"scapula_{s}" for s in _SIDES),
    "clavicles": tuple(f"clavicula_{s}" for s in _SIDES),
    "skull": ("skull",),
    "thyroid": ("thyroid_gland",),
    "spinal_cord": ("spinal_cord",),
}
VOLUMES: tuple[str, ...] = (
    "liver", "spleen", "kidney_left", "kidney_right", "heart", "lung_left",
    "lung_right", "brain", "aorta", "stomach", "pancreas", "gallbladder",
    "urinary_bladder", "small_bowel", "colon",
)  # fmt: skip
# The scans end near mid-thigh and arms vary: volumes of muscle, fat and bone are cut,
# so only their uptake is fitted.

# AutoPET people, for whom published means stand: age 60 y; height and BMI by sex are
# an assumption (565 heights, two-component fit; German hospital BMI).
AUTOPET_PEOPLE = {
    "M": {"age_years": 60.0, "height_m": 1.768, "bmi_kg_m2": 27.0},
    "F": {"age_years": 59.0, "height_m": 1.655, "bmi_kg_m2": 26.0},
}
_AUTOPET_NAME = {"liver": "liver", "heart": "heart", "kidneys_LR": "kidneys"}


@dataclass(frozen=True)
class Fit:
    """Ridge regression of many logarithms on ``REGRESSORS``."""

    quantities: tuple[str, ...]  # "volume_ml/liver", "suv/liver", …
    coefficients: np.ndarray  # (quantities, regressors)
    residual_sd: np.ndarray  # (quantities,)
    correlation: np.ndarray  # (quantities, quantities)


def fit_people(data: Path) -> Fit:
    """Fit hedyPET's 60 people."""
    people = pd.read_csv(data / "hedypet" / "subjects.csv").set_index("subject")
    organs = pd.read_csv(data / "hedypet" / "organs.csv")
    design = np.stack(
        [
            regressors(
                str(p["sex"]),
                AGE_BAND_MIDDLE[str(p["age_band"])],
                float(p["height_m"]),
                float(p["bmi_kg_m2"]),
            )
            for _, p in people.iterrows()
        ]
    )
    table = _quantities(organs).loc[people.index]
    logs = np.log(table.to_numpy())
    penalty = np.diag([0.0, *[RIDGE * c for c in design[:, 1:].var(axis=0)]])
    beta = np.linalg.solve(design.T @ design + penalty, design.T @ logs)
    residual = logs - design @ beta
    sd = np.sqrt((residual**2).sum(axis=0) / (len(people) - len(REGRESSORS)))
    correlation = np.corrcoef(residual.T)
    correlation = (1 - CORRELATION_SHRINKAGE) * correlation
    np.fill_diagonal(correlation, 1.0)
    return Fit(tuple(table.columns), beta.T, sd, correlation)


def _quantities(organs: pd.DataFrame) -> pd.DataFrame:
    """One row a person, one column a quantity; volumes add, SUVs average by volume."""
    organs = organs[organs.source.isin(["ts_total", "ts_tissue"])]
    columns = {}
    for name, structures in STRUCTURES_OF.items():
        rows = organs[organs.organ.isin(structures)]
        activity = (rows.volume_ml * rows.suv_mean).groupby(rows.subject).sum()
        volume = rows.volume_ml.groupby(rows.subject).sum()
        if name in VOLUMES:
            columns[f"volume_ml/{name}"] = volume.clip(lower=3.0)
        columns[f"suv/{name}"] = activity / volume
    table = pd.DataFrame(columns)
    return table.fillna(table.median())


def autopet_shifts(data: Path, fit: Fit) -> dict[str, dict[str, float]]:
    """Logarithmic shift of each quantity by sex that brings it to AutoPET's mean.

    The mean of a log-normal is exp(μ + σ²/2); the heart's uptake is drawn from a
    mixture (``vct.phantom.population``), so its median is set through the same formula.
    """
    table = pd.read_csv(data / "autopet" / "organ_reference_by_sex.csv")
    table = table[table.source == "AutoPET"]
    shifts: dict[str, dict[str, float]] = {}
    for _, row in table[table.metric.isin(["volume", "SUVmean"])].iterrows():
        organ, sex = _AUTOPET_NAME[str(row["organ"])], str(row["sex"])
        kind = "volume_ml" if row["metric"] == "volume" else "suv"
        parts = ["kidney_left", "kidney_right"] if organ == "kidneys" else [organ]
        x = regressors(sex, **AUTOPET_PEOPLE[sex])
        expected = 0.0
        for part in parts:
            n = fit.quantities.index(f"{kind}/{part}")
            mean = np.exp(fit.coefficients[n] @ x + fit.residual_sd[n] ** 2 / 2)
            expected += mean / (1 if kind == "volume_ml" else len(parts))
        for part in parts:
            shift = float(np.log(float(row["mean"]) / expected))
            shifts.setdefault(f"{kind}/{part}", {})[sex] = round(shift, 4)
    return shifts


def fitted(data: Path) -> dict[str, Any]:
    """Everything ``fitted.json`` holds."""
    fit = fit_people(data)
    shifts = autopet_shifts(data, fit)
    hedypet = (
        "fit to 60 healthy adults: hedyPET read-outs, Rigshospitalet (Hinge et al.), "
        "DEPICT-RH/hedyPET"
    )
    autopet = "; mean by sex moved to AutoPET as published in arXiv 2505.22489"
    return {
        "regressors": list(REGRESSORS),
        "quantities": {
            name: {
                "coefficients": [round(float(c), 5) for c in fit.coefficients[n]],
                "residual_sd": round(float(fit.residual_sd[n]), 4),
                "autopet_shift": shifts.get(name),
                "source": hedypet + (autopet if name in shifts else ""),
            }
            for n, name in enumerate(fit.quantities)
        },
        "correlation": [[round(float(v), 3) for v in row] for row in fit.correlation],
        "settings": {
            "people": 60,
            "ridge": RIDGE,
            "correlation_shrinkage": CORRELATION_SHRINKAGE,
            "autopet_people": AUTOPET_PEOPLE,
        },
    }


def compare(data: Path, *, draws: int, seed: int) -> pd.DataFrame:
    """People against draws at their own demographics, by quantity and sex.

    ``difference_se`` is the difference of means in standard errors of the people's
    mean, ``sd_ratio`` the draws' SD over the people's. Quantities moved to AutoPET
    (``moved``) are meant to differ.
    """
    people = pd.read_csv(data / "hedypet" / "subjects.csv").set_index("subject")
    table = _quantities(pd.read_csv(data / "hedypet" / "organs.csv")).loc[people.index]
    rng = np.random.default_rng(seed)
    made = {}
    for name, person in people.iterrows():
        who = _Someone(
            str(person["sex"]),
            AGE_BAND_MIDDLE[str(person["age_band"])],
            float(person["height_m"]),
            float(person["bmi_kg_m2"]),
        )
        made[name] = pd.DataFrame([draw_quantities(who, rng) for _ in range(draws)])
    rows = []
    for sex in ("F", "M"):
        names = people.index[people["sex"] == sex]
        drawn = pd.concat([made[name] for name in names])
        for quantity in table.columns:
            real = table.loc[names, quantity]
            error = real.std() / len(real) ** 0.5
            rows.append(
                {
                    "quantity": quantity,
                    "sex": sex,
                    "people": real.mean(),
                    "draws": drawn[quantity].mean(),
                    "difference_se": (drawn[quantity].mean() - real.mean()) / error,
                    "sd_ratio": drawn[quantity].std() / real.std(),
                }
            )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class _Someone:
    sex: str
    age_years: float
    height_m: float
    bmi_kg_m2: float


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description="Fit the phantom population.")
    parser.add_argument("data", type=Path, help="folder with hedypet/ and autopet/")
    parser.add_argument("-o", "--out", type=Path, help="write the fitted table")
    parser.add_argument(
        "--compare", action="store_true", help="print people against draws"
    )
    args = parser.parse_args()
    if args.out:
        table = fitted(args.data)
        if args.out.exists():  # what was measured on rendered phantoms stays
            before = json.loads(args.out.read_text())
            if "reading_correction" in before:
                table["reading_correction"] = before["reading_correction"]
        args.out.write_text(json.dumps(table, indent=1) + "\n")
    if args.compare:
        found = compare(args.data, draws=100, seed=0)
        print(found.round(2).to_string(index=False))


if __name__ == "__main__":
    main()
