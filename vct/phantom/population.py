"""One person's anatomy and uptake, drawn from the fitted population.

The fit (``fitted.json``, made by ``vct.phantom.fitting``) gives means given sex, age,
height and BMI, residual spreads and their correlation. What it lacks comes from the
constants below and in ``vct.phantom.painted_uptake``; ``vct.phantom.sources`` lists all
with their origin. A value is what an instrument reads on a whole organ.
"""

import json
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np

from vct.phantom.activity import activity_share
from vct.phantom.bones import bone_factors
from vct.phantom.demographics import Person, regressors, weight_per_lean_mass
from vct.phantom.mixture import log_moment, quantile
from vct.phantom.painted_uptake import corrected, painted_uptake
from vct.phantom.structures import SHAPE_LATENTS, STRUCTURES

Pattern = Literal["none", "heterogeneous", "homogeneous"]

# Residuals and latents beyond this many SD are drawn back: nobody is impossible.
LIMIT_SD = 3.0
# SUV × volume of the field over the weight is 0.81 ± 0.05, at most 0.94, in hedyPET,
# whatever the BMI. Independent residuals would spread it more: a draw is kept with the
# chance exp(-(share - middle)² / 2 width²), and never above the most.
ACTIVITY_SHARE_MIDDLE, ACTIVITY_SHARE_WIDTH = 0.80, 0.11
MOST_ACTIVITY_SHARE = 0.93
MOST_ATTEMPTS = 200  # seven in ten draws are kept at the range's corners
# Of 302 oncologic PETs: none 36.1, diffuse 25.5, focal or focal on diffuse 38.4 %.
PATCHY_SHARE_OF_WARM = 0.6
COLD_HEART_TO_BLOOD = 1.13  # 38 % of hedyPET's hearts read less
CONTRAST_SHARE = 0.94  # 952 of 1014 AutoPET studies are portal-venous
# Native and enhanced HU are ``structures.STRUCTURES``'; spread between subjects:
HU_SD = 5.0  # whole-organ, an assumption
LIVER_HU_SD = 9.0  # Graffy 2019: 55 ± 10, of which BMI explains 14 %
LIVER_HU_PER_BMI = -0.7  # r² 0.14 at SD 10 HU and 5 kg/m²
ENHANCEMENT_SD = 0.15  # ln; weight-independent contrast dose, an assumption
MARROW_HU_PER_YEAR = -2.0  # L1 trabecular −2.5 HU a year, Jang 2019 (n = 20 374)
MUSCLE_HU_PER_YEAR = -0.3  # after 40 y, textbook
MUSCLE_HU_PER_BMI = -0.6  # van der Werf 2017: falls with BMI


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
    bone_factors
        Factor on cross-sections, by ``bones.BONES``: the volume over that of a plain
        bone of equal length, to the power 1 / gain, within ``bones.FACTOR_RANGE``.
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
    bone_factors: dict[str, float] = field(default_factory=dict)


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
    readings = _of_kind("suv", quantities)
    whole = corrected(readings, person.sex, fitted_table()["reading_correction"])
    suv = painted_uptake(whole, {s.name: _normal(rng) for s in STRUCTURES})
    contrast = bool(rng.random() < CONTRAST_SHARE)
    return Anatomy(
        sex=person.sex,
        age_years=person.age_years,
        height_m=person.height_m,
        bmi_kg_m2=person.bmi_kg_m2,
        weight_kg=person.bmi_kg_m2 * person.height_m**2,
        volumes_ml=_of_kind("volume_ml", quantities),
        suv=suv,
        hu=_draw_hu(person, contrast, rng),
        myocardium_pattern=_pattern(readings, rng),
        shape={name: _normal(rng) for name in SHAPE_LATENTS},
        contrast=contrast,
        bone_factors=bone_factors(person, _normal(rng), fitted_table()["bones"]),
    )


def draw_quantities(person: Person, rng: np.random.Generator) -> dict[str, float]:
    """One joint draw of every fitted quantity: ``volume_ml/liver``, ``suv/liver``, …

    The first draws that ``draw_anatomy`` makes of its generator. Draws that hold an
    unlikely share of the injected activity are drawn again.

    Raises
    ------
    ValueError
        If demographics lie so far out that every draw does.
    """
    for _ in range(MOST_ATTEMPTS):
        drawn = _draw_once(person, rng)
        share = activity_share(person, drawn)
        off = (share - ACTIVITY_SHARE_MIDDLE) / ACTIVITY_SHARE_WIDTH
        if rng.random() < np.exp(-(off**2) / 2) and share <= MOST_ACTIVITY_SHARE:
            return drawn
    raise ValueError(
        f"nobody of sex {person.sex}, {person.age_years:g} y, {person.height_m:g} m, "
        f"{person.bmi_kg_m2:g} kg/m² was found among {MOST_ATTEMPTS} draws; the fit "
        "does not reach that far: choose demographics nearer to measured people"
    )


