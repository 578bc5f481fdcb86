"""Bones with a cortical shell over marrow, and the muscles that hang on them."""

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

# Shares of the torso length at which vertebra bodies begin, C1 .. L5, S1: top to
# bottom. C1 stands free of the torso: cervical levels are in mm above T1.
_CERVICAL_MM = 15.5
_T1_TOP_U = -0.012
_L1_TOP_U = 0.405
_S1_TOP_U = 0.705
_CANAL_MM = 8.3  # radius of the spinal canal within the arches
_OVER_SACRUM_MM = 9.0  # fascia and muscle between it and the fat
_RIB_MM = 5.0  # radius
_PLAIN_RIB_MM = 4.6  # radius for which the cage's course about the lungs was laid
_UNDER_MUSCLE_MM = 3.0


def vertebra_tops(f: Frame) -> np.ndarray:
    """Heights of the upper end plates of C1 .. L5, and of S1, shape (25,) [mm]."""
    neck = f.level(_T1_TOP_U) + _CERVICAL_MM * (1 + 0.05 * f.at("neck_length")) * (
        np.arange(7, 0, -1)
    )
    n = np.arange(12) / 12
    thorax = _T1_TOP_U + (_L1_TOP_U - _T1_TOP_U) * (0.72 * n + 0.28 * n**2)
    lumbar = _L1_TOP_U + (_S1_TOP_U - _L1_TOP_U) * np.arange(6) / 5
    return np.concatenate([neck, f.level(1.0) * thorax, f.level(1.0) * lumbar])


def paint_spine(c: Canvas, f: Frame) -> None:
    """Vertebrae with posterior elements, discs and the cord in its canal."""
    z = c.axes[0]
    tops = vertebra_tops(f)
    low, high = tops[-1], tops[0]
    o = f.outline.resampled(z)
    girth = f.bone_girth("vertebrae")
    half_x = girth * _by_level(f, z, 12.5, 16, 24)
    # Their depth varies less than their breadth: the cord stays near.
    half_y = girth**0.6 * _by_level(f, z, 8.8, 13.5, 17.3)
    # They grow to the back: the great vessels lie on their front.
    ys = o.ys + half_y - _by_level(f, z, 8.5, 13, 17)
    k = np.clip(np.searchsorted(-tops, -z) - 1, 0, 23)
    height = tops[k] - tops[k + 1]
    phase = np.clip((tops[k] - z) / height, 0, 1)
    disc_share = np.where(k < 19, 0.17, 0.24)
    to_disc = (phase - (1 - disc_share / 2)) * height
    disc = np.abs(to_disc) - disc_share * height / 2
    waist = 1 - 0.07 * np.sin(np.pi * np.clip(phase / (1 - disc_share), 0, 1))
    reach_y = (o.ys - 30).min(), (o.ys + 75).max()
    box = c.box((-48, reach_y[0], low), (48, reach_y[1], high))
    x, y, zt = c.points(box)
    mid_x, mid_y, a, b = (
        c.per_slice(v, box) for v in (o.xs, ys, half_x * waist, half_y * waist)
    )
    dx, dy = x - mid_x, y - mid_y
    two = torch.full_like(a, 2.3)
    body = superellipse(dx, dy, a, b, two)
    ends = torch.maximum(low - zt, zt - high)
    d_disc = c.per_slice(disc, box)
    canal_y = b + 10.0
    around_canal = (dx.square() + (dy - canal_y).square()).sqrt()
    thick = 4.4 * girth
    arch = (around_canal - _CANAL_MM - thick).abs() - thick
    arch = torch.maximum(arch, c.per_slice(_window(phase, height, 0.45, 0.36), box))
    joints = _articular(c, f, girth, dx, dy - canal_y, box)
    level = _window(phase, height, 0.5, 0.42)
    arch = torch.minimum(arch, torch.maximum(joints, c.per_slice(level, box)))
    level = c.per_slice(_window(phase, height, 0.62, 0.30), box)
    room = o.ym + o.bm - (ys + half_y + 10) - 14
    reach = c.per_slice(np.clip(room, 4, _by_level(f, z, 20, 27, 30)), box)
    spine_process = torch.maximum(
        torch.maximum(
            dx.abs() - thick, (dy - canal_y - 12 - reach / 2).abs() - reach / 2
        ),
        level,
    )
    width = c.per_slice(_by_level(f, z, 22, 31, 39), box)
    transverse = torch.maximum(
        torch.maximum(dx.abs() - width, (dy - canal_y + 1).abs() - 5.0 * girth),
        c.per_slice(_window(phase, height, 0.4, 0.28), box),
    )
    transverse = torch.maximum(transverse, _CANAL_MM + thick - around_canal)
    behind = torch.minimum(torch.minimum(arch, spine_process), transverse)
    # In the neck nothing reaches the skin.
    rear = o.yc + o.b - 14 - 1.2 * np.clip(z - 88, 0, None)
    behind = torch.maximum(torch.maximum(behind, ends), y - c.per_slice(rear, box))
    c.paint("vertebra_cortex", behind, box)
    bone = torch.maximum(torch.maximum(body, ends), -d_disc)
    c.paint("vertebra_cortex", bone, box)
    c.paint("vertebra_marrow", bone + 2.4, box)
    disc_d = torch.maximum(torch.maximum(body + 0.5, ends), d_disc)
    c.paint("intervertebral_disc", disc_d, box)
    cord = torch.maximum(around_canal - 6.5, ends)
    c.paint("spinal_cord", cord, box)


