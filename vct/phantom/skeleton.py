"""Rib cage, shoulder girdle, pelvis and limbs: a cortical shell over marrow."""

from __future__ import annotations

import numpy as np
import torch

from vct.phantom.body import arm_points, leg_axes
from vct.phantom.canvas import Canvas
from vct.phantom.frame import Frame
from vct.phantom.shapes import (
    capsule,
    ellipsoid,
    rotation,
    smooth_union,
    spline,
    superellipse,
)
from vct.phantom.spine import vertebra_tops

_RIB_MM = 5.0  # radius
_PLAIN_RIB_MM = 4.6  # radius for which the cage's course about the lungs was laid
_UNDER_MUSCLE_MM = 3.0


def paint_ribs(c: Canvas, f: Frame) -> None:
    """Twelve pairs round the cavity, cartilage to the sternum, and the sternum."""
    tops = vertebra_tops(f)[7:19]
    slope = (62 + 8 * f.at("rib_slope")) * f.marks["scale"]
    ribs, cartilage = [], []
    radius = _RIB_MM * f.bone_girth("ribs")
    for k, top in enumerate(tops):
        reach = 0.80 if k < 7 else 0.80 - 0.07 * (k - 6)
        if k >= 10:
            reach = 0.45 - 0.12 * (k - 10)
        drop = slope * min(1.0, 0.45 + 0.10 * k)
        share = np.linspace(0.09, reach, 14)
        for side in (1, -1):
            ribs.append((_rib(f, top, share, drop, side), np.full(14, radius)))
            if k < 10:
                cartilage.append(_cartilage(f, k, ribs[-1][0][-1], side))
    reach_x = float(f.outline.ac[(f.outline.z < 0) & (f.outline.z > -500)].max()) + 15
    box = c.box((-reach_x, -210, f.level(0.62)), (reach_x, 190, 15))
    field = c.tubes(box, ribs)
    c.paint("rib", field, box)
    c.paint("rib", field + 2.6, box, hu=150.0)
    c.paint("rib_cartilage", c.tubes(box, cartilage), box)
    _paint_sternum(c, f)


def _rib(f: Frame, top: float, share: np.ndarray, drop: float, side: int):
    angle = np.pi * share
    z = top - 6 - drop * np.sin(np.clip(share / 0.62, 0, 1) * np.pi / 2) ** 1.2
    first = 1.0 + 6 * max(0.0, 1 - (-top + 10) / 25) / 50
    # In the thinnest the cage would reach the skin: it stays within the muscle. A
    # stouter rib grows outward, away from the lungs.
    more = _RIB_MM * f.bone_girth("ribs") - _PLAIN_RIB_MM
    o = f.outline
    a = np.interp(z, o.z, np.minimum(o.ac + 4 + more, o.am - 11 - more))
    b = np.interp(z, o.z, np.minimum(o.bc + 4 + more, o.bm - 11 - more))
    y0 = np.interp(z, f.outline.z, f.outline.yv)
    e = 2 / 2.35
    x = a * np.sin(angle) ** e * first
    cosine = np.cos(angle)
    y = y0 + b * np.sign(cosine) * np.abs(cosine) ** e
    return np.stack([side * x, y, z], 1)


def _sternum_line(f: Frame) -> tuple[np.ndarray, np.ndarray]:
    top = -42.0 * f.marks["scale"]
    bottom = top - (175 + 10 * f.at("sternum_length")) * f.marks["scale"]
    points = []
    for z in (top, bottom):
        front = f.profile("yv", z) - f.profile("bc", z)
        points.append(np.array([0.0, front - 1, z]))
    return points[0], points[1]


def _sternum_rear(f: Frame, z: np.ndarray) -> np.ndarray:
    """Its inner face: on the front of the cavity, or straight where that caves in."""
    top, bottom = _sternum_line(f)
    t = (top[2] - z) / (top[2] - bottom[2])
    o = f.outline
    straight = top[1] + t * (bottom[1] - top[1])
    return np.minimum(straight, np.interp(z, o.z, o.yv - o.bc) - 1) + 3


def _cartilage(f: Frame, k: int, end: np.ndarray, side: int):
    top, bottom = _sternum_line(f)
    t = min(0.12 + 0.13 * k, 0.98)
    z = top[2] + t * (bottom[2] - top[2])
    joint = np.array([side * 14.0, float(_sternum_rear(f, np.array([z]))[0]) - 4, z])
    middle = 0.5 * (end + joint) + np.array([0, -4.0, -6.0])
    line = spline([end, middle, joint], 5)
    o = f.outline
    am, bm, ym, n = (np.interp(line[:, 2], o.z, v) for v in (o.am, o.bm, o.ym, o.n))
    across = np.clip(np.abs(line[:, 0]) / am, 0, 1) ** n
    front = ym - (bm - _UNDER_MUSCLE_MM - 7.0) * (1 - across) ** (1 / n)
    line[:, 1] = np.maximum(line[:, 1], front)  # within the muscle
    return line, np.full(5, 4.8)