def _draw_once(person: Person, rng: np.random.Generator) -> dict[str, float]:
    median, sd, factor = _distribution(person)
    normal = np.clip(factor @ rng.standard_normal(len(sd)), -LIMIT_SD, LIMIT_SD)
    heart = _names().index("suv/heart")
    normal[heart] = quantile(fitted_table()["heart_mixture"], normal[heart])
    values = median * np.exp(sd * normal)
    return dict(zip(_names(), values.tolist(), strict=True))


def expected(person: Person) -> dict[str, tuple[float, float]]:
    """Mean and SD of every fitted quantity for a person's demographics.

    Keys are ``volume_ml/liver``, ``suv/liver``, …; what ``LIMIT_SD`` and the
    activity's limits take off the tails is left in.
    """
    median, sd, _ = _distribution(person)
    first, second = sd**2 / 2, 2 * sd**2  # of ln E[exp r] and ln E[exp 2 r]
    heart, mixture = _names().index("suv/heart"), fitted_table()["heart_mixture"]
    first[heart] = log_moment(mixture, sd[heart])
    second[heart] = log_moment(mixture, 2 * sd[heart])
    mean = median * np.exp(first)
    spread = mean * np.sqrt(np.expm1(second - 2 * first))
    return {
        n: (float(m), float(s)) for n, m, s in zip(_names(), mean, spread, strict=True)
    }


def _distribution(person: Person) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median, SD of the logarithm, and correlation factor of the quantities."""
    x = regressors(person)
    beta, shift, sd, is_suv, factor = _parameters(person.sex)
    lean = np.log(weight_per_lean_mass(person.sex, person.bmi_kg_m2))
    return np.exp(beta @ x + shift + lean * is_suv), sd, factor


@cache
def _parameters(sex: str) -> tuple[np.ndarray, ...]:
    """Slopes, shift to AutoPET, SD, whether uptake, and Cholesky factor."""
    rows = list(fitted_table()["quantities"].values())
    return (
        np.array([row["coefficients"] for row in rows]),
        np.array([(row["autopet_shift"] or _NO_SHIFT)[sex] for row in rows]),
        np.array([row["residual_sd"][sex] for row in rows]),
        np.array([name.startswith("suv/") for name in _names()]),
        np.linalg.cholesky(np.array(fitted_table()["correlation"])),
    )


_NO_SHIFT = {"F": 0.0, "M": 0.0}


def _of_kind(kind: str, quantities: dict[str, float]) -> dict[str, float]:
    """``{"liver": …}`` from ``{"suv/liver": …}``."""
    named = {tuple(name.split("/")): value for name, value in quantities.items()}
    return {name: value for (k, name), value in named.items() if k == kind}


def _draw_hu(
    person: Person, contrast: bool, rng: np.random.Generator
) -> dict[str, float]:
    enhancement = float(np.exp(ENHANCEMENT_SD * _normal(rng)))
    hu = {}
    for structure in STRUCTURES:
        gain = (structure.hu_contrast - structure.hu) * enhancement if contrast else 0.0
        spread = HU_SD if -300 < structure.hu < 300 else 0.03 * abs(structure.hu)
        if structure.name == "liver":
            spread = LIVER_HU_SD
            gain += LIVER_HU_PER_BMI * (person.bmi_kg_m2 - 26)
        hu[structure.name] = structure.hu + gain + spread * _normal(rng)
        if structure.name.endswith("_marrow"):
            hu[structure.name] += MARROW_HU_PER_YEAR * (person.age_years - 55)
        if "muscle" in structure.name:
            hu[structure.name] += MUSCLE_HU_PER_YEAR * max(person.age_years - 40, 0)
            hu[structure.name] += MUSCLE_HU_PER_BMI * (person.bmi_kg_m2 - 25)
    return hu


def _pattern(readings: dict[str, float], rng: np.random.Generator) -> Pattern:
    """How uptake lies in the wall: none to see, patchy or even."""
    patchy = rng.random() < PATCHY_SHARE_OF_WARM
    if readings["heart"] < COLD_HEART_TO_BLOOD * readings["aorta"]:
        return "none"
    return "heterogeneous" if patchy else "homogeneous"


def _normal(rng: np.random.Generator) -> float:
    return float(np.clip(rng.standard_normal(), -LIMIT_SD, LIMIT_SD))


@cache
def _names() -> tuple[str, ...]:
    return tuple(fitted_table()["quantities"])


@cache
def fitted_table() -> dict[str, Any]:
    """The committed fit."""
    return json.loads(files("vct.phantom").joinpath("fitted.json").read_text("utf-8"))
