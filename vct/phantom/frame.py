"""The build of one phantom: landmarks, outline and cavity at every level [mm].

Host numbers only. Levels count from the lung top (z = 0) downward, mostly as a
share ``u`` of the torso length (lung top to the lowest point of the hips). Body
breadths, depths and girths are linear fits to ANSUR II (6068 adults) on height and
BMI; torso length follows 565 measured torsos (641 mm from lung top to hips at
1.715 m, 150 mm per meter, SD 43 mm). Lying flattens a trunk, hence ``LYING``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vct.phantom.structures import SHAPE_LATENTS

# ANSUR II at 1.70 m and 26 kg/m²: value, per cm of height, per BMI unit [mm].
_ANSUR = {
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


@dataclass
class Frame:
    """Landmarks and per-level profiles of one subject [mm]."""

    sex: str
    torso_mm: float
    latents: dict[str, float]
    sizes: dict[str, float]
    outline: Profiles = field(init=False)
    marks: dict[str, float] = field(init=False)
    volumes_ml: dict[str, float] = field(default_factory=dict)

    def at(self, name: str) -> float:
        """A shape latent, 0 where the anatomy names none."""
        return self.latents.get(name, 0.0)

    def level(self, u: float) -> float:
        """Height z of a share of the torso length below the lung top [mm]."""
        return -u * self.torso_mm

    def profile(self, name: str, z: float) -> float:
        """One profile at a height z [mm]."""
        return float(np.interp(z, self.outline.z, getattr(self.outline, name)))


@dataclass
class Profiles:
    """Trunk cross-sections against z [mm]; all arrays share the shape of ``z``.

    The outline is a superellipse of half breadth ``a``, half depth ``b``, middle
    ``yc`` and exponent ``n``; ``am bm ym`` is what the subcutaneous fat encloses,
    ``ac bc yv`` the cavity inside the muscle wall; ``xs ys`` the vertebral bodies.
    """

    z: np.ndarray
    a: np.ndarray
    b: np.ndarray
    yc: np.ndarray
    n: np.ndarray
    am: np.ndarray
    bm: np.ndarray
    ym: np.ndarray
    ac: np.ndarray
    bc: np.ndarray
    yv: np.ndarray
    xs: np.ndarray
    ys: np.ndarray

    def resampled(self, z: np.ndarray) -> Profiles:
        """The same profiles at other heights."""
        names = ("a", "b", "yc", "n", "am", "bm", "ym", "ac", "bc", "yv", "xs", "ys")
        return Profiles(z, *(np.interp(z, self.z, getattr(self, n)) for n in names))


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
    sizes = {k: c + h * dh + w * db for k, (c, h, w) in _ANSUR[sex].items()}
    sizes["bmi"] = float(anatomy.bmi_kg_m2)
    sizes["height_cm"] = 100.0 * anatomy.height_m
    sizes["age"] = float(anatomy.age_years)
    sizes["weight_kg"] = float(anatomy.weight_kg)
    torso = 641.0 + 150.0 * (anatomy.height_m - 1.715)
    torso += 43.0 * latents.get("torso_length", 0.0)
    frame = Frame(sex, float(np.clip(torso, 500, 800)), latents, sizes)
    frame.volumes_ml = dict(anatomy.volumes_ml)
    _vary_sizes(frame)
    _fit_composition(frame)
    frame.marks = _marks(frame)
    return frame


def _fat_targets_ml(f: Frame) -> tuple[float, float]:
    """Subcutaneous and visceral fat in the field [mL].

    Fits to hedyPET (60 adults) on BMI by sex; the anatomy's own values win.
    """
    s, at = f.sizes, f.at
    b = s["bmi"] - 25.0
    size = (s["height_cm"] / (177.0 if f.sex == "M" else 166.0)) ** 2
    if f.sex == "M":
        under, inside = 12900.0 + 1450.0 * b, 3570.0 + 330.0 * b
    else:
        under, inside = 18900.0 + 1830.0 * b, 2420.0 + 215.0 * b
    under = max(under, 3000.0 + 100.0 * s["bmi"]) * size
    inside = max(inside, 1300.0) * size * (1.0 + 0.008 * (s["age"] - 50))
    under *= math.exp(0.11 * at("subcutaneous_thickness") - 0.05 * at("visceral_share"))
    inside *= math.exp(0.25 * at("visceral_share") + 0.10 * at("android_fat"))
    v = f.volumes_ml
    return v.get("subcutaneous_fat", under), v.get("visceral_fat", inside)


def _fit_composition(f: Frame) -> None:
    """Girth, fat layer and muscle wall that give mass, and both fats' volumes."""
    under, inside = _fat_targets_ml(f)
    s = f.sizes
    girth = 1.0
    f.outline = _outline(f, girth)
    for _ in range(5):
        girth = min(max(girth * _girth_for_weight(f), 0.84), 1.2)
        s["belly_fat"] *= min(max(under / _subcutaneous_ml(f), 0.5), 2.0)
        s["belly_fat"] = min(max(s["belly_fat"], 2.0), 95.0)
        f.outline = _outline(f, girth)
    for _ in range(4):
        f.marks = _marks(f)
        excess, perimeter = _cavity_excess_ml(f, inside)
        s["wall_extra"] += min(max(1000.0 * excess / perimeter, -6.0), 10.0)
        s["wall_extra"] = min(max(s["wall_extra"], -10.0), 24.0)
        crowded, area = _upper_excess_ml(f)
        s["upper_extra"] += min(max(1000.0 * crowded / area, -6.0), 6.0)
        s["upper_extra"] = min(max(s["upper_extra"], -14.0), 0.0)
        f.outline = _outline(f, girth)


