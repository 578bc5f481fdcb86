"""Skin, subcutaneous fat and the muscle wall of trunk, legs, arms and head."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import torch

from vct.phantom.canvas import Canvas
from vct.phantom.frame import Frame, Profiles, leg_fat
from vct.phantom.shapes import (
    capsule,
    ellipsoid,
    rotation,
    smooth_union,
    superellipse,
)

SKIN_MM = 2.0


def paint_body(c: Canvas, f: Frame) -> None:
    """Everything between the air and the bones, and the fat of the cavity."""
    o = f.outline.resampled(c.axes[0])
    split = int(np.searchsorted(c.axes[0], _ARMS_BELOW_MM))
    lower = _trunk_box(c, f, -900.0, _ARMS_BELOW_MM, 0.0)
    upper = _trunk_box(c, f, _ARMS_BELOW_MM, 400.0, 300.0)
    for box, arms in (
        ((slice(lower[0].start, split), *lower[1:]), False),
        ((slice(split, upper[0].stop), *upper[1:]), True),
    ):
        if not c.empty(box):
            _paint_layers(c, f, o, box, arms)
    if f.sex == "F":
        _paint_glands(c, f)
    _paint_leg_muscle(c, f, o)
    _paint_head_tissue(c, f)
    _paint_arm_muscle(c, f)
    _paint_cavity(c, f, o)


_ARMS_BELOW_MM = -215.0


def _trunk_box(c: Canvas, f: Frame, low: float, high: float, wide: float):
    o = f.outline
    inside = (o.z >= low) & (o.z <= high)
    reach = max(float(o.a[inside].max()) + 15, wide)
    front = float((o.yc - o.b)[inside].min()) - 65
    back = float((o.yc + o.b)[inside].max()) + 15
    return c.box((-reach, front, low), (reach, max(back, f.marks["back"] + 15), high))


def _paint_layers(c: Canvas, f: Frame, o: Profiles, box, upper: bool) -> None:
    x, y, z = p = c.points(box)

    def ring(a: np.ndarray, b: np.ndarray, yc: np.ndarray) -> torch.Tensor:
        pa, pb, py, pn = (c.per_slice(v, box) for v in (a, b, yc, o.n))
        return superellipse(x, y - py, pa, pb, pn)

    skin = ring(o.a, o.b, o.yc)
    lean = ring(o.am, o.bm, o.ym)
    if upper:
        above = (z - 90.0).clamp_min(0)
        skin, lean = skin + above, lean + above
        for side in (1, -1):
            _unite_arm(c, f, box, side, 0.0, skin)
            _unite_arm(c, f, box, side, arm_fat(f), lean)
        head_box = c.around((0, f.marks["back"] - 110, 190), (110, 160, 170))
        head_box = (slice(max(head_box[0].start, box[0].start), head_box[0].stop),
                    *box[1:2], head_box[2])  # fmt: skip
        _unite(skin, box, head_box, _head(f, c.points(head_box)), 22.0)
    else:
        below = (f.marks["crotch"] - z).clamp_min(0)
        # The cleft between the legs starts at the crotch.
        skin = skin + 2.5 * below
        skin = smooth_union(skin, _legs(c, f, o, box, 0.0), 10.0)
        lean = lean + 2.8 * below
    if f.sex == "F":
        skin = smooth_union(skin, _breasts(f, p), 12.0)
    c.paint("skin", skin, box)
    c.paint("subcutaneous_fat", skin + SKIN_MM, box)
    lean = torch.maximum(lean, skin + SKIN_MM + 1.0)
    c.paint("muscle_wall", lean, box)
    # Planes of fascia, fat and vessels part the layers of muscle.
    half = fascia_mm(f) / 2
    planes = torch.minimum((lean + 5.0).abs(), (lean + 22.0).abs())
    planes = torch.minimum(planes, (lean + 13.0).abs()) - half
    c.paint("soft_tissue", planes, box, **_FASCIA)


_FASCIA = {"hu": -25.0, "suv": 0.55}


def fascia_mm(f: Frame) -> float:
    """Thickness of the planes between layers of muscle [mm].

    Of lean tissue in hedyPET's field, 7.5 L in men and 6.1 L in women is neither
    muscle, bone nor organ. More with age and weight.
    """
    thick = 3.2 if f.sex == "M" else 2.4
    thick += 0.012 * (f.sizes["age"] - 50) + 0.03 * (f.sizes["bmi"] - 25)
    return float(np.clip(thick, 1.4, 4.2))


def _paint_cavity(c: Canvas, f: Frame, o: Profiles) -> None:
    reach = float(o.ac.max()) + 8
    front = float((o.yv - o.bc).min()) - 5
    back = float((o.yv + o.bc).max()) + 5
    box = c.box((-reach, front, f.level(0.985)), (reach, back, 20))
    x, y, z = c.points(box)
    pa, pb, py, pn = (c.per_slice(v, box) for v in (o.ac, o.bc, o.yv, o.n))
    cavity = superellipse(x, y - py, pa, pb, pn)
    floor = f.level(0.90) - z
    bowl = floor + ((x / pa).square() + ((y - py) / pb).square()) * 38 - 42
    cavity = torch.maximum(cavity, torch.maximum(bowl * 0.6, z - 6))
    c.paint("visceral_fat", cavity, box)
    _paint_mesentery(c, f, cavity, box)


def _paint_mesentery(c: Canvas, f: Frame, cavity: torch.Tensor, box) -> None:
    """Vessels, nodes and folds in the share of the cavity that is not fat."""
    x, y, z = c.points(box)
    ph = f.at("bowel_pattern") + 2.0 * f.at("bowel_phase")
    # Oblique and bent, so that no lattice shows.
    wave = torch.sin((x + 0.7 * y) / 7.3 + 2.6 * torch.sin((z - 0.5 * x) / 31 + ph))
    wave = wave + torch.sin((y - 0.6 * z) / 6.7 + 2.3 * torch.sin((x + z) / 37 - ph))
    wave = wave + torch.sin((z + 0.4 * x) / 8.1 + 2.9 * torch.sin(y / 29 + 2 * ph))
    limit = 1.22 * NormalDist().inv_cdf(1.0 - f.sizes["mesentery_share"])
    d = torch.maximum((limit - wave) * 5.0, cavity + 3.0)
    c.paint("soft_tissue", d, box, hu=5.0, suv=0.6, opacity=0.9)


def _unite(field, box, part, distance, width: float) -> None:
    at = tuple(
        slice(s.start - o.start, s.stop - o.start)
        for s, o in zip(part, box, strict=True)
    )
    view = field[at]
    view.copy_(smooth_union(view, distance, width))


def leg_axes(f: Frame, z: np.ndarray) -> tuple[np.ndarray, ...]:
    """Middle x, middle y, half breadth and half depth of the left leg at z."""
    hip = f.profile("a", f.level(0.98))
    back = f.marks["back"]
    radius = f.sizes["thigh_girth"] / (2 * math.pi)
    t = np.clip((f.level(0.95) - z) / 420.0, 0, 1.2)
    half = np.minimum(hip / 2, radius * 1.02) * (1 - 0.22 * t)
    depth = np.minimum(radius**2 / half, radius * 1.1) * (1 - 0.05 * t)
    x = hip - half + (4 + 5 * f.at("leg_spread")) * t
    x = np.maximum(x, half + 3)
    y = back - 10 - depth
    return x, y, half, depth


def _legs(c: Canvas, f: Frame, o: Profiles, box, inset: float) -> torch.Tensor:
    x, y, z = c.points(box)
    xl, yl, a, b = (c.per_slice(v, box) for v in leg_axes(f, o.z))
    two = torch.full_like(a, 2.15)
    leg = superellipse(x.abs() - xl, y - yl, a - inset, b - inset, two)
    return leg + 0.8 * (z - f.level(0.93)).clamp_min(0)


def _paint_leg_muscle(c: Canvas, f: Frame, o: Profiles) -> None:
    reach = f.profile("a", f.level(1.0)) + 10
    box = c.box((-reach, -180, -900), (reach, 190, f.level(0.93)))
    if c.empty(box):
        return
    fat = leg_fat(f)
    x, y, z = c.points(box)
    # The muscles taper into the groin and the seat.
    taper = 0.8 * (z - f.level(1.0)).clamp_min(0)
    c.paint("thigh_muscle", _legs(c, f, o, box, fat) + taper, box)
    if not c.images:
        return
    xl, yl, a, b = (c.per_slice(v, box) for v in leg_axes(f, o.z))
    dx, dy = (x.abs() - xl) / (a - fat), (y - yl) / (b - fat)
    # Fat between quadriceps, hamstrings and adductors.
    plane = torch.minimum((dy - 0.15 - 0.45 * dx).abs(), (dx + 0.35 * dy).abs() + 0.02)
    plane = torch.where(dy > -0.2, plane, torch.ones_like(plane))
    inside = (dx.square() + dy.square()).sqrt() - 0.86
    low = z - f.level(1.0)
    half = fascia_mm(f) / 70.0
    seam = torch.maximum(torch.maximum(plane - half, inside) * 70.0, low)
    c.paint("soft_tissue", seam, box, hu=-60.0, suv=0.35, opacity=0.8)


def _breasts(f: Frame, p) -> torch.Tensor:
    r = _breast_radius(f)
    left, right = (
        ellipsoid(p, _breast_center(f, side), (r * 1.1, r * 0.75, r))
        for side in (1, -1)
    )
    return torch.minimum(left, right)


def _breast_radius(f: Frame) -> float:
    r = 46 + 1.5 * (f.sizes["bmi"] - 24) + 8 * f.at("breast_size")
    return float(np.clip(r, 24, 85))


def _breast_center(f: Frame, side: int) -> tuple[float, float, float]:
    z = f.level(0.245)
    r = _breast_radius(f)
    front = f.profile("yc", z) - f.profile("b", z)
    return side * (0.52 * f.profile("a", z) + 6), front + 0.32 * r, z


def _paint_glands(c: Canvas, f: Frame) -> None:
    r = _breast_radius(f) * (0.62 - 0.004 * (f.sizes["age"] - 40))
    for side in (1, -1):
        x, y, z = _breast_center(f, side)
        box = c.around((x, y - 8, z), r + 4)
        d = ellipsoid(c.points(box), (x, y - 4, z), (r, r * 0.6, r * 0.9))
        c.paint("breast_gland", d, box, opacity=0.6)


def head_frame(f: Frame) -> tuple[tuple[float, float, float], np.ndarray, float]:
    """Middle of the cranium (x, y, z), its orientation, and its scale."""
    m = f.marks
    s = m["head"]
    z = m["vertex"] - 84 * s
    y = m["back"] - 26 - 98 * s
    turn = rotation(4.0 + 5.0 * f.at("head_tilt"), 0.0, 6.0 * f.at("head_turn"))
    return (0.0, y, z), turn, s


def head_point(f: Frame, x: float, y: float, z: float) -> tuple[float, float, float]:
    """A point given in the frame of the head [mm at scale 1], in the patient's."""
    center, turn, s = head_frame(f)
    q = turn @ (np.array([x, y, z]) * s) + np.array(center)
    return float(q[0]), float(q[1]), float(q[2])


