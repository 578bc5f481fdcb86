"""Lungs under domed diaphragms, heart, great vessels and airways."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from vct.phantom.body import head_point
from vct.phantom.canvas import Canvas, Slices
from vct.phantom.frame import Frame, Profiles
from vct.phantom.shapes import (
    Points,
    Vector,
    ellipsoid,
    rotation,
    smooth_union,
    spline,
    superellipse,
)


def diaphragm(f: Frame, p: Points, shift_mm: float = 0.0) -> Tensor:
    """Height of the diaphragm over (x, y) [mm]; broadcasts to 1 j i."""
    x, y, _ = p
    z = f.marks["dome"]
    a, b = f.profile("ac", z - 20), f.profile("bc", z - 20)
    yv = f.profile("yv", z - 20)
    drop = 84 * f.marks["scale"]
    domes = []
    for cx, cy, top in (
        (-0.46 * a, yv - 6, z),
        (0.47 * a, yv, f.marks["dome_left"]),
    ):
        r2 = ((x - cx) / (0.56 * a)).square() + ((y - cy) / (0.95 * b)).square()
        domes.append(top - drop * r2 * (0.5 + 0.6 * r2) / (1 + 0.25 * r2.square()))
    return -smooth_union(-domes[0], -domes[1], 70.0) + shift_mm


def lung_distance(c: Canvas, f: Frame, box: Slices, side: int) -> Tensor:
    """Distance to one lung: cavity over the dome, off the mediastinum."""
    o = f.outline.resampled(c.axes[0])
    p = c.points(box)
    x, y, z = p
    inset = f.volumes_ml.get("_inset_left" if side > 0 else "_inset_right", 0.0)
    pb, py, pn = (c.per_slice(v, box) for v in (o.bc, o.yv, o.n))
    wall = _chest_wall(c, o, box, inset, x, y, pn)
    base = (diaphragm(f, p) - z) * 0.72 + inset
    # Apex: a dome through z = 0, 60 mm lateral.
    apex = ellipsoid(
        p,
        (side * 0.60 * f.profile("ac", -75), f.profile("yv", -60) + 12, -95 - inset),
        (0.62 * f.profile("ac", -75), 78.0, 95.0),
    )
    apex = torch.where(z > -95, apex, torch.full_like(apex, -60.0))
    zs = c.axes[0]
    half = np.interp(zs, [f.level(0.42), f.level(0.27), f.level(0.17), -75, -30, 0],
                     [30, 34, 30, 26, 24, 22]) + inset  # fmt: skip
    half = c.per_slice(half, box)
    # Toward the front the lungs nearly meet; behind they hug the spine.
    front = ((py - 0.15 * pb - y) / pb).clamp(0, 1)
    middle = half * (1 - 0.72 * front) - side * x
    d = torch.maximum(torch.maximum(wall, base), torch.maximum(apex, middle))
    return d


def _chest_wall(c: Canvas, o: Profiles, box: Slices, inset: float, x, y, exponent):
    """Distance to the pleura, which keeps within the muscle under the skin's fat."""
    half = np.minimum(o.ac - 3 - inset, o.am - _CHEST_WALL_MM)
    front = np.maximum(o.yv - o.bc + 3 + inset, o.ym - o.bm + _CHEST_WALL_MM)
    rear = np.minimum(o.yv + o.bc - 3 - inset, o.ym + o.bm - _CHEST_WALL_MM)
    pa, py, pb = (
        c.per_slice(v, box)
        for v in (half, 0.5 * (rear + front), np.maximum(0.5 * (rear - front), 2.0))
    )
    return superellipse(x, y - py, pa, pb, exponent)


_CHEST_WALL_MM = 9.0  # ribs and the muscle between them, at the least


