"""The spine and the sacrum: cortex over marrow, discs, and the cord in its canal."""

from __future__ import annotations

import numpy as np
import torch

from vct.phantom.canvas import Canvas
from vct.phantom.frame import Frame
from vct.phantom.shapes import superellipse

# Shares of the torso length at which vertebra bodies begin, C1 .. L5, S1: top to
# bottom. C1 stands free of the torso: cervical levels are in mm above T1.
_CERVICAL_MM = 15.5
_T1_TOP_U = -0.012
_L1_TOP_U = 0.405
_S1_TOP_U = 0.705
_CANAL_MM = 8.3  # radius of the spinal canal within the arches
_OVER_SACRUM_MM = 9.0  # fascia and muscle between it and the fat


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
