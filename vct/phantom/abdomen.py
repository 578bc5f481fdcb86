"""Liver, spleen, kidneys, stomach, pancreas, bowel and the organs of the pelvis."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from vct.phantom.canvas import Canvas, Slices
from vct.phantom.frame import Frame
from vct.phantom.shapes import (
    ellipsoid,
    rotation,
    smooth_union,
    spline,
    superellipse,
)
from vct.phantom.thorax import diaphragm


def _scale(f: Frame, organ: str) -> float:
    return f.volumes_ml.get(f"_scale_{organ}", 1.0)


def _radius(f: Frame, organ: str, usual_ml: float) -> float:
    return (f.volumes_ml.get(organ, usual_ml) / usual_ml) ** (1 / 3) * _scale(f, organ)


def cavity_distance(c: Canvas, f: Frame, box: Slices, inset: float) -> Tensor:
    """Distance to the abdominal cavity, ``inset`` inside its wall."""
    o = f.outline.resampled(c.axes[0])
    x, y, _ = c.points(box)
    pa, pb, py, pn = (c.per_slice(v, box) for v in (o.ac, o.bc, o.yv, o.n))
    return superellipse(x, y - py, pa - inset, pb - inset, pn)


def _under_dome(c: Canvas, f: Frame, box: Slices, inset: float = 4.0) -> Tensor:
    p = c.points(box)
    roof = (p[2] - diaphragm(f, p, -inset)) * 0.72
    return torch.maximum(roof, cavity_distance(c, f, box, 3.0))


def paint_liver(c: Canvas, f: Frame) -> None:
    """Right lobe under the dome, tapering over the middle; gallbladder below."""
    at = f.at
    k = _radius(f, "liver", 1600.0)
    z = f.marks["dome"] - 4
    a = f.profile("ac", z - 60)
    b = f.profile("bc", z - 60)
    yv = f.profile("yv", z - 60)
    top = np.array([-0.48 * a, yv - 2, z + 10])
    # A narrow cavity makes a longer liver of the same volume.
    kx, ky = k * (0.4 + 0.6 * a / (135 * k)), k * (0.4 + 0.6 * b / (88 * k))
    long = min(max(k * k / (kx * ky), 0.85), 1.5) * (1 + 0.05 * at("liver_height"))
    box = c.box(
        (-a - 15, yv - b - 25, z - 250 * k),
        (min(0.9 * a, 110 * k), yv + b + 20, z + 12),
    )
    p = c.points(box)
    x, y, zz = p
    turn = rotation(0, -14 + 4 * at("liver_tilt"), 0)
    right = ellipsoid(
        p,
        top + np.array([-12.0, 6, -86 * k * long]),
        (92 * kx, (100 + 3 * at("liver_depth")) * ky, 104 * k * long),
        turn,
    )
    lobe = 1 + 0.12 * at("liver_left_lobe")
    left = ellipsoid(
        p,
        (top[0] + 84 * kx, yv - 0.42 * b, z - 42 * k),
        (88 * kx * lobe, 50 * ky, 44 * k),
        rotation(0, 16, 8),
    )
    d = smooth_union(right, left, 34 * k)
    # The visceral face looks down, back and to the left.
    n = np.array([0.52, 0.46, -0.72])
    n /= np.linalg.norm(n)
    o = top + np.array([50.0 * kx, 14.0 * ky, -118.0 * k * long])
    face = (x - o[0]) * n[0] + (y - o[1]) * n[1] + (zz - o[2]) * n[2]
    d = -smooth_union(-d, -face, 22.0)
    bumps = 2.0 * torch.sin(x / 21 + at("liver_tilt")) * torch.sin(zz / 26 + 1.0)
    d = torch.maximum(d + bumps, _under_dome(c, f, box))
    spine = torch.maximum(
        (x.square() + (y - f.profile("ys", z - 80)).square()).sqrt() * -1 + 44,
        torch.full_like(x, -200.0),
    )
    c.paint("liver", torch.maximum(d, spine), box)
    if c.images:
        gate = o + np.array([6.0, -8, 26])
        chains = []
        for tip in ((-62, 0, 44), (-55, 26, 8), (-50, -30, 22), (22, -36, 46)):
            end = gate + np.array(tip) * k
            line = spline([gate, 0.5 * (gate + end) + np.array([0, 0, 5.0]), end], 7)
            chains.append((line, np.linspace(5.5, 2.0, 7)))
        field = torch.maximum(c.tubes(box, chains), d + 6)
        extra = 30 if c.hu_of["liver"] > 80 else -8
        c.paint("liver", field, box, hu=c.hu_of["liver"] + extra, opacity=0.8)
    g = _radius(f, "gallbladder", 26.0)
    place = o + np.array([-22.0, -46 + 6 * at("gallbladder_position"), -8])
    box = c.around(place, 34 * g + 6)
    d = ellipsoid(
        c.points(box), place, np.array([12.5, 26.5, 18.5]) * g, rotation(28, 0, 12)
    )
    d = torch.maximum(d, cavity_distance(c, f, box, 3.0))
    c.paint("gallbladder", d, box)


def paint_spleen(c: Canvas, f: Frame) -> None:
    """Behind the stomach, under the left dome, along the ribs."""
    k = _radius(f, "spleen", 210.0)
    long = 1 + 0.08 * f.at("spleen_elongation")
    z = f.marks["dome_left"] - 66 + 7 * f.at("spleen_height")
    a, b, yv = (f.profile(n, z) for n in ("ac", "bc", "yv"))
    center = (0.80 * a - 20 * k, yv + 0.46 * b, z)
    turn = rotation(18 + 6 * f.at("spleen_tilt"), 16, -32)
    box = c.around(center, 78 * k + 6)
    p = c.points(box)
    d = ellipsoid(p, center, np.array([27 / long, 41, 55 * long]) * k, turn)
    hollow = ellipsoid(
        p,
        (center[0] - 42 * k, center[1] - 16 * k, center[2] - 6),
        (26 * k, 34 * k, 44 * k),
    )
    d = -smooth_union(-d, hollow, 10.0)
    c.paint("spleen", torch.maximum(d, _under_dome(c, f, box, 5.0)), box)


def kidney_center(f: Frame, side: int) -> np.ndarray:
    """Middle of a kidney: beside the psoas, the right one lower."""
    at = f.at("kidney_height_left" if side > 0 else "kidney_height_right")
    z = f.level(0.478 if side > 0 else 0.503) + 8 * at
    y = f.profile("yv", z) + f.profile("bc", z) - 34
    x = min(66 + 4 * f.at("kidney_lateral"), 0.62 * f.profile("ac", z))
    return np.array([side * x, y, z])


def paint_kidneys(c: Canvas, f: Frame) -> None:
    """Bean-shaped cortex about a hot pelvis; adrenals on top, ureters below."""
    for side, name in ((1, "left"), (-1, "right")):
        k = _radius(f, f"kidney_{name}", 150.0)
        long = 1 + 0.05 * f.at("kidney_elongation")
        center = kidney_center(f, side)
        turn = rotation(
            -14 + 4 * f.at("kidney_tilt"),
            side * (13 + 4 * f.at("kidney_tilt")),
            side * 28,
        )
        box = c.around(center, 72 * k + 5)
        p = c.points(box)
        body = ellipsoid(p, center, np.array([27.5, 24.5, 56 * long]) * k, turn)
        inward = center + turn @ np.array([-side * 33.0 * k, 0, 0])
        notch = ellipsoid(p, inward, np.array([17, 14, 19]) * k, turn)
        d = -smooth_union(-body, notch, 9.0)
        c.paint("visceral_fat", torch.minimum(body - 5, notch), box)
        c.paint(f"kidney_cortex_{name}", d, box)
        fill = 1 + 0.16 * f.at(f"renal_pelvis_{name}")
        middle = center + turn @ np.array([-side * 10.0 * k, 0, 0])
        sinus = ellipsoid(p, middle, np.array([10.5, 7.5, 23 * long]) * k * fill, turn)
        c.paint(f"renal_pelvis_{name}", sinus, box)
        if c.images:
            _paint_ureter(c, f, side, middle - np.array([side * 12.0 * k, 0, 12]), name)
        top = center + np.array([-side * 20.0, -6, 60 * k])
        box = c.around(top, 20)
        c.paint("adrenal_glands", ellipsoid(c.points(box), top, (4, 10, 14)), box)


def _paint_ureter(c: Canvas, f: Frame, side: int, start: np.ndarray, name: str) -> None:
    spots = np.abs(math.sin(5.0 * f.at(f"renal_pelvis_{name}") + side))
    middle = np.array([side * 38.0, f.profile("ys", f.level(0.66)) - 26, f.level(0.66)])
    end = np.array([side * 24.0, bladder_center(f)[1] + 26, bladder_center(f)[2] + 4])
    line = spline([start, middle, end], 22)
    first = 2 + int(12 * spots)
    for low, high in ((0, 3), (first, first + 3), (17, 19)):
        part = line[low : high + 1]
        if len(part) < 2:
            continue
        box = c.box(part.min(0) - 6, part.max(0) + 6)
        d = c.tubes(box, [(part, np.full(len(part), 2.6))])
        c.paint("soft_tissue", d, box, suv=0.45 * c.suv_of[f"renal_pelvis_{name}"])


def paint_stomach(c: Canvas, f: Frame) -> None:
    """J-shaped, from under the left dome to the right of the spine; pancreas."""
    k = _radius(f, "stomach", 300.0)
    z = f.marks["dome_left"]
    a, b, yv = (f.profile(n, z - 50) for n in ("ac", "bc", "yv"))
    sag = 8 * f.at("stomach_tilt")
    line = spline([
        (0.42 * a, yv + 0.22 * b, z - 40), (0.48 * a, yv - 0.05 * b, z - 66),
        (0.43 * a, yv - 0.40 * b, z - 108 - sag),
        (0.18 * a, yv - 0.52 * b, z - 140 - sag),
        (-0.10 * a, yv - 0.40 * b, z - 136 - 0.5 * sag),
    ], 18)  # fmt: skip
    radius = np.interp(np.linspace(0, 1, 18), [0, 0.25, 0.6, 1.0], [33, 33, 24, 14]) * k
    box = c.box(line.min(0) - 45 * k, line.max(0) + 45 * k)
    d = torch.maximum(c.tubes(box, [(line, radius)]), _under_dome(c, f, box, 6.0))
    c.paint("stomach", d, box)
    content = d + 7.0
    c.paint("stomach", content, box, suv=0.55 * c.suv_of["stomach"], hu=18.0)
    level = float(line[4, 1]) - 12 - 6 * f.at("stomach_filling")
    gas = torch.maximum(content, c.points(box)[1] - level)
    c.paint("stomach", gas, box, hu=-880.0, suv=0.3)


_PANCREAS_UNDER_DOME_MM = 90.0


def paint_pancreas(c: Canvas, f: Frame) -> None:
    """Across the spine, head in the duodenal loop, tail to the spleen."""
    # A deep breath pushes it down with the stomach; else the heart would part it.
    z = min(f.level(0.445), f.marks["dome_left"] - _PANCREAS_UNDER_DOME_MM)
    y = f.profile("ys", z) - 48
    k = _radius(f, "pancreas", 85.0)
    lift = 14 + 7 * f.at("pancreas_tilt")
    small = min(1.0, f.marks["scale"])  # the tail stays short of the spleen
    line = spline([(-38, y + 10, z - 24), (-26, y + 2, z - 6), (8, y - 6, z + 6),
                   (48 * small, y + 5, z + lift),
                   (82 * small, y + 20, z + lift + 10)], 12)  # fmt: skip
    radius = (
        np.interp(np.linspace(0, 1, 12), [0, 0.2, 0.5, 1.0], [16, 14, 10.5, 10]) * k
    )
    box = c.box(line.min(0) - 24 * k, line.max(0) + 24 * k)
    d = c.tubes(box, [(line, radius)]) + 1.5 * torch.sin(c.points(box)[0] / 4.0)
    c.paint("pancreas", d, box)
    loop = spline(
        [
            (-20, y - 14, z + 14),
            (-52, y - 4, z + 8),
            (-58, y + 8, z - 30),
            (-44, y + 10, z - 58),
            (0, y + 2, z - 62),
            (34, y - 6, z - 40),
        ],
        16,
    )
    box = c.box(loop.min(0) - 18, loop.max(0) + 18)
    d = c.tubes(box, [(loop, np.full(16, 11.5))])
    c.paint("small_bowel", torch.maximum(d, cavity_distance(c, f, box, 6)), box)


def _wave(f: Frame, k: int) -> float:
    """Deterministic number in -1..1 from the latents of the bowel."""
    return math.sin(12.9 * k + 3.1 * f.at("bowel_pattern") + 7.7 * f.at("bowel_phase"))


def paint_bowel(c: Canvas, f: Frame) -> None:
    """Loops of small bowel within the frame of the colon, with gas and patches."""
    _paint_small_bowel(c, f)
    _paint_colon(c, f)


def _paint_small_bowel(c: Canvas, f: Frame) -> None:
    top, bottom = f.level(0.545), f.level(0.86)
    chains = []
    rows = 8
    points = []
    for row in range(rows):
        z = top + (bottom - top) * (row + 0.3 * _wave(f, row)) / (rows - 1)
        u = -z / f.torso_mm
        a = min(0.58 * f.profile("ac", z), 110.0) * (1.0 if u < 0.75 else 0.85)
        b = f.profile("bc", z)
        yv = f.profile("yv", z)
        order = np.linspace(-1, 1, 6) * (1 if row % 2 else -1)
        for col, q in enumerate(order):
            n = 10 * row + col
            fore = -0.30 * b + 0.36 * b * _wave(f, 3 * n + 1)
            points.append((
                q * a + 14 * _wave(f, n), yv + fore, z + 13 * _wave(f, 2 * n + 5)
            ))  # fmt: skip
    line = spline(points, 4 * len(points))
    k = (f.volumes_ml.get("small_bowel", 750.0) / 750.0) ** 0.5
    k *= _scale(f, "small_bowel")
    radius = (12.5 + 1.8 * np.sin(np.arange(len(line)) / 5.0)) * min(max(k, 0.7), 2.1)
    chains.append((line, radius))
    box = c.box(line.min(0) - 20, line.max(0) + 20)
    d = torch.maximum(c.tubes(box, chains), cavity_distance(c, f, box, 7.0))
    p = c.points(box)
    ph = f.at("bowel_phase")
    patch = torch.sin(p[0] / 31 + 2 * ph) + torch.sin(p[1] / 27 + p[2] / 43 + ph)
    patch = patch + torch.sin(p[2] / 29 - p[0] / 57 + 3 * ph)
    suv = c.suv_of["small_bowel"] * (0.42 * patch).exp() * 0.93
    c.paint("small_bowel", d, box, suv=suv)
    c.paint("small_bowel", d + 5.0, box, suv=0.6 * suv, hu=22.0)
    if c.images:
        c.paint("bowel_gas", torch.maximum(d + 5.5, 1.75 - patch * 0.9), box,
                opacity=0.9)  # fmt: skip


def colon_line(f: Frame) -> np.ndarray:
    """Cecum, ascending, transverse, descending, sigmoid, rectum [mm]."""

    def at(x: float, y: float, u: float) -> tuple[float, float, float]:
        z = f.level(u)
        a, b, yv = (f.profile(n, z) for n in ("ac", "bc", "yv"))
        return min(max(x * a, -138), 138), yv + y * b, z

    sag = 0.035 + 0.025 * f.at("colon_sag")
    rectum_y = f.profile("ys", f.level(0.72)) + 22
    return spline([
        at(-0.62, -0.10, 0.745), at(-0.72, 0.10, 0.665), at(-0.76, 0.22, 0.60),
        at(-0.70, 0.02, 0.555), at(-0.50, -0.45, 0.545 + sag / 2),
        at(-0.12, -0.66, 0.545 + sag), at(0.30, -0.60, 0.52 + sag / 2),
        at(0.62, -0.22, 0.475), at(0.74, 0.10, 0.45), at(0.77, 0.28, 0.53),
        at(0.77, 0.22, 0.62), at(0.74, 0.02, 0.70), at(0.72, -0.05, 0.76),
        (34 + 9 * _wave(f, 77), rectum_y - 66, f.level(0.82)),
        (8 + 12 * _wave(f, 78), rectum_y - 50, f.level(0.79)),
        (-4, rectum_y - 12, f.level(0.84)), (0, rectum_y - 4, f.level(0.90)),
        (0, rectum_y - 12, f.level(0.95)),
    ], 110)  # fmt: skip


def _paint_colon(c: Canvas, f: Frame) -> None:
    line = colon_line(f)
    t = np.linspace(0, 1, len(line))
    k = (f.volumes_ml.get("colon", 800.0) / 800.0) ** 0.5
    k = min(max(k * _scale(f, "colon"), 0.7), 1.5)
    radius = np.interp(t, [0, 0.12, 0.3, 0.5, 0.7, 0.85, 0.95, 1.0],
                       [27, 25, 21, 19, 15, 14, 18, 13]) * k  # fmt: skip
    radius = radius * (1 + 0.08 * f.at("colon_width") * (1 - 2 * t))
    radius = radius * (1 + 0.11 * np.sin(np.arange(len(line)) * 1.35))
    box = c.box(line.min(0) - 32, line.max(0) + 32)
    d = c.tubes(box, [(line, radius)])
    wall = torch.maximum(cavity_distance(c, f, box, 4.0), _under_dome(c, f, box, 6.0))
    d = torch.maximum(d, wall)
    x, y, z = c.points(box)
    ph = f.at("bowel_phase")
    patch = torch.sin(z / 37 + 1.3 * ph) + torch.sin(x / 41 - 2 * ph + y / 60)
    suv = c.suv_of["colon"] * (0.40 * patch).exp() * 0.92
    c.paint("colon", d, box, suv=suv)
    c.paint("colon", d + 4.0, box, suv=0.55 * suv, hu=30.0)
    if c.images:
        # Gas gathers in front and where the pattern is high.
        gas = 0.25 + 0.2 * f.at("bowel_gas")
        high = torch.sin(x / 19 + ph) + torch.sin(z / 23 + 2 * ph) + (-y / 70)
        c.paint("bowel_gas", torch.maximum(d + 4.5, (1.15 - gas - high) * 8), box)


def bladder_center(f: Frame) -> np.ndarray:
    """Middle of the bladder, behind and above the symphysis."""
    k = _radius(f, "urinary_bladder", 140.0)
    z = f.marks["symphysis"] + 16 + 26 * k + (8 if f.sex == "M" else 0)
    y = f.profile("yv", f.level(0.9)) - f.profile("bc", f.level(0.9)) * 0.62 + 30 * k
    rectum = f.profile("ys", f.level(0.72)) + 8 - 16
    return np.array([3.0 * f.at("bladder_shift"), min(y, rectum - 26 * k), z])


def paint_pelvic_organs(c: Canvas, f: Frame) -> None:
    """Bladder, and prostate or uterus."""
    k = _radius(f, "urinary_bladder", 140.0)
    center = bladder_center(f)
    flat = 1 + 0.10 * f.at("bladder_flatness")
    if f.sex == "M":
        place = center + np.array([0, 8, -26 * k - 13])
        box = c.around(place, 26)
        d = ellipsoid(c.points(box), place, (22, 15, 18))
        c.paint("prostate", d, box)
    else:
        place = center + np.array([0, 20 * k + 12, 18 * k + 6.0])
        turn = rotation(-50 + 16 * f.at("uterus_tilt"))
        box = c.around(place, 48)
        shrink = 1.0 if f.sizes["age"] < 52 else 0.82
        d = ellipsoid(c.points(box), place, np.array([23, 18, 35]) * shrink, turn)
        c.paint("uterus", d, box)
    box = c.around(center, 52 * k + 6)
    p = c.points(box)
    d = ellipsoid(p, center, np.array([38 * flat, 31, 28.5 / flat]) * k, rotation(10))
    c.paint("urinary_bladder", d, box)
