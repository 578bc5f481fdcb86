"""From what an instrument reads on whole organs to what is painted.

Blur carries activity over edges and labels take in some of their neighbors, so a
painted value is a reading times a correction measured on rendered phantoms
(``reading_correction`` in the fitted table, made by ``vct.phantom.calibration``).
Whole-organ readings are then split among an organ's parts.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from vct.phantom.structures import STRUCTURES

# Share of whole organs that the painted parts make, from the geometry.
MYOCARDIUM_SHARE = 0.39
RENAL_PELVIS_SHARE = 0.05
GREY_SHARE = 0.49
GREY_TO_WHITE = 2.4  # FDG contrast of grey to white matter, textbook 2-3
# Urine in the renal pelvis at 60 min: 5-20, textbook range; log-normal.
RENAL_PELVIS_SUV = (9.0, 0.45)
# A wall without uptake still perfuses: it reads a little under blood.
COLDEST_WALL_TO_BLOOD = 0.8
# Between-subject SD of ln SUV of structures no fit covers: an assumption.
OTHER_UPTAKE_SD = 0.22

# Structures that take the uptake of a fitted quantity, times a factor for their part
# of it (marrow is hotter than cortex; whole-bone readings lie between).
UPTAKE_FROM: dict[str, tuple[str, float]] = {
    "liver": ("liver", 1.0),
    "spleen": ("spleen", 1.0),
    "aorta": ("aorta", 1.0),
    "vena_cava": ("aorta", 0.97),
    "lung_left": ("lung_left", 1.0),
    "lung_right": ("lung_right", 1.0),
    "stomach": ("stomach", 1.0),
    "pancreas": ("pancreas", 1.0),
    "gallbladder": ("gallbladder", 1.0),
    "small_bowel": ("small_bowel", 1.0),
    "colon": ("colon", 1.0),
    "urinary_bladder": ("urinary_bladder", 1.0),
    "muscle_wall": ("muscle", 1.0),
    "paraspinal_muscle": ("muscle", 1.0),
    "psoas_muscle": ("muscle", 1.08),
    "gluteal_muscle": ("muscle", 0.9),
    "thigh_muscle": ("muscle", 0.95),
    "arm_muscle": ("muscle", 1.0),
    "shoulder_muscle": ("muscle", 1.0),
    "neck_muscle": ("muscle", 1.1),
    "subcutaneous_fat": ("subcutaneous_fat", 1.0),
    # What is read in people as visceral fat is bowel wall and vessels in good part.
    "visceral_fat": ("visceral_fat", 0.4),
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
    "sternum": ("sternum", 1.0),
    "scapulae": ("scapulae", 1.0),
    "clavicles": ("clavicles", 1.0),
    "thyroid": ("thyroid", 1.0),
    "spinal_cord": ("spinal_cord", 1.0),
    # Tissue without a name of its own: textbook values over their mean of 1.0.
    "skin": ("other_soft_tissue", 0.6),
    "soft_tissue": ("other_soft_tissue", 1.0),
    "breast_gland": ("other_soft_tissue", 0.8),
    "salivary_glands": ("other_soft_tissue", 1.9),
    "tonsils": ("other_soft_tissue", 3.0),
    "eyes": ("other_soft_tissue", 1.1),
    "cerebrospinal_fluid": ("other_soft_tissue", 1.1),
    "uterus": ("other_soft_tissue", 1.5),
}
# What takes a quantity's uptake and is no part of it, or is too thin or too near the
# brain to be read.
_NOT_READ = ("vena_cava", "skin", "cerebrospinal_fluid")
# Parts that derive from whole-organ readings below.
_HEART = ("myocardium", "blood_pool_left", "blood_pool_right")
_KIDNEYS = {
    f"kidney_{side}": (f"kidney_cortex_{side}", f"renal_pelvis_{side}")
    for side in ("left", "right")
}
_BRAIN = ("brain_grey", "brain_white")


def structures_read() -> dict[str, tuple[str, ...]]:
    """Structures under whose labels each fitted quantity is read."""
    read: dict[str, list[str]] = {}
    for structure, (quantity, _) in UPTAKE_FROM.items():
        if structure not in _NOT_READ:
            read.setdefault(quantity, []).append(structure)
    parts = {"heart": _HEART, "brain": _BRAIN, **_KIDNEYS}
    return {name: tuple(v) for name, v in read.items()} | parts


def corrected(
    readings: Mapping[str, float], sex: str, correction: Mapping[str, Any]
) -> dict[str, float]:
    """What whole organs are painted with on average, from what is to be read.

    ``correction`` maps a quantity to ``factor`` by sex, ``exponent`` and ``at`` [g/mL]:
    painted = factor · at · (reading / at) ** exponent.
    """
    painted = dict(readings)
    for name, row in correction.items():
        relative = readings[name] / row["at"]
        painted[name] = row["factor"][sex] * row["at"] * relative ** row["exponent"]
    return painted


def painted_uptake(
    whole: Mapping[str, float], normals: Mapping[str, float]
) -> dict[str, float]:
    """SUV of every structure [g/mL].

    Parameters
    ----------
    whole
        Mean painted SUV of each fitted quantity.
    normals
        A standard normal number by structure; used where no quantity covers it.
    """
    suv = {
        s.name: s.suv * float(np.exp(OTHER_UPTAKE_SD * normals[s.name]))
        for s in STRUCTURES
    }
    for name, (quantity, factor) in UPTAKE_FROM.items():
        suv[name] = whole[quantity] * factor
    suv |= _heart(whole["heart"], whole["aorta"])
    grey = whole["brain"] / (GREY_SHARE + (1 - GREY_SHARE) / GREY_TO_WHITE)
    suv["brain_grey"], suv["brain_white"] = grey, grey / GREY_TO_WHITE
    median, sd = RENAL_PELVIS_SUV
    for kidney, (cortex, pelvis) in _KIDNEYS.items():
        urine = median * float(np.exp(sd * normals[pelvis]))
        rest = (whole[kidney] - RENAL_PELVIS_SHARE * urine) / (1 - RENAL_PELVIS_SHARE)
        suv[pelvis] = urine
        suv[cortex] = max(rest, 0.5 * whole[kidney])
    return suv


def _heart(heart: float, blood: float) -> dict[str, float]:
    """Wall and blood pools that average to the heart; a cold heart cools its blood."""
    share = MYOCARDIUM_SHARE
    pool = min(blood, heart / (1 - share + share * COLDEST_WALL_TO_BLOOD))
    return {
        "myocardium": (heart - (1 - share) * pool) / share,
        "blood_pool_left": pool,
        "blood_pool_right": pool,
    }
