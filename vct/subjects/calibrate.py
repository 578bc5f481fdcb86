"""Make ``vct/spec/presets.json`` from the published tables.

    python -m vct.subjects.calibrate DATA_FOLDER

DATA_FOLDER holds ``autopet/studies.csv`` (TCIA FDG-PET-CT-Lesions, clinical metadata)
and ``population/nhanes_2017_18.csv`` (CDC). Histograms and moments are kept, no row.
"""

import argparse
import itertools
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vct.spec.presets import DIAGNOSES, MODEL_RANGE, spelled_as_here

if TYPE_CHECKING:
    import pandas as pd

OUTPUT = Path(__file__).parents[1] / "spec" / "presets.json"
AGE_EDGES = [18, *range(20, 91, 5)]
BANDS = [18, 30, 40, 50, 60, 70, 80, 200]
SAMPLE = 1_000_000  # for the shares a cut removes; their error is below 0.05 %

AUTOPET_SOURCE = (
    "TCIA FDG-PET-CT-Lesions, CC BY 4.0, doi 10.7937/gkr0-xv29; first study of each "
    "patient, in bins of 5 years"
)
NHANES_SOURCE = (
    "NHANES 2017-18, CDC, public domain; examined adults without survey weights; ages "
    "of 80 and over are recorded as 80 and spread evenly over 80 to 90"
)
# AutoPET's 565 heights in the repository of arXiv 2505.22489 come without sex.
AUTOPET_HEIGHT = {"F": (1.655, 0.069), "M": (1.768, 0.084)}
HEIGHT_SOURCE = (
    "565 AutoPET heights in the repository of arXiv 2505.22489, which come without "
    "sex; two normal distributions fitted to them, 56 % men"
)
# Shares with BMI >= 25 and >= 30 of residents of Germany aged 18 to 79.
DEGS1 = {"F": (0.530, 0.239), "M": (0.671, 0.233)}
BMI_SOURCE = (
    "log-normal with the shares at and above 25 and 30 kg/m² that were measured in "
    "residents of Germany (DEGS1 2008-11, Mensink et al. 2013, doi "
    "10.1007/s00103-012-1656-3), alike at all ages and independent of height"
)


def calibrate(folder: Path) -> dict[str, Any]:
    """All tables behind the presets."""
    import pandas as pd

    studies = pd.read_csv(folder / "autopet" / "studies.csv")
    people = pd.read_csv(folder / "population" / "nhanes_2017_18.csv")
    patients = _patients(studies)
    adults = _adults(people)
    tables: dict[str, Any] = {
        "autopet": {
            "source": AUTOPET_SOURCE,
            "n": len(patients),
            "edges": AGE_EDGES,
            "counts": {
                name: _by_sex(patients[patients["diagnosis"] == name])
                for name in DIAGNOSES
            },
        },
        "nhanes": {
            "source": NHANES_SOURCE,
            "n": len(adults),
            "edges": AGE_EDGES,
            "counts": {"none": _by_sex(adults)},
        },
        "body": {
            "autopet": {
                "height_source": HEIGHT_SOURCE,
                "bmi_source": BMI_SOURCE,
                "bands": {sex: [autopet_body(sex)] for sex in "FM"},
            },
            "nhanes": {
                "height_source": NHANES_SOURCE,
                "bmi_source": NHANES_SOURCE,
                "bands": {sex: nhanes_bands(adults, sex) for sex in "FM"},
            },
        },
    }
    tables["removed"] = _removed(tables, patients, adults)
    return tables


def autopet_body(sex: str) -> dict[str, float]:
    """Height and BMI assumed for AutoPET's patients of one sex.

    BMI is the log-normal distribution through the two shares of DEGS1.
    """
    from scipy.special import ndtri

    overweight, obese = DEGS1[sex]
    low, high = -float(ndtri(overweight)), -float(ndtri(obese))
    sd = math.log(30 / 25) / (high - low)
    mean_m, sd_m = AUTOPET_HEIGHT[sex]
    return {
        "age_mean": 60.0,
        "height_mean_m": mean_m,
        "height_sd_m": sd_m,
        "log_bmi_mean": round(math.log(25) - low * sd, 4),
        "log_bmi_sd": round(sd, 4),
        "correlation": 0.0,
    }