def paint_lungs(c: Canvas, f: Frame) -> None:
    """Mediastinum and both lungs with vessels toward the hilum."""
    reach = float(f.outline.ac[(f.outline.z < 0) & (f.outline.z > -450)].max()) + 6
    front = f.profile("yv", f.level(0.3)) - f.profile("bc", f.level(0.3)) - 20
    back = f.profile("yv", f.level(0.3)) + f.profile("bc", f.level(0.3)) + 25
    for side, name in ((1, "lung_left"), (-1, "lung_right")):
        xs = (0.0, reach) if side > 0 else (-reach, 0.0)
        box = c.box((xs[0], front, f.level(0.52)), (xs[1], back, 3))
        d = lung_distance(c, f, box, side)
        _, y, z = c.points(box)
        # Denser and more active toward the back and the base (gravity).
        depth = ((y - f.profile("yv", f.level(0.25))) / 100).clamp(-1, 1)
        low = ((-z / (0.36 * f.torso_mm)) - 0.5).clamp(-0.5, 0.8)
        c.paint(
            name, d, box,
            hu=c.hu_of[name] + 45 * depth + 20 * low,
            suv=c.suv_of[name] * (1 + 0.22 * depth + 0.25 * low),
        )  # fmt: skip
        if c.images:
            _paint_lung_vessels(c, f, side)


def _paint_lung_vessels(c: Canvas, f: Frame, side: int) -> None:
    hilum = np.array([side * 32.0, f.profile("yv", f.level(0.17)) + 12, f.level(0.17)])
    a, b = f.profile("ac", f.level(0.2)), f.profile("bc", f.level(0.2))
    yv = f.profile("yv", f.level(0.2))
    chains = []
    for dx, dy, u in (
        (0.62, -0.2, 0.045), (0.75, 0.35, 0.09), (0.80, -0.1, 0.15), (0.70, -0.5, 0.20),
        (0.82, 0.2, 0.24), (0.72, 0.55, 0.28), (0.5, 0.72, 0.32), (0.55, -0.55, 0.14),
        (0.60, 0.6, 0.20), (0.85, 0.0, 0.29),
    ):  # fmt: skip
        tip = np.array([side * dx * a, yv + dy * b, f.level(u)])
        mid = 0.55 * hilum + 0.45 * tip + np.array([0, -4.0, 6.0])
        chains.append((spline([hilum, mid, tip], 8), np.linspace(5.0, 1.2, 8)))
    low = np.minimum.reduce([q.min(0) for q, _ in chains]) - 8
    high = np.maximum.reduce([q.max(0) for q, _ in chains]) + 8
    box = c.box(low, high)
    field = c.tubes(box, chains)
    name = "lung_left" if side > 0 else "lung_right"
    edge = lung_distance(c, f, box, side)
    c.paint(name, torch.maximum(field, edge + 3), box, hu=10.0,
            suv=1.2, opacity=0.85)  # fmt: skip


def heart_frame(f: Frame) -> tuple[np.ndarray, np.ndarray, float]:
    """Middle of the heart, its orientation (z: base to apex reversed), its scale."""
    s = (f.volumes_ml.get("heart", 650.0) / 650.0) ** (1 / 3)
    s *= f.volumes_ml.get("_scale_heart", 1.0)
    floor = f.marks["dome_left"] + 2
    z = floor + 40 * s - 22
    y = f.profile("yv", z) - f.profile("bc", z) + 14 + 46 * s
    center = np.array([16.0 + 6 * f.at("heart_shift"), y, z])
    tilt = 58 + 8 * f.at("heart_axis")
    return center, rotation(0, -tilt, 38.0), s


def _heart_point(f: Frame, x: float, y: float, z: float) -> np.ndarray:
    center, turn, s = heart_frame(f)
    return center + turn @ (np.array([x, y, z]) * s)