def _paint_sternum(c: Canvas, f: Frame) -> None:
    top, bottom = _sternum_line(f)
    box = c.box(np.minimum(top, bottom) - 44, np.maximum(top, bottom) + 34)
    x, y, z = c.points(box)
    t = ((top[2] - z) / (top[2] - bottom[2])).clamp(0, 1)
    girth = f.bone_girth("sternum")
    # Manubrium, body, and the taper to the xiphoid.
    half = 17 + 10 * (1 - t / 0.3).clamp_min(0) - 9 * (t / 0.25 - 3).clamp_min(0)
    thick = 6.5 * girth
    mid_y = c.per_slice(_sternum_rear(f, c.axes[0]) - thick, box)
    d = torch.maximum(x.abs() - girth * half, (y - mid_y).abs() - thick)
    d = torch.maximum(d, torch.maximum(z - top[2], bottom[2] - z))
    d = torch.maximum(d, _beyond_muscle(c, f, box))
    c.paint("sternum", d, box)
    c.paint("sternum", d + 2.2, box, hu=110.0)


def paint_shoulder_girdle(c: Canvas, f: Frame) -> None:
    """Clavicles, scapulae and humeri of raised arms."""
    for side in (1, -1):
        shoulder, elbow, _ = arm_points(f, side)
        top, _ = _sternum_line(f)
        start = np.array([side * 18.0, top[1] - 2, top[2] + 8])
        end = np.array([shoulder[0] * 0.86, shoulder[1] - 12, shoulder[2] + 14])
        mid = 0.5 * (start + end) + np.array([0, -14.0, 4.0])
        line = spline([start, mid, end], 9)
        box = c.box(line.min(0) - 10, line.max(0) + 10)
        radius = 6.8 * f.bone_girth("clavicles")
        d = c.tubes(box, [(line, np.full(9, radius))])
        c.paint("clavicles", d, box)
        c.paint("clavicles", d + 3.0, box, hu=180.0)
        _paint_scapula(c, f, side)
        box = c.box(np.minimum(shoulder, elbow) - 30, np.maximum(shoulder, elbow) + 30)
        p = c.points(box)
        size = (1.0 if f.sex == "M" else 0.88) * f.bone_girth("humeri")
        d = capsule(p, shoulder, elbow, 11.5 * size, 11.0 * size)
        head = ellipsoid(p, shoulder, (24 * size,) * 3)
        d = smooth_union(d, head, 14)
        c.paint("humeri_cortex", d, box)
        c.paint("humeri_marrow", torch.maximum(d + 4.2, -head - 300), box)
        c.paint("humeri_marrow", head + 2.2, box, hu=190.0)


def _beyond_muscle(c: Canvas, f: Frame, box) -> torch.Tensor:
    """Distance to where muscle of the trunk begins to cover a bone, inside < 0."""
    o = f.outline.resampled(c.axes[0])
    a, b, y0, n = (
        c.per_slice(v, box)
        for v in (o.am - _UNDER_MUSCLE_MM, o.bm - _UNDER_MUSCLE_MM, o.ym, o.n)
    )
    x, y, _ = c.points(box)
    return superellipse(x, y - y0, a, b, n)


def _paint_scapula(c: Canvas, f: Frame, side: int) -> None:
    shoulder = arm_points(f, side)[0]
    z = -88.0 * f.marks["scale"]
    back = f.profile("yv", z) + f.profile("bc", z)
    x = side * (0.78 * f.profile("ac", z) + 10)
    center = (x, back - 14, z)
    turn = rotation(-8, 12 * side, -38 * side)
    size = 1.0 if f.sex == "M" else 0.9
    box = c.around(center, (75, 60, 85))
    p = c.points(box)
    volume = f.bone("scapulae")
    girth = f.bone_girth("scapulae")
    blade = ellipsoid(p, center, (44 * size, 6.8 * volume, 68 * size), turn)
    ridge = capsule(
        p,
        (x - side * 20, back + 2, z + 28),
        (shoulder[0], shoulder[1] + 22, 8),
        6.5 * girth,
        9 * girth,
    )
    d = torch.minimum(blade, ridge)
    c.paint("scapulae", torch.maximum(d, _beyond_muscle(c, f, box)), box)
    neck = capsule(p, (x, back - 16, z + 30), (shoulder[0] - side * 20,
                   shoulder[1] + 6, shoulder[2] - 6),
                   9 * girth, 13.5 * girth)  # fmt: skip
    c.paint("scapulae", neck, box)
    c.paint("scapulae", neck + 3, box, hu=170.0)


def hip_center(f: Frame, side: int) -> tuple[float, float, float]:
    """Middle of a femoral head."""
    x = 0.31 * f.sizes["bicristal"] + (3 if f.sex == "F" else 0)
    z = f.marks["hip"]
    return side * x, f.marks["back"] - 92 - 0.30 * f.sizes["belly_fat"], z