def _head(f: Frame, p) -> torch.Tensor:
    _, turn, s = head_frame(f)
    fat = 1.0 + 0.1 * (f.sizes["bmi"] - 25)
    wide = 1 + 0.025 * f.at("head_breadth")
    long = 1 + 0.025 * f.at("head_length")
    cranium = ellipsoid(
        p, head_point(f, 0, 0, 0), (77 * s * wide, 98 * s * long, 84 * s), turn
    )
    face = ellipsoid(
        p, head_point(f, 0, -42, -62), (60 * s + fat, 58 * s, 74 * s), turn
    )
    nose = ellipsoid(p, head_point(f, 0, -100, -50), (13, 17, 22), turn)
    throat = capsule(
        p, head_point(f, 0, -15, -60), head_point(f, 0, 8, -130), 58 * s, 52
    )
    head = smooth_union(smooth_union(cranium, face, 30), throat, 30)
    return smooth_union(head, nose, 12)


def _paint_head_tissue(c: Canvas, f: Frame) -> None:
    """Muscle and soft tissue under the skin of face and neck."""
    _, turn, s = head_frame(f)
    box = c.around(head_point(f, 0, -20, -70), (90, 130, 120))
    p = c.points(box)
    face = ellipsoid(p, head_point(f, 0, -40, -62), (54 * s, 53 * s, 68 * s), turn)
    cranium = ellipsoid(p, head_point(f, 0, 0, 0), (72 * s, 93 * s, 79 * s), turn)
    c.paint("neck_muscle", torch.minimum(face, cranium), box)
    tongue = ellipsoid(p, head_point(f, 0, -50, -88), (27, 34, 26), turn)
    c.paint("soft_tissue", tongue, box, suv=1.6, hu=50.0)


