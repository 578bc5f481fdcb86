"""Skull, face, brain with its folds, and the glands of head and neck."""

from __future__ import annotations

import math

import torch

from vct.phantom.body import head_frame, head_point
from vct.phantom.canvas import Canvas
from vct.phantom.frame import Frame
from vct.phantom.shapes import Points, capsule, ellipsoid, local

BRAIN_RADII = (65.5, 84.0, 69.0)
# Thickness of the skull at a factor of 1: from 1.8 to 8.0 mm over the brain.
_PLAIN_SHELL_MM = 6.2


def paint_head(c: Canvas, f: Frame) -> None:
    """Everything inside the head, bones first."""
    _paint_skull(c, f)
    _paint_brain(c, f)
    _paint_glands(c, f)


def _brain_radii(f: Frame, extra: float = 0.0) -> tuple[float, float, float]:
    s = f.marks["head"]
    wide, long = 1 + 0.025 * f.at("head_breadth"), 1 + 0.025 * f.at("head_length")
    a, b, h = BRAIN_RADII
    return a * wide * s + extra, b * long * s + extra, h * s / (wide * long) + extra


def _cranium(f: Frame, p: Points, extra: float) -> torch.Tensor:
    """Brain case grown by ``extra``: an ellipsoid with a flattened base."""
    _, turn, s = head_frame(f)
    case = ellipsoid(p, head_point(f, 0, 2, 4), _brain_radii(f, extra), turn)
    _, y, z = local(p, head_point(f, 0, 2, 4), turn)
    base = -(z + (38 * s) + 0.36 * (y * 0.8 + 10)) * 0.94 - extra
    return torch.maximum(case, base)


def _fossa(f: Frame, p: Points, extra: float) -> torch.Tensor:
    """The hind part of the brain case, about the cerebellum."""
    _, turn, s = head_frame(f)
    radii = [r * s + extra for r in (49, 33, 25)]
    return ellipsoid(p, head_point(f, 0, 38, -45), radii, turn)


def _paint_skull(c: Canvas, f: Frame) -> None:
    _, turn, s = head_frame(f)
    box = c.around(head_point(f, 0, 0, -10), (100, 125, 115))
    if c.empty(box):
        return
    p = c.points(box)
    v, girth = f.bone("skull"), f.bone_girth("skull")
    outer = 8.0 * s + _PLAIN_SHELL_MM * (v - 1.0)
    shell = torch.minimum(_cranium(f, p, outer), _fossa(f, p, outer - 1.0))
    c.paint("skull_cortex", shell, box)
    c.paint("skull_marrow", shell + 2.6 * v, box)
    c.paint("skull_cortex", shell + 5.2 * v, box)
    _paint_base(c, f, p, box, girth)
    inner = torch.minimum(_cranium(f, p, 1.8), _fossa(f, p, 1.5))
    c.paint("cerebrospinal_fluid", inner, box)
    # Face: cheekbones and upper jaw about the sinuses, then the mandible.
    middle = ellipsoid(p, head_point(f, 0, -58, -46), (46 * s, 32 * s, 34 * s), turn)
    c.paint("face_bone", middle, box, hu=230.0)
    for side in (1, -1):
        sinus = ellipsoid(p, head_point(f, side * 23, -62, -50), (11, 13, 14), turn)
        c.paint("airway", sinus, box)
        orbit = ellipsoid(p, head_point(f, side * 31, -76, -26), (19, 22, 18), turn)
        c.paint("visceral_fat", orbit, box)
        eye = ellipsoid(p, head_point(f, side * 31, -83, -26), (12, 12, 12))
        c.paint("eyes", eye, box)
    for side in (1, -1):
        nose = ellipsoid(p, head_point(f, side * 6.5, -62, -52), (4, 27, 15), turn)
        c.paint("airway", nose, box, opacity=0.8)
    box = c.around(head_point(f, 0, -45, -95), (75, 80, 65))
    p = c.points(box)
    chin, halves = head_point(f, 0, -94, -112), []
    for side in (1, -1):
        angle = head_point(f, side * 46, -32, -92)
        top = head_point(f, side * 52, -18, -46)
        body = capsule(p, chin, angle, 10 * girth, 8 * girth)
        d = torch.minimum(body, capsule(p, angle, top, 8 * girth, 6 * girth))
        halves.append(d)
    jaw = torch.minimum(*halves)
    c.paint("face_bone", jaw, box, hu=900.0)
    c.paint("face_bone", jaw + 3.0, box, hu=350.0)
    teeth = ellipsoid(p, head_point(f, 0, -74, -86), (27, 24, 9), turn)
    inner = ellipsoid(p, head_point(f, 0, -64, -86), (20, 24, 14), turn)
    c.paint("face_bone", torch.maximum(teeth, -inner), box, hu=1300.0)


