"""One person's anatomy and uptake, drawn from the fitted population.

The fit (``fitted.json``, made by ``vct.phantom.fitting``) gives means given sex, age,
height and BMI, residual spreads and their correlation. What it lacks comes from the
tables below, each with its source. A value is what an instrument reads on a whole
organ; ``reading_correction`` turns readings into what is painted before blur and noise.
"""

import json
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal, Protocol

import numpy as np

from vct.phantom.structures import SHAPE_LATENTS, STRUCTURES

REGRESSORS = ("one", "male", "age", "ln_height", "ln_bmi")
Pattern = Literal["none", "heterogeneous", "homogeneous"]

# Residuals and latents beyond this many SD are drawn back: nobody is impossible.
_LIMIT_SD = 2.8
CONTRAST_SHARE = 0.94  # 952 of 1014 AutoPET studies are portal-venous
# Share of whole organs that the painted parts make, from the geometry.
MYOCARDIUM_SHARE = 0.42
RENAL_PELVIS_SHARE = 0.05
GREY_SHARE = 0.55
GREY_TO_WHITE = 2.4  # FDG contrast of grey to white matter, textbook 2-3


class Person(Protocol):
    """Demographics that an anatomy is drawn for."""

    @property
    def sex(self) -> str: ...
    @property
    def age_years(self) -> float: ...
    @property
    def height_m(self) -> float: ...
    @property
    def bmi_kg_m2(self) -> float: ...


@dataclass(frozen=True)
class Anatomy:
    """Everything that ``vct.phantom.render`` needs to paint one person.

    Attributes
    ----------
    volumes_ml
        Whole organs, by ``structures.TARGET_VOLUMES`` [mL].
    suv, hu
        Painted values by structure name [g/mL, HU].
    myocardium_pattern
        How FDG lies in the left ventricle's wall.
    shape
        Standard-normal latents by ``structures.SHAPE_LATENTS``.
    contrast
        Whether the CT is portal-venous.
    """

    sex: str
    age_years: float
    height_m: float
    bmi_kg_m2: float
    weight_kg: float
    volumes_ml: dict[str, float] = field(default_factory=dict)
    suv: dict[str, float] = field(default_factory=dict)
    hu: dict[str, float] = field(default_factory=dict)
    myocardium_pattern: Pattern = "homogeneous"
    shape: dict[str, float] = field(default_factory=dict)
    contrast: bool = True


# Structures that take the uptake of a fitted quantity, times a factor for their part
# of it (marrow is hotter than cortex; whole-bone readings lie between).
_UPTAKE_FROM: dict[str, tuple[str, float]] = {
    "liver": ("liver", 1.0),
    "spleen": ("spleen", 1.03),
    "aorta": ("aorta", 1.0),
    "vena_cava": ("aorta", 0.97),
    "lung_left": ("lung_left", 0.85),
    "lung_right": ("lung_right", 0.85),
    "stomach": ("stomach", 1.05),
    "pancreas": ("pancreas", 1.0),
    "gallbladder": ("gallbladder", 0.8),
    "small_bowel": ("small_bowel", 0.9),
    "colon": ("colon", 1.05),
    "urinary_bladder": ("urinary_bladder", 1.0),
    "muscle_wall": ("muscle", 1.0),
    "paraspinal_muscle": ("muscle", 1.0),
    "psoas_muscle": ("muscle", 1.08),
    "gluteal_muscle": ("muscle", 0.9),
    "thigh_muscle": ("muscle", 0.95),
    "arm_muscle": ("muscle", 1.0),
    "shoulder_muscle": ("muscle", 1.0),
    "neck_muscle": ("muscle", 1.1),
    "subcutaneous_fat": ("subcutaneous_fat", 0.75),
    "vertebra_marrow": ("vertebrae", 1.15),
    "vertebra_cortex": ("vertebrae", 0.8),
    "sacrum_marrow": ("sacrum", 1.1),
    "sacrum_cortex": ("sacrum", 0.85),
    "pelvis_marrow": ("pelvis", 1.1),
    "pelvis_cortex": ("pelvis", 0.85),
    "femurs_marrow": ("femurs", 1.1),
    "femurs_cortex": ("femurs", 0.9),
    "humeri_marrow": ("humeri", 1.1),
    "humeri_cortex": ("humeri", 0.9),
    "rib": ("ribs", 1.0),
    "sternum": ("sternum", 1.05),
    "scapulae": ("scapulae", 1.0),
    "clavicles": ("clavicles", 1.0),
    "thyroid": ("thyroid", 1.1),
    "spinal_cord": ("spinal_cord", 1.3),
}
# Between-subject SD of ln SUV of structures no fit covers: an assumption.
_OTHER_UPTAKE_SD = 0.22
# Urine in the renal pelvis at 60 min: 5-20, textbook range; log-normal.
_RENAL_PELVIS_SUV = (9.0, 0.45)
# Native and enhanced HU are ``structures.STRUCTURES``'; spread between subjects:
_HU_SD = 5.0  # whole-organ, after Graffy 2019's liver SD of 10 less measurement noise
_ENHANCEMENT_SD = 0.15  # ln; weight-independent contrast dose, an assumption
_MARROW_HU_PER_YEAR = -2.0  # L1 trabecular −2.5 HU a year, Jang 2019 (n = 20 374)
_MUSCLE_HU_PER_YEAR = -0.3  # after 40 y, textbook
_MUSCLE_HU_PER_BMI = -0.6  # van der Werf 2017: falls with BMI