def _upper_excess_ml(f: Frame) -> tuple[float, float]:
    """Room under the domes beyond the organs there [mL], and its wall's area [mm²]."""
    o, v = f.outline, f.volumes_ml
    inside = (o.z < f.marks["dome"] - _DOME_MM) & (o.z > f.level(0.50))
    step = o.z[1] - o.z[0]
    room = float(superellipse_area(o.ac, o.bc, o.n)[inside].sum()) * step / 1000
    organs = sum(v.get(k, _ABDOMINAL_ML[k]) for k in ("liver", "spleen", "stomach"))
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


def leg_fat(f: Frame) -> float:
    """Depth of skin and fat over the thigh's muscle [mm]."""
    fat = 0.55 * f.sizes["belly_fat"] * (1.25 if f.sex == "F" else 0.75) + 4
    return min(fat, 0.35 * f.sizes["thigh_girth"] / (2 * math.pi))


def _cavity_excess_ml(f: Frame, fat_ml: float) -> tuple[float, float]:
    """Room in the abdomen beyond organs and fat [mL], and its wall's area [mm²]."""
    o, v = f.outline, f.volumes_ml
    inside = (o.z < f.marks["dome"] - _DOME_MM) & (o.z > f.level(0.93))
    step = o.z[1] - o.z[0]
    room = float(superellipse_area(o.ac, o.bc, o.n)[inside].sum()) * step / 1000
    organs = sum(v.get(k, usual) for k, usual in _ABDOMINAL_ML.items())
    wall = (o.z < f.level(0.34)) & (o.z > f.level(0.72))
    area = float((2 * math.pi * 0.5 * (o.ac + o.bc))[wall].sum()) * step
    return room - organs - _OTHER_ABDOMINAL_ML * (f.torso_mm / 641) - fat_ml, area


_DOME_MM = 30.0
_OTHER_ABDOMINAL_ML = 900.0  # spine, psoas, vessels, pelvic organs
_ABDOMINAL_ML = {
    "liver": 1600.0, "spleen": 210.0, "kidney_left": 150.0, "kidney_right": 150.0,
    "stomach": 280.0, "pancreas": 85.0, "small_bowel": 820.0, "colon": 850.0,
    "urinary_bladder": 140.0, "gallbladder": 26.0,
}  # fmt: skip