def _paint_base(c: Canvas, f: Frame, p: Points, box, girth: float) -> None:
    """Petrous bones with their mastoids, under the brain, which is painted later."""
    for side in (1, -1):
        ear = head_point(f, side * 55, 18, -54)
        petrous = capsule(
            p, head_point(f, side * 16, -2, -52), ear, 9 * girth, 12 * girth
        )
        mastoid = capsule(
            p, ear, head_point(f, side * 52, 24, -72), 12 * girth, 7 * girth
        )
        d = torch.minimum(petrous, mastoid)
        c.paint("skull_cortex", d, box)
        c.paint("skull_marrow", mastoid + 3.0, box)


def _folds(f: Frame, p: Points) -> torch.Tensor:
    """Pattern of gyri and sulci, about -1 to 1."""
    x, y, z = p
    a, b = 0.9 * f.at("cortical_fold"), 1.7 * f.at("bowel_phase")
    w = 2 * math.pi / 30.0
    ripple = torch.sin(w * y + 1.1 * torch.sin(w * 0.5 * z + a) + b)
    other = torch.sin(w * 0.95 * z + 1.4 * torch.sin(w * 0.55 * x.abs() + b) + a)
    cross = torch.sin(w * 0.9 * x.abs() + 1.2 * torch.sin(w * 0.6 * y + a + b))
    return (ripple + other + cross) / 2.0


def _paint_brain(c: Canvas, f: Frame) -> None:
    _, turn, s = head_frame(f)
    box = c.around(head_point(f, 0, 2, 0), (86 * s, 108 * s, 92 * s))
    if c.empty(box):
        return
    p = c.points(box)
    u = local(p, head_point(f, 0, 2, 4), turn)
    fold = _folds(f, u)
    grow = f.volumes_ml.get("_brain_inset", 0.0)
    hull = _cranium(f, p, -grow)
    cortex = hull + 1.2 * (fold - 0.4).clamp_min(0)
    fissure = 1.2 - u[0].abs() + 0.10 * (8 - u[2]).clamp_min(0)
    cortex = torch.maximum(cortex, fissure)
    back = _fossa(f, p, -1.0)
    stem = capsule(p, head_point(f, 0, 8, -20), head_point(f, 0, 22, -78), 14, 9)
    c.paint("cerebrospinal_fluid", torch.minimum(back, stem) - 1.5, box)
    c.paint("brain_grey", cortex, box)
    # Gyri and sulci, unfolded until 4 mm can show them: white matter comes close
    # to the surface under one, grey goes deep along the other.
    thickness = 11.0 + 9.5 * fold
    white = hull + thickness.clamp_min(4.0)
    white = torch.maximum(white, 5.0 - u[0].abs() + 0.4 * (10 - u[2]).clamp(-30, 0))
    c.paint("brain_white", white, box)
    c.paint("brain_grey", back, box)
    inner = torch.minimum(back + 10 + 3 * fold, stem + 2)
    c.paint("brain_white", inner, box, suv=c.suv_of["brain_white"] * 1.25)
    size = 1 + 0.12 * f.at("ventricle_size") + 0.006 * (f.sizes["age"] - 50)
    for side in (1, -1):
        for center, radii, level in (
            ((side * 26, -10, -2), (7, 25, 16), 1.15),  # putamen
            ((side * 13, -24, 6), (6, 13, 11), 1.1),  # caudate
            ((side * 12, 12, 2), (9, 15, 10), 1.0),  # thalamus
        ):
            d = ellipsoid(p, head_point(f, *center), [r * s for r in radii], turn)
            c.paint("brain_grey", d, box, suv=c.suv_of["brain_grey"] * level)
        horn = capsule(
            p,
            head_point(f, side * 9, -28, 14),
            head_point(f, side * 17, 34, 16),
            5.5 * size,
            6.5 * size,
        )
        c.paint("cerebrospinal_fluid", horn, box)


def _paint_glands(c: Canvas, f: Frame) -> None:
    _, turn, _ = head_frame(f)
    for side in (1, -1):
        for name, at, radii in (
            ("salivary_glands", (side * 56, -16, -70), (9, 15, 21)),
            ("salivary_glands", (side * 27, -52, -108), (8, 14, 9)),
            ("tonsils", (side * 15, -26, -86), (6, 8, 10)),
        ):
            center = head_point(f, *at)
            box = c.around(center, max(radii) * 1.2 + 2)
            c.paint(name, ellipsoid(c.points(box), center, radii, turn), box)
        center = (side * 19.0, f.profile("ys", 30) - 36.0, 18.0)
        box = c.around(center, 34)
        d = ellipsoid(c.points(box), center, (9.5, 9, 22))
        c.paint("thyroid", d, box)