def arm_points(f: Frame, side: int) -> list[tuple[float, float, float]]:
    """Shoulder, elbow and hand of a raised arm."""
    s = f.sizes["biacromial"] * 0.5
    y = f.marks["back"] - 66
    spread = 44 + 18 * f.at("arm_spread") + 1.2 * (f.sizes["bmi"] - 25)
    length = 0.186 * f.sizes["height_cm"] * 10
    shoulder = (side * 0.78 * s, y, 2.0)
    elbow = (side * (0.78 * s + spread), y - 30, 2 + 0.95 * length)
    hand = (side * (0.40 * s + spread), y - 20, elbow[2] + 150)
    return [shoulder, elbow, hand]


def arm_radius(f: Frame) -> float:
    """Radius of the upper arm [mm]."""
    return f.sizes["upper_arm_girth"] / (2 * math.pi)


def arm_fat(f: Frame) -> float:
    """Depth of skin and fat over the muscle of the arm [mm]."""
    return SKIN_MM + min(2.0 + 0.25 * f.sizes["belly_fat"], 0.36 * arm_radius(f))


def _arm(f: Frame, p, side: int, inset: float) -> torch.Tensor:
    """Raised arm with the bulk of shoulder, trapezius and latissimus."""
    r = arm_radius(f) - inset
    thin = 0.5 * inset
    shoulder, elbow, hand = arm_points(f, side)
    arm = capsule(p, shoulder, elbow, r * 1.10, r * 0.76)
    arm = smooth_union(arm, capsule(p, elbow, hand, r * 0.76, r * 0.55), 15)
    x = side * (f.profile("a", -170) - 0.42 * r - 3)
    flank = (x, f.profile("yc", -170) + 14, -170.0)
    chest = (side * 0.62 * f.profile("a", -110), shoulder[1] - 62, -118.0)
    neck = (side * 22.0, f.profile("yc", 40) + 16, 58.0)
    bulk = arm
    for end, first, last in (
        (flank, 0.95, 0.40), (chest, 0.70, 0.35), (neck, 0.85, 0.62)
    ):  # fmt: skip
        part = capsule(p, shoulder, end, r * first - thin, r * last - thin)
        bulk = smooth_union(bulk, part, 24)
    return bulk