def _vary_sizes(f: Frame) -> None:
    s, at = f.sizes, f.at
    chest = 1.0 + 0.03 * at("chest_aspect")
    s["chest_breadth"] *= LYING["breadth"] / chest
    s["chest_depth"] *= LYING["depth"] * chest * (1.0 + 0.001 * (s["age"] - 50))
    android = at("android_fat") + (0.3 if f.sex == "M" else -0.2)
    s["waist_breadth"] *= LYING["breadth"] * (
        1.0 + 0.025 * android + 0.02 * at("waist_breadth") + 0.0008 * (s["age"] - 45)
    )
    s["waist_depth"] *= LYING["depth"] * (
        1.0 + 0.03 * android + 0.0015 * (s["age"] - 45)
    )
    s["hip_breadth"] *= LYING["breadth"] * (
        1.0 - 0.015 * android + 0.02 * at("hip_breadth")
    )
    s["hip_depth"] *= LYING["depth"]
    s["biacromial"] *= 1.0 + 0.03 * at("shoulder_breadth")
    s["bicristal"] *= 1.0 + 0.03 * at("pelvis_breadth")
    s["belly_fat"] = 25.0 if f.sex == "F" else 15.0
    s["wall_extra"] = s["upper_extra"] = 0.0
    s["muscle"] = (
        (1.0 if f.sex == "M" else 0.86)
        * (1.0 + 0.10 * at("muscle_thickness"))
        * (1.0 - 0.004 * (s["age"] - 45))
        * (1.0 + 0.012 * (s["bmi"] - 25))
    )


def _curve(z: np.ndarray, points: list[tuple[float, float]]) -> np.ndarray:
    """Smooth curve through (z, value) points, flat beyond their ends."""
    p = sorted(points)
    v = np.interp(z, [q[0] for q in p], [q[1] for q in p])
    width = 12.0 / (z[1] - z[0])
    n = int(3 * width)
    kernel = np.exp(-0.5 * (np.arange(-n, n + 1) / width) ** 2)
    return np.convolve(np.pad(v, n, mode="edge"), kernel / kernel.sum(), "valid")