def paint_pelvis(c: Canvas, f: Frame) -> None:
    """Iliac wings, acetabula, pubis, ischium; then the femurs."""
    size = 1.0 if f.sex == "M" else 0.93
    v, g = f.bone("pelvis"), f.bone_girth("pelvis")
    sc = f.marks["scale"]
    half = 0.5 * f.sizes["bicristal"]
    sacrum_y = f.profile("ys", f.level(0.72))
    for side in (1, -1):
        head = hip_center(f, side)
        wing = (side * 0.77 * half, sacrum_y - 2, f.level(0.735))
        turn = rotation(-6 + 4 * f.at("pelvic_tilt"), 30 * side, -50 * side)
        low = (min(0, side * (half + 30)), head[1] - 70, f.level(1.0) - 8)
        high = (max(0, side * (half + 30)), sacrum_y + 80, f.level(0.60))
        box = c.box(low, high)
        if c.empty(box):
            continue
        p = c.points(box)
        blade = ellipsoid(p, wing, (62 * size, 8.5 * v, 74 * sc * size), turn)
        crest = ellipsoid(p, (wing[0] + side * 8, wing[1], wing[2] + 55 * sc),
                          (44 * size, 10 * v, 20), turn)  # fmt: skip
        joint = (side * 46.0, sacrum_y + 32, f.level(0.755))
        bridge = capsule(
            p, joint, (head[0], head[1] + 14, head[2] + 38), 13 * g, 17 * g
        )
        # The socket's inside is the femoral head's.
        socket = ellipsoid(p, head, (28 * size + 8 * size * v,) * 3)
        pubis = capsule(
            p,
            (head[0] - side * 18, head[1] - 24, head[2] + 2),
            (side * 8.0, head[1] - 52, f.marks["symphysis"]),
            11 * g,
            9.5 * g,
        )
        ischium = (head[0] - side * 22, head[1] + 34, f.level(0.985))
        seat = capsule(
            p, (head[0], head[1] + 20, head[2] - 10), ischium, 17 * g, 15 * g
        )
        ramus = capsule(p, ischium, (side * 8.0, head[1] - 46,
                        f.marks["symphysis"] - 14), 8 * g, 7.5 * g)  # fmt: skip
        d = smooth_union(smooth_union(blade, bridge, 18), socket, 14)
        d = smooth_union(torch.minimum(d, crest), pubis, 10)
        d = smooth_union(smooth_union(d, seat, 10), ramus, 8)
        # A slim trunk keeps its iliac crests under the skin.
        o = f.outline.resampled(c.axes[0])
        pa, pb, py, pn = (c.per_slice(v, box) for v in (o.am - 4, o.bm - 4, o.ym, o.n))
        under = superellipse(p[0], p[1] - py, pa, pb, pn)
        below = (f.level(0.90) - p[2]).clamp_min(0)
        d = torch.maximum(d, under - 3.0 * below)
        c.paint("pelvis_cortex", d, box)
        c.paint("pelvis_marrow", d + 3.2, box)
        _paint_femur(c, f, side, head, size)
    box = c.around((0, head[1] - 50, f.marks["symphysis"]), (8, 16, 20))
    d = ellipsoid(c.points(box), (0, head[1] - 50, f.marks["symphysis"]), (4, 12, 18))
    c.paint("rib_cartilage", d, box)


def _paint_femur(c: Canvas, f: Frame, side: int, head, size: float) -> None:
    girth = f.bone_girth("femurs")
    ball_mm = 24.5 * size * girth ** (2 / 3)
    trochanter = (head[0] + side * 46 * size, head[1] + 12, head[2] - 28)
    z_low = -870.0
    leg_x, leg_y, _, _ = (float(v[0]) for v in leg_axes(f, np.array([z_low])))
    low = (side * (leg_x - 2), leg_y - 5, z_low)
    shaft_top = (trochanter[0] - side * 8, trochanter[1] - 4, trochanter[2] - 22)
    for name, inset in (("femurs_cortex", 0.0), ("femurs_marrow", 1.0)):
        box = c.box(
            np.minimum.reduce([head, low, trochanter]) - 34,
            np.maximum.reduce([head, low, trochanter]) + 34,
        )
        if c.empty(box):
            return
        p = c.points(box)
        stout = size * girth
        shaft = capsule(p, shaft_top, low, 17 * stout, 14.5 * stout)
        neck = capsule(
            p,
            head,
            (trochanter[0] - side * 10, *trochanter[1:]),
            15 * girth,
            17 * girth,
        )
        bump = ellipsoid(p, trochanter, (17 * stout, 20 * stout, 24 * stout))
        ball = ellipsoid(p, head, (ball_mm,) * 3)
        ends = torch.minimum(torch.minimum(neck, bump), ball)
        if inset:
            c.paint(name, ends + 2.6, box, hu=200.0)
            c.paint(name, shaft + 7.0 * size, box, hu=30.0)
        else:
            rim = ellipsoid(p, head, (ball_mm + 3.5 * size,) * 3)
            c.paint("rib_cartilage", rim, box)
            c.paint(name, torch.minimum(smooth_union(ends, shaft, 12), ends), box)