def paint_heart(c: Canvas, f: Frame, pattern: object = None) -> None:
    """Pericardial fat, right heart, left ventricle with its wall, atria."""
    center, turn, s = heart_frame(f)
    box = c.around(center + np.array([0, 4, 4]), 86 * s + 4)
    p = c.points(box)

    def at(x: float, y: float, z: float) -> np.ndarray:
        return _heart_point(f, x, y, z)

    # In the frame of the heart z runs from base (+) to apex (-), x to its right
    # ventricle (-): long axis through the left ventricle.
    grow = 1 + 0.05 * f.at("heart_size_ventricle")
    wall = ellipsoid(p, at(12, 0, -14), np.array([31 * grow, 31, 46]) * s, turn)
    cavity = ellipsoid(p, at(12, 0, -8), np.array([19 * grow, 19, 36]) * s, turn)
    base = local_z(p, at(12, 0, 20), turn)
    wall = torch.maximum(wall, base)
    cavity = torch.maximum(cavity, base - 1)
    right = ellipsoid(p, at(-19, -12, -10), np.array([33, 28, 44]) * s, turn)
    right = torch.maximum(right, base - 4)
    right_atrium = ellipsoid(p, at(-24, 0, 38), np.array([27, 26, 25]) * s, turn)
    left_atrium = ellipsoid(p, at(16, 10, 37), np.array([29, 25, 22]) * s, turn)
    hull = smooth_union(smooth_union(wall, right - 3, 14), left_atrium - 1.5, 14)
    hull = smooth_union(hull, right_atrium - 1.5, 14)
    c.paint("visceral_fat", hull - 5.5, box)
    c.paint("blood_pool_right", right_atrium, box)
    c.paint("blood_pool_left", left_atrium, box)
    suv = c.suv_of["myocardium"]
    blood = c.suv_of["blood_pool_right"]
    thin = blood + 0.35 * (suv - blood)
    c.paint("myocardium", right - 3, box, suv=thin)
    c.paint("blood_pool_right", right, box)
    c.paint("myocardium", wall, box, suv=_wall_suv(f, p, at(12, 0, -14), turn, suv,
                                                   blood, pattern))  # fmt: skip
    c.paint("blood_pool_left", cavity, box)


def local_z(p: Points, origin: np.ndarray, turn: np.ndarray) -> Tensor:
    """Signed distance along the local z axis from a plane."""
    n = turn[:, 2].tolist()
    return sum((c - float(o)) * w for c, o, w in zip(p, origin, n, strict=True))


def _wall_suv(f, p, origin, turn, suv: float, blood: float, pattern) -> Tensor | float:
    kind = str(pattern or "homogeneous").lower()
    n = turn[:, 0].tolist()
    across = sum((c - float(o)) * w for c, o, w in zip(p, origin, n, strict=True))
    along = local_z(p, origin, turn)
    if kind == "heterogeneous":
        # Lateral and basal wall warm, septum and apex cold, or a ring at the base.
        ring = 0.5 + 0.25 * f.at("heart_axis")
        weight = 0.9 + (1 - ring) * across / 26 + (0.3 + ring) * along / 46
        return blood + (suv - blood) * weight.clamp(0.1, 2.0)
    if kind == "none":
        return suv
    return suv * (1 + 0.10 * across / 30)