def _outline(f: Frame, girth: float) -> Profiles:
    s, at, u = f.sizes, f.at, f.level
    z = np.arange(-840.0, 330.0, 2.0)
    cb, cd = 0.5 * s["chest_breadth"] * girth, 0.5 * s["chest_depth"] * girth
    wb, wd = 0.5 * s["waist_breadth"] * girth, 0.5 * s["waist_depth"] * girth
    hb, hd = 0.5 * s["hip_breadth"] * girth, 0.5 * s["hip_depth"] * girth
    sh = 0.5 * s["biacromial"]
    neck = s["neck_girth"] / (2 * math.pi) * math.sqrt(girth)
    a = _curve(z, [
        (120, neck), (45, neck), (15, neck * 1.35), (-8, 0.66 * sh), (-30, 0.84 * sh),
        (-60, 0.5 * (0.9 * sh + cb * 1.1)), (u(0.17), cb * 1.10), (u(0.28), cb * 1.08),
        (u(0.45), 0.35 * cb + 0.65 * wb), (u(0.60), wb), (u(0.72), 0.5 * (wb + hb)),
        (u(0.86), hb), (u(1.0), hb), (u(1.2), hb * 0.97), (u(1.4), hb * 0.94),
    ])  # fmt: skip
    b = _curve(z, [
        (120, neck * 1.02), (45, neck), (12, neck * 1.05), (-20, 0.68 * cd),
        (-60, 0.86 * cd), (u(0.18), cd), (u(0.32), cd),
        (u(0.46), 0.45 * cd + 0.55 * wd), (u(0.58), wd),
        (u(0.72), 0.55 * wd + 0.45 * hd),
        (u(0.88), hd * 0.97), (u(1.0), hd * 0.93), (u(1.2), hd * 0.85),
    ])  # fmt: skip
    back = cd  # the back lies flat: its plane, with the chest's middle at y = 0
    lift = _curve(z, [
        (150, 30), (60, 34 + 5 * at("kyphosis")), (10, 16), (-50, 3), (u(0.25), 0),
        (u(0.5), 4), (u(0.62), 9 + 3 * at("lordosis")), (u(0.78), 3), (u(0.9), 0),
        (u(1.1), 8), (u(1.3), 14),
    ])  # fmt: skip
    yc = back - lift - b
    n = _curve(z, [
        (60, 2.0), (0, 2.0), (-60, 2.25), (u(0.25), 2.4), (u(0.55), 2.25),
        (u(0.9), 2.4), (u(1.2), 2.4),
    ])  # fmt: skip
    t = s["belly_fat"]
    # Women carry more of their fat on hips and thighs, less on the chest.
    gynoid, chest = (1.45, 0.72) if f.sex == "F" else (1.0, 1.0)
    side = t * _curve(z, [
        (60, 0.3), (0, 0.45 * chest), (-60, 0.55 * chest), (u(0.25), 0.58 * chest),
        (u(0.45), 0.75 * chest),
        (u(0.6), 0.95), (u(0.75), 1.05 * gynoid), (u(0.95), 1.15 * gynoid),
        (u(1.2), 0.9 * gynoid),
    ])  # fmt: skip
    front = t * _curve(z, [
        (60, 0.35), (-40, 0.45 * chest), (u(0.25), 0.5 * chest),
        (u(0.4), 0.7 * chest), (u(0.6), 1.05),
        (u(0.75), 1.2), (u(0.9), 1.0), (u(1.1), 0.7),
    ])  # fmt: skip
    rear = t * _curve(z, [
        (60, 0.4), (-40, 0.6 * chest), (u(0.25), 0.6 * chest),
        (u(0.5), 0.75 * chest), (u(0.68), 1.1),
        (u(0.85), 1.35), (u(1.0), 1.2), (u(1.2), 0.7),
    ])  # fmt: skip
    side = 2.0 + np.minimum(side, 0.32 * a)
    front = 2.0 + np.minimum(front, 0.35 * b)
    rear = 2.0 + np.minimum(rear, 0.35 * b)
    am, bm = a - side, b - 0.5 * (front + rear)
    ym = yc + 0.5 * (front - rear)
    m = s["muscle"]
    wall = m * _curve(z, [
        (60, 22), (0, 30), (-40, 36), (-80, 34), (u(0.2), 22), (u(0.3), 15),
        (u(0.45), 13), (u(0.6), 14), (u(0.7), 18), (u(1.0), 20),
    ])  # fmt: skip
    # Spare room is taken from the lower abdomen, missing room from all of it.
    start = 0.42 if s["wall_extra"] > 0 else 0.20
    extra = s["wall_extra"] * _curve(z, [
        (u(start), 0), (u(start + 0.14), 1), (u(0.72), 1), (u(0.85), 0),
    ])  # fmt: skip
    extra = extra + s["upper_extra"] * _curve(z, [
        (u(0.14), 0), (u(0.24), 1), (u(0.48), 1), (u(0.62), 0),
    ])  # fmt: skip
    wall = np.maximum(wall + extra, 6.0)
    ahead = m * _curve(z, [
        (60, 14), (0, 14), (-50, 18), (u(0.2), 15), (u(0.3), 12), (u(0.45), 11),
        (u(0.6), 11), (u(0.8), 12), (u(1.0), 14),
    ])  # fmt: skip
    ahead = np.maximum(ahead + 0.6 * extra, 5.0)
    behind = m * _curve(z, [
        (60, 20), (0, 30), (-60, 28), (u(0.25), 20), (u(0.38), 24), (u(0.5), 33),
        (u(0.65), 40), (u(0.8), 48), (u(1.0), 60),
    ])  # fmt: skip
    pelvis = 0.5 * s["bicristal"]
    ac = np.minimum(am - wall, _curve(z, [
        (60, 30), (10, 66), (-12, 84), (-45, 108), (-80, 124), (u(0.24), 200),
        (u(0.60), 240), (u(0.66), pelvis + 16), (u(0.72), pelvis - 18),
        (u(0.80), pelvis - 46), (u(0.88), 0.5 * pelvis), (u(1.0), 0.36 * pelvis),
    ]))  # fmt: skip
    front_c = ym - bm + ahead
    rear_c = ym + bm - behind
    bc, yv = 0.5 * (rear_c - front_c), 0.5 * (rear_c + front_c)
    xs = 3.0 * at("scoliosis") * np.sin(2 * np.pi * z / (0.9 * f.torso_mm))
    ys = _curve(z, [
        (200, -36), (110, -30), (60, -16), (10, -5), (-40, -8), (u(0.2), -12),
        (u(0.35), -16), (u(0.45), -20), (u(0.6), -26 - 3 * at("lordosis")),
        (u(0.72), -10), (u(0.9), 8),
    ])  # fmt: skip
    ys = ys + rear_c
    ys = ys + 4.0 * at("kyphosis") * np.exp(-(((z - u(0.18)) / 90.0) ** 2))
    return Profiles(z, a, b, yc, n, am, bm, ym, ac, bc, yv, xs, ys)


def superellipse_area(a: np.ndarray, b: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Area of |x/a|^n + |y/b|^n = 1 [mm²]."""
    log_gamma = np.vectorize(math.lgamma)
    return 4 * a * b * np.exp(2 * log_gamma(1 + 1 / n) - log_gamma(1 + 2 / n))


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
