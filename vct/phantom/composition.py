"""From demographics to a build: sizes, girth, fat, muscle wall, landmarks.

Body breadths, depths and girths are linear fits to ANSUR II (6068 adults) on height
and BMI; torso length follows 565 measured torsos. Lying flattens a trunk, hence
``LYING``. Volumes of subcutaneous and visceral fat follow fits to hedyPET (60 adults).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vct.phantom.activity import subcutaneous_fat_ml
from vct.phantom.frame import Frame, leg_fat, superellipse_area
from vct.phantom.outline import outline
from vct.phantom.structures import SHAPE_LATENTS

# ANSUR II at 1.70 m and 26 kg/m²: value, per cm of height, per BMI unit [mm].
ANSUR = {
    "M": {
        "chest_breadth": (280, 0.91, 2.81),
        "chest_depth": (240, 0.84, 5.56),
        "waist_breadth": (307, 1.25, 7.35),
        "waist_depth": (221, 0.78, 7.45),
        "hip_breadth": (331, 1.35, 4.54),
        "hip_depth": (231, 0.82, 5.79),
        "biacromial": (404, 1.48, 1.83),
        "neck_girth": (385, 0.73, 5.08),
        "thigh_girth": (591, 2.16, 12.83),
        "upper_arm_girth": (341, 0.96, 7.01),
        "bicristal": (265, 1.29, 2.12),
    },
    "F": {
        "chest_breadth": (277, 0.90, 3.31),
        "chest_depth": (226, 0.72, 5.2),  # bust 256 less the breasts
        "waist_breadth": (312, 1.19, 7.46),
        "waist_depth": (221, 0.54, 7.51),
        "hip_breadth": (367, 1.44, 5.63),
        "hip_depth": (241, 0.74, 5.94),
        "biacromial": (377, 1.58, 0.98),
        "neck_girth": (337, 0.77, 3.95),
        "thigh_girth": (640, 2.35, 13.73),
        "upper_arm_girth": (316, 0.96, 7.56),
        "bicristal": (284, 1.23, 1.6),
    },
}
LYING = {"breadth": 1.04, "depth": 0.94}
MASS_SHARE_IN_FIELD = 0.765  # of body weight, at 1.72 m
FAT_DENSITY, LEAN_DENSITY = 0.92, 1.05  # [g/mL]
# Lung top to hips: at 1.715 m, per meter of height, SD beside it [mm].
TORSO_MM = (641.0, 150.0, 43.0)
# Visceral fat in the field at 25 kg/m² and 50 years [mL], per kg/m², at a height [cm].
VISCERAL_ML = {"F": (2420.0, 215.0, 166.0), "M": (3570.0, 330.0, 177.0)}
VISCERAL_LEAST_ML = 1300.0
VISCERAL_PER_YEAR = 0.008
# What one SD of a latent moves [ln]: volumes of either fat beside demographics.
SUBCUTANEOUS_PER_SD = {"subcutaneous_thickness": 0.11, "visceral_share": -0.05}
VISCERAL_PER_SD = {"visceral_share": 0.25, "android_fat": 0.10}
MESENTERY_SHARE = 0.08  # of visceral fat: its vessels, nodes and folds
# Room that organs take where the anatomy names no volume.
ABDOMINAL_ML = {
    "liver": 1600.0, "spleen": 210.0, "kidney_left": 150.0, "kidney_right": 150.0,
    "stomach": 280.0, "pancreas": 85.0, "small_bowel": 820.0, "colon": 850.0,
    "urinary_bladder": 140.0, "gallbladder": 26.0,
}  # fmt: skip
OTHER_ABDOMINAL_ML = 900.0  # spine, psoas, vessels, pelvic organs
BELOW_DOME_MM = 30.0  # where the abdomen's room begins
# Trunks fill out and muscle thins with age; men carry fat at the waist.
CHEST_DEPTH_PER_YEAR = 0.001
WAIST_PER_YEAR = {"breadth": 0.0008, "depth": 0.0015}
ANDROID_SD = {"F": -0.2, "M": 0.3}
MUSCLE_WALL = {"F": 0.86, "M": 1.0}
MUSCLE_WALL_PER_YEAR = -0.004
MUSCLE_WALL_PER_BMI = 0.012


def build_frame(anatomy: Any) -> Frame:
    """Landmarks and profiles from an anatomy (see ``population.Anatomy``)."""
    sex = anatomy.sex
    latents = {k: float(np.clip(v, -2.5, 2.5)) for k, v in anatomy.shape.items()}
    unknown = set(latents) - set(SHAPE_LATENTS)
    if unknown:
        raise ValueError(
            f"shape latents {sorted(unknown)} are unknown to the phantom; "
            "use the names in vct.phantom.structures.SHAPE_LATENTS"
        )
    dh = 100.0 * anatomy.height_m - 170.0
    db = float(anatomy.bmi_kg_m2) - 26.0
    sizes = {k: c + h * dh + w * db for k, (c, h, w) in ANSUR[sex].items()}
    sizes["bmi"] = float(anatomy.bmi_kg_m2)
    sizes["height_cm"] = 100.0 * anatomy.height_m
    sizes["age"] = float(anatomy.age_years)
    sizes["weight_kg"] = float(anatomy.weight_kg)
    middle_mm, per_m, sd_mm = TORSO_MM
    torso = middle_mm + per_m * (anatomy.height_m - 1.715)
    torso += sd_mm * latents.get("torso_length", 0.0)
    frame = Frame(sex, float(np.clip(torso, 500, 800)), latents, sizes)
    frame.volumes_ml = dict(anatomy.volumes_ml)
    frame.bone_factors = dict(getattr(anatomy, "bone_factors", {}))
    _vary_sizes(frame)
    _fit_composition(frame)
    frame.marks = _marks(frame)
    return frame


def _fat_targets_ml(f: Frame) -> tuple[float, float]:
    """Subcutaneous and visceral fat in the field [mL].

    Fits to hedyPET (60 adults) on BMI by sex; the anatomy's own values win.
    """
    s = f.sizes
    under = subcutaneous_fat_ml(f.sex, s["bmi"], s["height_cm"])
    base, per_bmi, usual_cm = VISCERAL_ML[f.sex]
    size = (s["height_cm"] / usual_cm) ** 2
    inside = max(base + per_bmi * (s["bmi"] - 25.0), VISCERAL_LEAST_ML) * size
    inside *= 1.0 + VISCERAL_PER_YEAR * (s["age"] - 50)
    under *= math.exp(_moved(f, SUBCUTANEOUS_PER_SD))
    inside *= math.exp(_moved(f, VISCERAL_PER_SD))
    v = f.volumes_ml
    return v.get("subcutaneous_fat", under), v.get("visceral_fat", inside)


def _moved(f: Frame, per_sd: dict[str, float]) -> float:
    """What the frame's latents move together [ln]."""
    return sum(change * f.at(latent) for latent, change in per_sd.items())


