"""Signed distances [mm] of simple shapes, negative inside.

Points come as ``(x, y, z)``, three tensors that broadcast to k j i: x to the left,
y to posterior, z to superior [mm]. Parameters are host numbers, so nothing here
waits for a device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

Points = tuple[Tensor, Tensor, Tensor]
Vector = Sequence[float] | np.ndarray


def rotation(
    tilt_x: float = 0.0, tilt_y: float = 0.0, turn_z: float = 0.0
) -> np.ndarray:
    """3 × 3 rotation matrix about x, then y, then z [degrees]."""
    ax, ay, az = (math.radians(v) for v in (tilt_x, tilt_y, turn_z))
    cx, sx, cy, sy = math.cos(ax), math.sin(ax), math.cos(ay), math.sin(ay)
    cz, sz = math.cos(az), math.sin(az)
    rx = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    ry = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    rz = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return rz @ ry @ rx


def local(p: Points, center: Vector, matrix: np.ndarray | None = None) -> Points:
    """Points in the frame of a shape: shifted, turned by the matrix's inverse."""
    x, y, z = (c - float(o) for c, o in zip(p, center, strict=True))
    if matrix is None:
        return x, y, z
    m = matrix.T.tolist()
    u, v, w = (row[0] * x + row[1] * y + row[2] * z for row in m)
    return u, v, w


def ellipsoid(
    p: Points, center: Vector, radii: Vector, matrix: np.ndarray | None = None
) -> Tensor:
    """First-order distance to an ellipsoid, exact at its surface."""
    x, y, z = local(p, center, matrix)
    a, b, c = (1.0 / float(r) for r in radii)
    qx, qy, qz = (x * a).square(), (y * b).square(), (z * c).square()
    f = (qx + qy + qz).sqrt()
    g = (qx * a * a + qy * b * b + qz * c * c).sqrt().clamp_min(1e-6)
    return f * (f - 1.0) / g


def box(
    p: Points,
    center: Vector,
    half: Vector,
    matrix: np.ndarray | None = None,
    rounding: float = 0.0,
) -> Tensor:
    """Distance to a rounded box (inside: to the nearest face)."""
    q = local(p, center, matrix)
    dx, dy, dz = (c.abs() - (float(h) - rounding) for c, h in zip(q, half, strict=True))
    outside = (
        dx.clamp_min(0).square() + dy.clamp_min(0).square() + dz.clamp_min(0).square()
    ).sqrt()
    inside = torch.maximum(torch.maximum(dx, dy), dz).clamp_max(0)
    return outside + inside - rounding


def capsule(p: Points, a: Vector, b: Vector, ra: float, rb: float) -> Tensor:
    """Distance to a segment from a to b with radius from ra to rb."""
    ab = [float(v - u) for u, v in zip(a, b, strict=True)]
    x, y, z = (c - float(o) for c, o in zip(p, a, strict=True))
    length2 = sum(v * v for v in ab) + 1e-9
    t = (x * (ab[0] / length2) + y * (ab[1] / length2) + z * (ab[2] / length2)).clamp(
        0.0, 1.0
    )
    d2 = (x - t * ab[0]).square() + (y - t * ab[1]).square() + (z - t * ab[2]).square()
    return d2.sqrt() - (ra + (rb - ra) * t)


def smooth_union(a: Tensor, b: Tensor, width_mm: float) -> Tensor:
    """Union whose seam is filled over ``width_mm``."""
    h = (width_mm - (a - b).abs()).clamp_min(0) / width_mm
    return torch.minimum(a, b) - h.square() * (width_mm * 0.25)


def superellipse(
    x: Tensor, y: Tensor, a: Tensor, b: Tensor, exponent: Tensor
) -> Tensor:
    """First-order in-plane distance to |x/a|^n + |y/b|^n = 1."""
    lx = exponent * (x.abs() / a).clamp_min(1e-3).log()
    ly = exponent * (y.abs() / b).clamp_min(1e-3).log()
    f = ((lx.exp() + ly.exp()).log() / exponent).exp()
    radius2 = x.square() + y.square()
    # Normal distance of the ellipse of equal proportions.
    qx, qy = (x / a).square(), (y / b).square()
    g = (qx / a.square() + qy / b.square()).sqrt().clamp_min(1e-6)
    e = (qx + qy).sqrt()
    slope = torch.where(radius2 > 1.0, e / g.clamp_min(1e-6), torch.minimum(a, b))
    return (f - 1.0) * slope


def spline(points: Sequence[Vector] | np.ndarray, n: int) -> np.ndarray:
    """n points along a Catmull-Rom curve through the given ones, shape (n, dim)."""
    p = np.asarray(points, float)
    p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    t = np.linspace(0, len(p) - 3 - 1e-9, n)
    i = t.astype(int)
    u = (t - i)[:, None]
    a, b, c, d = p[i], p[i + 1], p[i + 2], p[i + 3]
    return 0.5 * (
        2 * b
        + (c - a) * u
        + (2 * a - 5 * b + 4 * c - d) * u**2
        + (3 * b - a - 3 * c + d) * u**3
    )
