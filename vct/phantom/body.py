"""Skin, subcutaneous fat and the muscle wall of trunk, legs, arms and head."""

from __future__ import annotations

import math

import numpy as np
import torch

from vct.phantom.canvas import Canvas
from vct.phantom.frame import Frame, Profiles
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
    m = f.marks
    top = m["vertex"] + 15
    reach_x = float(max(o.a.max(), 150)) + 15
    front = float((o.yc - o.b).min()) - 60
    back = float((o.yc + o.b).max()) + 15
    box = c.box((-reach_x, front, -900), (reach_x, back, top))
    x, y, z = c.points(box)

    def ring(a: np.ndarray, b: np.ndarray, yc: np.ndarray) -> torch.Tensor:
        pa, pb, py, pn = (c.per_slice(v, box) for v in (a, b, yc, o.n))
        return superellipse(x, y - py, pa, pb, pn)

    below = (m["crotch"] - z).clamp_min(0)
    above = (z - 100.0).clamp_min(0)
    skin = ring(o.a, o.b, o.yc) + 0.9 * below + above
    skin = smooth_union(skin, _legs(c, f, o, box, 0.0), 30.0)
    if f.sex == "F":
        skin = smooth_union(skin, _breasts(f, (x, y, z)), 12.0)
    head_box = c.box((-110, front, 25), (110, back, top))
    _unite(c, skin, box, head_box, _head(f, c.points(head_box)), 22.0)
    c.paint("skin", skin, box)
    c.paint("subcutaneous_fat", skin + SKIN_MM, box)
    if f.sex == "F":
        _paint_glands(c, f)
    lean = ring(o.am, o.bm, o.ym) + 1.2 * below + above
    lean = torch.maximum(lean, skin + SKIN_MM + 1.0)
    c.paint("muscle_wall", lean, box)
    _paint_leg_muscle(c, f, o)
    _paint_head_tissue(c, f)
    _paint_arms(c, f)
    _paint_shoulders(c, f)
    cavity_box = c.box((-reach_x, front, f.level(0.985)), (reach_x, back, 2))
    x, y, z = c.points(cavity_box)
    pa, pb, py, pn = (c.per_slice(v, cavity_box) for v in (o.ac, o.bc, o.yv, o.n))
    cavity = superellipse(x, y - py, pa, pb, pn)
    cavity = torch.maximum(cavity, f.level(0.975) - z)
    c.paint("visceral_fat", cavity, cavity_box)
    _paint_intramuscular_fat(c, f)


def _unite(c: Canvas, field, box, part, distance, width: float) -> None:
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
    x = np.maximum(x, half + 1)
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
    fat = 0.55 * f.sizes["belly_fat"] * (1.25 if f.sex == "F" else 0.75) + 4
    fat = min(fat, 0.35 * f.sizes["thigh_girth"] / 6.28)
    c.paint("thigh_muscle", _legs(c, f, o, box, fat), box)


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
    y = f.marks["back"] - 62
    spread = 30 + 18 * f.at("arm_spread")
    length = 0.186 * f.sizes["height_cm"] * 10
    shoulder = (side * (s - 32), y, -8.0)
    elbow = (side * (s - 20 + spread), y - 35, -8 + 0.95 * length)
    hand = (side * (s - 120), y - 20, elbow[2] + 120)
    return [shoulder, elbow, hand]


def arm_radius(f: Frame) -> float:
    """Radius of the upper arm [mm]."""
    return f.sizes["upper_arm_girth"] / (2 * math.pi)


def _paint_arms(c: Canvas, f: Frame) -> None:
    r = arm_radius(f)
    fat = min(2.0 + 0.28 * f.sizes["belly_fat"], 0.4 * r)
    for side in (1, -1):
        shoulder, elbow, hand = arm_points(f, side)
        low = np.minimum.reduce([shoulder, elbow, hand]) - r * 1.4
        high = np.maximum.reduce([shoulder, elbow, hand]) + r * 1.4
        box = c.box(low, high)
        if c.empty(box):
            continue
        p = c.points(box)
        arm = capsule(p, shoulder, elbow, r * 1.12, r * 0.72)
        arm = smooth_union(arm, capsule(p, elbow, hand, r * 0.75, r * 0.5), 15)
        c.paint("skin", arm, box)
        c.paint("subcutaneous_fat", arm + SKIN_MM, box)
        c.paint("arm_muscle", arm + SKIN_MM + fat, box)


def _paint_shoulders(c: Canvas, f: Frame) -> None:
    """Deltoid, latissimus and pectoral bulk between chest and raised arm."""
    r = arm_radius(f)
    for side in (1, -1):
        shoulder = arm_points(f, side)[0]
        low = (side * 0.92 * f.profile("am", -110), shoulder[1] + 12, -115.0)
        box = c.box(
            np.minimum(shoulder, low) - r * 1.2, np.maximum(shoulder, low) + r * 1.2
        )
        p = c.points(box)
        blade = capsule(p, shoulder, low, r * 0.82, r * 0.35)
        c.paint("shoulder_muscle", blade, box)
        neck = (side * 25.0, f.profile("yc", 40) + 22, 60.0)
        box = c.box(np.minimum(shoulder, neck) - 45, np.maximum(shoulder, neck) + 45)
        c.paint("neck_muscle", capsule(c.points(box), shoulder, neck, 24, 17), box)


def _paint_intramuscular_fat(c: Canvas, f: Frame) -> None:
    """Fat planes between the muscles of buttock and thigh."""
    z0 = f.level(0.9)
    for side in (1, -1):
        y = f.profile("ym", z0) + f.profile("bm", z0)
        a = (side * 22.0, y - 6, f.level(0.8))
        b = (side * 0.62 * f.profile("am", z0), y - 34, z0)
        box = c.box(np.minimum(a, b) - 10, np.maximum(a, b) + 10)
        d = capsule(c.points(box), a, b, 3.5, 5)
        c.paint("visceral_fat", d, box, opacity=0.8)