def _articular(
    c: Canvas, f: Frame, girth: float, dx: torch.Tensor, dy: torch.Tensor, box
) -> torch.Tensor:
    """In-plane distance to the articular pillars beside the canal [mm]."""
    radius = girth * _by_level(f, c.axes[0], 7.5, 7.5, 10.0)
    r = c.per_slice(radius, box)
    return ((dx.abs() - _CANAL_MM - r).square() + (dy - 2.0).square()).sqrt() - r


def _by_level(
    f: Frame, z: np.ndarray, neck: float, thorax: float, lumbar: float
) -> np.ndarray:
    size = 1.0 if f.sex == "M" else 0.91
    points = [f.level(0.72), f.level(0.5), f.level(0.1), 30.0, 140.0]
    return size * np.interp(z, points, [lumbar, 0.6 * lumbar + 0.4 * thorax, thorax,
                                        neck, neck])  # fmt: skip


def _window(phase: np.ndarray, height: np.ndarray, middle: float, half: float):
    return (np.abs(phase - middle) - half) * height


def paint_sacrum(c: Canvas, f: Frame) -> None:
    """Sacrum and coccyx, curving back and then forward."""
    z = c.axes[0]
    top, bottom = f.level(0.705), f.level(0.925)
    t = np.clip((top - z) / (top - bottom), 0, 1)
    y0 = f.profile("ys", top)
    y = y0 + 62 * np.sin(np.pi * 0.62 * t) * (1 + 0.12 * f.at("pelvic_tilt"))
    girth = f.bone_girth("sacrum")
    half_x = girth * np.interp(t, [0, 0.2, 0.6, 0.8, 1], [50, 52, 26, 11, 6])
    half_y = girth * np.interp(t, [0, 0.3, 0.8, 1], [22, 19, 9, 5])
    o = f.outline.resampled(z)
    y = np.minimum(y, o.ym + o.bm - half_y - _OVER_SACRUM_MM)
    box = c.box((-58, y0 - 30, bottom), (58, y0 + 100, top))
    if c.empty(box):
        return
    x, yy, zt = c.points(box)
    px, py, a, b = (
        c.per_slice(v, box)
        for v in (np.interp(z, f.outline.z, f.outline.xs), y, half_x, half_y)
    )
    d = superellipse(x - px, yy - py, a, b, torch.full_like(a, 2.2)) * 0.85
    d = torch.maximum(torch.maximum(d, zt - top + 2), bottom - zt)
    c.paint("sacrum_cortex", d, box)
    c.paint("sacrum_marrow", d + 2.6, box)


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


def paint_muscles(c: Canvas, f: Frame) -> None:
    """Paraspinal, psoas and gluteal muscle, wrapped in a little fat."""
    m = f.sizes["muscle"]
    sc = f.marks["scale"]
    for side in (1, -1):
        points = []
        for u in (0.0, 0.15, 0.3, 0.45, 0.6, 0.72):
            z = f.level(u)
            back = f.profile("ym", z) + f.profile("bm", z)
            points.append((side * 29.0, back - 22.0 - 6 * (u > 0.4), z))
        line = spline(points, 16)
        radius = m * np.interp(np.arange(16), [0, 5, 11, 15], [17, 21, 29, 23])
        box = c.box(line.min(0) - 40, line.max(0) + 40)
        d = c.tubes(box, [(line, radius + 2.5)])
        c.paint("soft_tissue", d, box, hu=-60.0, suv=0.35, opacity=0.7)
        c.paint("paraspinal_muscle", d + 2.5, box)
        head = hip_center(f, side)
        spine_y = f.profile("ys", f.level(0.55))
        line = spline([
            (side * 28.0, spine_y + 4, f.level(0.43)),
            (side * 40.0, spine_y + 6, f.level(0.55)),
            (side * 50.0, spine_y + 2, f.level(0.66)),
            (side * 68.0, spine_y - 14, f.level(0.78)),
            (head[0] + side * 4, head[1] - 34, head[2] + 6),
            (head[0] + side * 22, head[1] - 10, head[2] - 50),
        ], 16)  # fmt: skip
        radius = m * np.interp(np.arange(16), [0, 5, 9, 15], [11, 23, 27, 16])
        box = c.box(line.min(0) - 30, line.max(0) + 30)
        c.paint("psoas_muscle", c.tubes(box, [(line, radius)]), box)
        back = f.profile("ym", f.level(0.88)) + f.profile("bm", f.level(0.88))
        center = (side * 0.50 * f.profile("am", f.level(0.88)), back - 30 * m,
                  f.level(0.90))  # fmt: skip
        radii = (72 * m, 42 * m, 112 * sc)
        box = c.around(center, 125)
        d = ellipsoid(
            c.points(box), center, radii, rotation(10, -22 * side, -24 * side)
        )
        c.paint("soft_tissue", d - 3.0, box, hu=-60.0, suv=0.35, opacity=0.8)
        c.paint("gluteal_muscle", d, box)
        inner = ellipsoid(c.points(box), (center[0] + side * 22, center[1] - 26 * m,
                          center[2] + 30), (40 * m, 26 * m, 62 * sc),
                          rotation(10, -22 * side, -30 * side))  # fmt: skip
        c.paint("soft_tissue", inner - 3.0, box, hu=-60.0, suv=0.35, opacity=0.7)
        c.paint("gluteal_muscle", inner, box)