def _unite_arm(c: Canvas, f: Frame, box, side: int, inset: float, field) -> None:
    r = arm_radius(f) * 1.3
    points = np.array([*arm_points(f, side), (side * 10.0, f.profile("yc", 40), 60)])
    low, high = points.min(0) - r - 40, points.max(0) + r + 12
    part = c.box((low[0], low[1], _ARMS_BELOW_MM), high)
    k, j, i = (
        slice(max(s.start, o.start), min(s.stop, o.stop))
        for s, o in zip(part, box, strict=True)
    )
    if not c.empty((k, j, i)):
        _unite(field, box, (k, j, i), _arm(f, c.points((k, j, i)), side, inset), 26)


def _paint_arm_muscle(c: Canvas, f: Frame) -> None:
    """Names for the muscle of arm and shoulder, with fascia between."""
    r, inset = arm_radius(f), arm_fat(f)
    for side in (1, -1):
        shoulder, elbow, hand = arm_points(f, side)
        low = np.minimum.reduce([shoulder, elbow, hand]) - r * 1.4
        high = np.maximum.reduce([shoulder, elbow, hand]) + r * 1.4
        box = c.box(low, high)
        if c.empty(box):
            continue
        p = c.points(box)
        m = r - inset
        arm = capsule(p, shoulder, elbow, m * 1.10, m * 0.76)
        arm = torch.minimum(arm, capsule(p, elbow, hand, m * 0.76, m * 0.55))
        c.paint("arm_muscle", arm, box)
        ball = ellipsoid(p, shoulder, (m * 1.25,) * 3)
        c.paint("shoulder_muscle", torch.maximum(arm - 6, ball), box)
