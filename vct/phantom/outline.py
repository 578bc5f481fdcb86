"""Cross-sections of the trunk at every level, from a subject's sizes [mm]."""

from __future__ import annotations

import math

import numpy as np

from vct.phantom.frame import Frame, Profiles

# Women carry more of their fat on hips and thighs, less on the chest.
HIP_FAT = {"F": 1.45, "M": 1.0}
CHEST_FAT = {"F": 0.72, "M": 1.0}


def _curve(z: np.ndarray, points: list[tuple[float, float]]) -> np.ndarray:
    """Smooth curve through (z, value) points, flat beyond their ends."""
    p = sorted(points)
    v = np.interp(z, [q[0] for q in p], [q[1] for q in p])
    width = 12.0 / (z[1] - z[0])
    n = int(3 * width)
    kernel = np.exp(-0.5 * (np.arange(-n, n + 1) / width) ** 2)
    return np.convolve(np.pad(v, n, mode="edge"), kernel / kernel.sum(), "valid")


def outline(f: Frame, girth: float) -> Profiles:
    """Skin, muscle, cavity and spine against z, trunk breadths times ``girth``."""
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
    gynoid, chest = HIP_FAT[f.sex], CHEST_FAT[f.sex]
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