def aorta_line(f: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Points and radii of the aorta from its valve to the bifurcation [mm]."""
    sc = f.marks["scale"]
    root = _heart_point(f, -2, -4, 26)
    arch = -58 * sc + 5 * f.at("aortic_arch_height")
    s = f.level
    lateral = 20 + 3 * f.at("aortic_tortuosity")
    front = f.profile("ys", s(0.1))

    def before(u: float, gap: float) -> float:
        z = s(u)
        half = 13 + 4 * np.clip((u - 0.1) / 0.5, 0, 1)
        return f.profile("ys", z) - half - gap

    wander = 5 * f.at("aortic_tortuosity")
    points: list[Vector] = [
        root,
        (root[0] - 20, root[1] - 6, 0.5 * (root[2] + arch) - 4),
        (-12, 0.45 * root[1] + 0.55 * (front - 38), arch - 3),
        (8, front - 34, arch + 4),
        (lateral, front - 12, arch - 12),
        (lateral + 2, before(0.17, 0), s(0.17)),
        (lateral - 3 + wander, before(0.26, 6), s(0.26)),
        (12, before(0.36, 12), s(0.36)),
        (8 - wander / 2, before(0.46, 12), s(0.46)),
        (7 + wander, before(0.55, 11), s(0.55)),
        (5, before(0.645, 10), s(0.645)),
    ]
    n = 40
    k = f.volumes_ml.get("_scale_aorta", 1.0) * math.sqrt(
        f.volumes_ml.get("aorta", 240.0) / 240.0 / sc
    )
    radius = np.interp(np.linspace(0, 1, n), [0, 0.25, 0.45, 0.7, 1.0],
                       [15.5, 15, 12.5, 10.5, 8.5]) * k  # fmt: skip
    return spline(points, n), radius


def paint_vessels(c: Canvas, f: Frame) -> None:
    """Aorta with its branches to the legs, vena cava, pulmonary trunk."""
    aorta, radius = aorta_line(f)
    s, sc = f.level, f.marks["scale"]
    right = _heart_point(f, -24, 0, 38)
    fork = f.profile("ys", s(0.66)) - 27
    cava = [
        (-20, f.profile("ys", s(0.05)) - 48, -32 * sc),
        (-27, right[1] + 4, 0.5 * (right[2] - 40 * sc)),
        (-27, right[1] + 4, right[2]),
        (-24, right[1] + 14, f.marks["dome"] - 14),
        (-23, f.profile("ys", s(0.42)) - 30, s(0.42)),
        (-20, f.profile("ys", s(0.55)) - 32, s(0.55)),
        (-12, fork, s(0.66)),
    ]
    chains = [(spline(cava, 24), np.interp(np.arange(24), [0, 8, 23], [9, 12, 10.5]))]
    groins = []
    for side in (1, -1):
        groin = (side * 0.30 * f.sizes["bicristal"], f.profile("yv", s(0.9))
                 - 0.72 * f.profile("bc", s(0.9)), s(0.9))  # fmt: skip
        line = [(side * 5.0, fork, s(0.66)), (side * 42.0, fork + 14, s(0.76)), groin]
        groins.append((spline(line, 10), np.full(10, 5.0)))
        vein = [(-6 + side * 7.0, fork + 8, s(0.665)),
                (side * 38.0, fork + 24, s(0.77)),
                (groin[0] - side * 10, groin[1] + 6, groin[2])]  # fmt: skip
        chains.append((spline(vein, 10), np.full(10, 6.0)))
        neck = [(side * 8.0, f.profile("ys", s(0.06)) - 38, -36 * sc),
                (side * 24.0, f.profile("ys", 40) - 26, 40.0),
                head_point(f, side * 26, -8, -70)]  # fmt: skip
        chains.append((spline(neck, 12), np.full(12, 4.6)))
    trunk = [_heart_point(f, -8, -18, 22), _heart_point(f, 4, -10, 46),
             np.array([4.0, f.profile("ys", s(0.14)) - 44, s(0.145)])]  # fmt: skip
    chains.append((spline(trunk, 8), np.linspace(14, 12, 8)))
    fork_at = trunk[-1]
    for side in (1, -1):
        branch = [fork_at, fork_at + np.array([side * 42.0, 12, -6])]
        chains.append((spline(branch, 5), np.linspace(11, 7, 5)))
    _paint_tubes(c, "vena_cava", chains)
    _paint_tubes(c, "vena_cava", groins)
    _paint_tubes(c, "aorta", [(aorta, radius)])


def _paint_tubes(c: Canvas, name: str, chains) -> None:
    for line, radius in chains:
        box = c.box(line.min(0) - 20, line.max(0) + 20)
        if not c.empty(box):
            c.paint(name, c.tubes(box, [(line, radius)]), box)


def _carina(f: Frame) -> np.ndarray:
    """Where the trachea forks (x, y, z) [mm]."""
    return np.array([0.0, f.profile("ys", f.level(0.13)) - 36, f.level(0.125)])


def hila(f: Frame) -> list[tuple[float, float, float]]:
    """Where vessels enter the lungs, right and left, as (z, y, x) [mm]."""
    x, y, z = (float(v) for v in _carina(f))
    return [(z - 38, y + 8, x + side * 48) for side in (-1, 1)]


def paint_airways(c: Canvas, f: Frame) -> None:
    """Pharynx, trachea and main bronchi, and the esophagus behind them."""
    carina = _carina(f)
    upper = (0.0, f.profile("ys", 40) - 32, 40.0)
    line = spline([head_point(f, 0, -32, -62), head_point(f, 0, -22, -96), upper,
                   (0, f.profile("ys", -20) - 34, -20), carina], 14)  # fmt: skip
    gullet = spline(
        [
            upper + np.array([2.0, 15, 0]),
            (4, carina[1] + 17, carina[2]),
            (10, f.profile("ys", f.level(0.27)) - 34, f.level(0.27)),
            (26, f.profile("ys", f.level(0.36)) - 44, f.level(0.345)),
        ],
        14,
    )
    _paint_tubes(c, "soft_tissue", [(gullet, np.full(14, 6.5))])
    _paint_tubes(c, "airway", [(line, np.full(14, 8.6))])
    for side in (1, -1):
        tip = carina + np.array([side * 42.0, 8, -34])
        _paint_tubes(c, "airway", [(spline([carina, tip], 5), np.full(5, 6.0))])