def regressors(
    sex: str, age_years: float, height_m: float, bmi_kg_m2: float
) -> np.ndarray:
    """Values of ``REGRESSORS`` for one person, (5,)."""
    male = 0.5 if sex == "M" else -0.5
    age = (age_years - 50.0) / 20.0
    return np.array([1.0, male, age, np.log(height_m / 1.70), np.log(bmi_kg_m2 / 25.0)])


def draw_anatomy(person: Person, rng: np.random.Generator) -> Anatomy:
    """Draw one person's organs, uptake, CT numbers and shape.

    Parameters
    ----------
    person
        Sex F or M, age [years], height [m], BMI [kg/m²].
    rng
        Where every draw comes from; the order of draws is part of the contract.
    """
    quantities = draw_quantities(person, rng)
    volumes = {
        name.partition("/")[2]: value
        for name, value in quantities.items()
        if name.startswith("volume_ml/")
    }
    readings = {
        name.partition("/")[2]: value
        for name, value in quantities.items()
        if name.startswith("suv/")
    }
    contrast = bool(rng.random() < CONTRAST_SHARE)
    suv = _painted_uptake(readings, rng)
    return Anatomy(
        sex=person.sex,
        age_years=person.age_years,
        height_m=person.height_m,
        bmi_kg_m2=person.bmi_kg_m2,
        weight_kg=person.bmi_kg_m2 * person.height_m**2,
        volumes_ml=volumes,
        suv=suv,
        hu=_draw_hu(person, contrast, rng),
        myocardium_pattern=_pattern(suv, rng),
        shape={name: _normal(rng) for name in SHAPE_LATENTS},
        contrast=contrast,
    )


def expected(person: Person) -> dict[str, tuple[float, float]]:
    """Mean and SD of every fitted quantity for a person's demographics.

    Keys are ``volume_ml/liver``, ``suv/liver``, …; the log-normal's own moments.
    """
    median, sd, _ = _distribution(person)
    mean = median * np.exp(sd**2 / 2)
    spread = mean * np.sqrt(np.expm1(sd**2))
    names = list(_fitted()["quantities"])
    return {
        n: (float(m), float(s)) for n, m, s in zip(names, mean, spread, strict=True)
    }