def _fit_composition(f: Frame) -> None:
    """Girth, fat layer and muscle wall that give mass, and both fats' volumes."""
    under, inside = _fat_targets_ml(f)
    s = f.sizes
    girth = 1.0
    f.outline = outline(f, girth)
    for _ in range(5):
        girth = min(max(girth * _girth_for_weight(f), 0.84), 1.2)
        s["belly_fat"] *= min(max(under / _subcutaneous_ml(f), 0.5), 2.0)
        s["belly_fat"] = min(max(s["belly_fat"], 2.0), 95.0)
        f.outline = outline(f, girth)
    for _ in range(4):
        f.marks = _marks(f)
        excess, perimeter = _cavity_excess_ml(f, inside)
        s["wall_extra"] += min(max(1000.0 * excess / perimeter, -6.0), 10.0)
        s["wall_extra"] = min(max(s["wall_extra"], -10.0), 24.0)
        crowded, area = _upper_excess_ml(f)
        s["upper_extra"] += min(max(1000.0 * crowded / area, -6.0), 6.0)
        s["upper_extra"] = min(max(s["upper_extra"], -14.0), 0.0)
        f.outline = outline(f, girth)
    f.marks = _marks(f)
    excess, _ = _cavity_excess_ml(f, inside)
    spare = max(excess, 0.0) + MESENTERY_SHARE * inside
    s["mesentery_share"] = min(max(spare / (inside + max(excess, 0.0)), 0.05), 0.5)


def _upper_excess_ml(f: Frame) -> tuple[float, float]:
    """Room under the domes beyond the organs there [mL], and its wall's area [mm²]."""
    o, v = f.outline, f.volumes_ml
    inside = (o.z < f.marks["dome"] - BELOW_DOME_MM) & (o.z > f.level(0.50))
    step = o.z[1] - o.z[0]
    room = float(superellipse_area(o.ac, o.bc, o.n)[inside].sum()) * step / 1000
    organs = sum(v.get(k, ABDOMINAL_ML[k]) for k in ("liver", "spleen", "stomach"))
    area = float((math.pi * (o.ac + o.bc))[inside].sum()) * step
    return room - 1.20 * organs - 700.0 * (f.torso_mm / 641), area


def _subcutaneous_ml(f: Frame) -> float:
    """Fat between skin and muscle in trunk, thighs, arms and breasts [mL]."""
    o, s = f.outline, f.sizes
    trunk = (o.z < 30) & (o.z > f.level(1.0))
    skin = 2.0
    ring = superellipse_area(o.a - skin, o.b - skin, o.n)
    ring = ring - superellipse_area(o.am, o.bm, o.n)
    total = float(ring[trunk].sum() * (o.z[1] - o.z[0]))
    for girth, fat, length in (
        (s["thigh_girth"], leg_fat(f) - skin, max(0.0, 830 - f.torso_mm)),
        (s["upper_arm_girth"] * 0.92, 0.25 * s["belly_fat"], 290.0),
    ):
        r = girth / (2 * math.pi)
        total += 2 * length * math.pi * ((r - skin) ** 2 - (r - skin - fat) ** 2)
    return total / 1000.0 + 450.0 + (500.0 if f.sex == "F" else 0.0)