def nhanes_bands(adults: "pd.DataFrame", sex: str) -> list[dict[str, float]]:
    """Moments of height and log BMI in each age band of one sex."""
    bands = []
    for low, high in itertools.pairwise(BANDS):
        inside = (adults["sex"] == sex) & adults["age"].between(
            low, high, inclusive="left"
        )
        group = adults[inside & adults["height_m"].notna() & adults["bmi"].notna()]
        height, log_bmi = group["height_m"], np.log(group["bmi"])
        # Completed years: half a year is added; recorded 80 means 80 to 90.
        age = 85.0 if low == 80 else float(group["age"].mean()) + 0.5
        bands.append(
            {
                "age_mean": round(age, 1),
                "n": len(group),
                "height_mean_m": round(float(height.mean()), 4),
                "height_sd_m": round(float(height.std()), 4),
                "log_bmi_mean": round(float(log_bmi.mean()), 4),
                "log_bmi_sd": round(float(log_bmi.std()), 4),
                "correlation": round(float(height.corr(log_bmi)), 3),
            }
        )
    return bands


def _patients(studies: "pd.DataFrame") -> "pd.DataFrame":
    """First study of each patient whose sex is known."""
    first = studies.drop_duplicates("subject")
    first = first[first["sex"].isin(["F", "M"])]
    return first.assign(diagnosis=spelled_as_here(first["diagnosis"]))


def _adults(people: "pd.DataFrame") -> "pd.DataFrame":
    """Adults with the columns named as here."""
    adults = people[people["AgeInYearsAtScreening"] >= 18]
    return adults.assign(
        sex=adults["Gender"].str[0],
        age=adults["AgeInYearsAtScreening"],
        height_m=adults["StandingHeightCm"] / 100,
        bmi=adults["BodyMassIndexKgm2"],
    )


def _by_sex(people: "pd.DataFrame") -> dict[str, list[int]]:
    """People in each age bin, by sex; a recorded age is in completed years."""
    counts = {}
    for sex in "FM":
        ages = people.loc[people["sex"] == sex, "age"].to_numpy(float)
        bins = np.histogram(ages, [*AGE_EDGES[:-1], AGE_EDGES[-1] - 1e-09])[0]
        counts[sex] = [int(n) for n in bins]
    if "height_m" in people:  # NHANES: 80 stands for 80 and over
        for row in counts.values():
            old = row[-2] + row[-1]
            row[-2], row[-1] = old - old // 2, old // 2
    return counts


def _removed(
    tables: dict[str, Any], patients: "pd.DataFrame", adults: "pd.DataFrame"
) -> dict[str, dict[str, float]]:
    """Share of the people outside each limit of the model's range, by preset."""
    measured = adults.assign(
        age_years=adults["age"], bmi_kg_m2=adults["bmi"], weight_kg=adults["WeightKg"]
    )
    removed = {
        "nhanes": {
            name: _share_outside(measured[name].dropna().to_numpy(float), name)
            for name in MODEL_RANGE
        }
    }
    for name in ("", *(f"-{d}" for d in DIAGNOSES)):
        chosen = patients
        if name:
            chosen = patients[patients["diagnosis"] == name[1:]]
        removed[f"autopet-fdg{name}"] = _autopet_removed(tables, chosen)
    return removed


def _autopet_removed(
    tables: dict[str, Any], patients: "pd.DataFrame"
) -> dict[str, float]:
    """Shares by a large sample of the assumed heights and BMI."""
    rng = np.random.default_rng(0)
    male = rng.random(SAMPLE) < float((patients["sex"] == "M").mean())
    body = tables["body"]["autopet"]["bands"]

    def pick(name: str) -> np.ndarray:
        return np.where(male, body["M"][0][name], body["F"][0][name])

    height = rng.normal(pick("height_mean_m"), pick("height_sd_m"))
    bmi = np.exp(rng.normal(pick("log_bmi_mean"), pick("log_bmi_sd")))
    values = {
        "age_years": patients["age"].to_numpy(float),
        "bmi_kg_m2": bmi,
        "height_m": height,
        "weight_kg": bmi * height**2,
    }
    return {name: _share_outside(values[name], name) for name in MODEL_RANGE}


def _share_outside(values: np.ndarray, name: str) -> float:
    low, high = MODEL_RANGE[name]
    return round(float(np.mean((values < low) | (values > high))), 4)


def main() -> None:
    """Command line of this module: writes the file."""
    parser = argparse.ArgumentParser(
        prog="python -m vct.subjects.calibrate",
        description="Rewrite the presets of demographics from published tables.",
    )
    parser.add_argument("data", type=Path, help="folder with autopet/ and population/")
    tables = calibrate(parser.parse_args().data)
    OUTPUT.write_text(json.dumps(tables, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