def _distribution(person: Person) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median, SD of the logarithm, and correlation factor of the quantities."""
    data = _fitted()
    x = regressors(person.sex, person.age_years, person.height_m, person.bmi_kg_m2)
    rows = data["quantities"].values()
    log_median = np.array(
        [
            np.dot(row["coefficients"], x)
            + (row["autopet_shift"] or _NO_SHIFT)[person.sex]
            for row in rows
        ]
    )
    sd = np.array([row["residual_sd"] for row in rows])
    return np.exp(log_median), sd, _factor()


_NO_SHIFT = {"F": 0.0, "M": 0.0}


def draw_quantities(person: Person, rng: np.random.Generator) -> dict[str, float]:
    """One joint draw of every fitted quantity: ``volume_ml/liver``, ``suv/liver``, …

    The first draws that ``draw_anatomy`` makes of its generator.
    """
    median, sd, factor = _distribution(person)
    normal = np.clip(factor @ rng.standard_normal(len(sd)), -_LIMIT_SD, _LIMIT_SD)
    values = median * np.exp(sd * normal)
    return dict(zip(_fitted()["quantities"], values.tolist(), strict=True))


def _painted_uptake(
    readings: dict[str, float], rng: np.random.Generator
) -> dict[str, float]:
    """SUV of every structure from whole-organ readings."""
    correction = _fitted().get("reading_correction", {})
    suv = {
        s.name: s.suv * float(np.exp(_OTHER_UPTAKE_SD * _normal(rng)))
        for s in STRUCTURES
    }
    for name, (quantity, factor) in _UPTAKE_FROM.items():
        suv[name] = readings[quantity] * factor
    blood = readings["aorta"]
    suv["blood_pool_left"] = suv["blood_pool_right"] = blood
    wall = (readings["heart"] - (1 - MYOCARDIUM_SHARE) * blood) / MYOCARDIUM_SHARE
    suv["myocardium"] = max(wall, 0.75 * blood)
    suv["brain_grey"] = readings["brain"] / (
        GREY_SHARE + (1 - GREY_SHARE) / GREY_TO_WHITE
    )
    suv["brain_white"] = suv["brain_grey"] / GREY_TO_WHITE
    median, sd = _RENAL_PELVIS_SUV
    for side in ("left", "right"):
        pelvis = median * float(np.exp(sd * _normal(rng)))
        suv[f"renal_pelvis_{side}"] = pelvis
        whole = readings[f"kidney_{side}"]
        cortex = (whole - RENAL_PELVIS_SHARE * pelvis) / (1 - RENAL_PELVIS_SHARE)
        suv[f"kidney_cortex_{side}"] = max(cortex, 0.5 * whole)
    return {name: value * correction.get(name, 1.0) for name, value in suv.items()}


def _draw_hu(
    person: Person, contrast: bool, rng: np.random.Generator
) -> dict[str, float]:
    enhancement = float(np.exp(_ENHANCEMENT_SD * _normal(rng)))
    hu = {}
    for structure in STRUCTURES:
        gain = (structure.hu_contrast - structure.hu) * enhancement if contrast else 0.0
        spread = _HU_SD if -300 < structure.hu < 300 else 0.03 * abs(structure.hu)
        hu[structure.name] = structure.hu + gain + spread * _normal(rng)
        if structure.name.endswith("_marrow"):
            hu[structure.name] += _MARROW_HU_PER_YEAR * (person.age_years - 55)
        if structure.organ == "muscle":
            hu[structure.name] += _MUSCLE_HU_PER_YEAR * max(person.age_years - 40, 0)
            hu[structure.name] += _MUSCLE_HU_PER_BMI * (person.bmi_kg_m2 - 25)
    return hu


def _pattern(suv: dict[str, float], rng: np.random.Generator) -> Pattern:
    """A cold wall shows no pattern; a warm one is patchy or even, as reported.

    Fasting 12 h: none 36, diffuse 26, patchy 38 % (oncologic PET, n = 302).
    """
    patchy = rng.random() < 0.5
    if suv["myocardium"] < 1.4 * suv["blood_pool_left"]:
        return "none"
    return "heterogeneous" if patchy else "homogeneous"


def _normal(rng: np.random.Generator) -> float:
    return float(np.clip(rng.standard_normal(), -_LIMIT_SD, _LIMIT_SD))


@cache
def _fitted() -> dict[str, Any]:
    return json.loads(files("vct.phantom").joinpath("fitted.json").read_text("utf-8"))


@cache
def _factor() -> np.ndarray:
    """Cholesky factor of the residual correlation."""
    return np.linalg.cholesky(np.array(_fitted()["correlation"]))