def _cavity_excess_ml(f: Frame, fat_ml: float) -> tuple[float, float]:
    """Room in the abdomen beyond organs and fat [mL], and its wall's area [mm²]."""
    o, v = f.outline, f.volumes_ml
    inside = (o.z < f.marks["dome"] - BELOW_DOME_MM) & (o.z > f.level(0.93))
    step = o.z[1] - o.z[0]
    room = float(superellipse_area(o.ac, o.bc, o.n)[inside].sum()) * step / 1000
    organs = sum(v.get(k, usual) for k, usual in ABDOMINAL_ML.items())
    wall = (o.z < f.level(0.34)) & (o.z > f.level(0.72))
    area = float((2 * math.pi * 0.5 * (o.ac + o.bc))[wall].sum()) * step
    return room - organs - OTHER_ABDOMINAL_ML * (f.torso_mm / 641) - fat_ml, area


def _vary_sizes(f: Frame) -> None:
    s, at = f.sizes, f.at
    chest = 1.0 + 0.03 * at("chest_aspect")
    s["chest_breadth"] *= LYING["breadth"] / chest
    s["chest_depth"] *= (
        LYING["depth"] * chest * (1.0 + CHEST_DEPTH_PER_YEAR * (s["age"] - 50))
    )
    android = at("android_fat") + ANDROID_SD[f.sex]
    wider, deeper = (n * (s["age"] - 45) for n in WAIST_PER_YEAR.values())
    s["waist_breadth"] *= LYING["breadth"] * (
        1.0 + 0.025 * android + 0.02 * at("waist_breadth") + wider
    )
    s["waist_depth"] *= LYING["depth"] * (1.0 + 0.03 * android + deeper)
    s["hip_breadth"] *= LYING["breadth"] * (
        1.0 - 0.015 * android + 0.02 * at("hip_breadth")
    )
    s["hip_depth"] *= LYING["depth"]
    s["biacromial"] *= 1.0 + 0.03 * at("shoulder_breadth")
    s["bicristal"] *= 1.0 + 0.03 * at("pelvis_breadth")
    s["belly_fat"] = 25.0 if f.sex == "F" else 15.0
    s["wall_extra"] = s["upper_extra"] = 0.0
    s["muscle"] = (
        MUSCLE_WALL[f.sex]
        * (1.0 + 0.10 * at("muscle_thickness"))
        * (1.0 + MUSCLE_WALL_PER_YEAR * (s["age"] - 45))
        * (1.0 + MUSCLE_WALL_PER_BMI * (s["bmi"] - 25))
    )


def _girth_for_weight(f: Frame) -> float:
    """Factor on trunk breadths by which the field holds its share of the weight."""
    o = f.outline
    trunk = (o.z < 30) & (o.z > f.level(1.02))
    whole = superellipse_area(o.a, o.b, o.n)
    lean = superellipse_area(o.am, o.bm, o.n)
    step = o.z[1] - o.z[0]
    lungs = f.volumes_ml.get("lung_left", 1450) + f.volumes_ml.get("lung_right", 1700)
    kg = (
        1e-6
        * step
        * (LEAN_DENSITY * lean[trunk] + FAT_DENSITY * (whole - lean)[trunk]).sum()
        - 0.8e-3 * lungs
    )
    thigh = f.sizes["thigh_girth"] ** 2 / (4 * math.pi)
    kg += 2e-6 * thigh * max(0.0, 830 - 1.02 * f.torso_mm)
    arm = f.sizes["upper_arm_girth"] ** 2 / (4 * math.pi)
    kg += 2e-6 * arm * 0.9 * 260 + 5.2
    wanted = f.sizes["weight_kg"] * (
        MASS_SHARE_IN_FIELD - 0.10 * (f.sizes["height_cm"] - 172) / 100
    )
    return float(np.clip(math.sqrt(max(wanted, 15.0) / kg), 0.86, 1.16))


def _marks(f: Frame) -> dict[str, float]:
    """Heights and places of the landmarks [mm]."""
    at, u, v = f.at, f.level, f.volumes_ml
    scale = f.torso_mm / 641.0
    lungs = v.get("lung_left", 1450.0) + v.get("lung_right", 1700.0)
    z = np.arange(-180.0, 0.0, 5.0)
    o = f.outline.resampled(z)
    area = float(np.mean(superellipse_area(o.ac, o.bc, o.n))) * 1e-3
    reach = lungs / (0.72 * area) * (1.0 + 0.04 * at("lung_length_share"))
    dome = -float(np.clip(reach, 118.0, 0.42 * f.torso_mm)) + 3.0 * at(
        "diaphragm_height"
    )
    brain = v.get("brain", 1380.0)
    vertex = 262.0 + 0.9 * (f.sizes["height_cm"] - 172) + 7.0 * at("neck_length")
    return {
        "scale": scale,
        "dome": dome,
        "dome_left": dome - 12.0 - 5.0 * at("diaphragm_asymmetry"),
        "vertex": vertex,
        "head": (brain / 1400.0) ** (1 / 3),
        "hip": u(0.895),
        "symphysis": u(0.945),
        "crotch": u(1.03),
        "back": float(np.interp(u(0.25), f.outline.z, f.outline.yc + f.outline.b)),
    }
