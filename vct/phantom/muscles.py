"""Paraspinal, psoas and gluteal muscle, which hang on the bones."""

from __future__ import annotations

import numpy as np

from vct.phantom.canvas import Canvas
from vct.phantom.frame import Frame
from vct.phantom.shapes import ellipsoid, rotation, spline
from vct.phantom.skeleton import hip_center


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
