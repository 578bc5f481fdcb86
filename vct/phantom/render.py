"""A phantom subject as CT, PET and labels on any grid.

Geometry comes from the anatomy alone; the generator draws texture and noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vct.grid import Grid, whole_body_grid
from vct.phantom import (
    abdomen,
    body,
    head,
    image,
    muscles,
    skeleton,
    spine,
    texture,
    thorax,
)
from vct.phantom.canvas import Canvas
from vct.phantom.composition import build_frame
from vct.phantom.frame import Frame
from vct.phantom.structures import STRUCTURES

# Noise of the PET: coefficient of variation of the liver at 76 kg, 4 mm voxels and the
# reference dose. At one dose per weight and one scan time it grows with the root of the
# weight (de Groot et al., EJNMMI Res 2013;3:63); sites scan heavy people longer, which
# takes a part of the growth away, assumed.
LIVER_COV = 0.11
LIVER_COV_WEIGHT_KG = 76.0
WEIGHT_EXPONENT = 0.3
CT_NOISE_HU = 8.5  # at 4 mm and 26 kg/m²
CT_NOISE_PER_BMI = 0.02  # ln, per kg/m²
BREATHING_SHIFT_MM = (3.0, 3.0)  # mean and SD over people

# Structures whose coverage makes up the volume of a target.
MEASURED: dict[str, tuple[str, ...]] = {
    "liver": ("liver",),
    "spleen": ("spleen",),
    "kidney_left": ("kidney_cortex_left", "renal_pelvis_left"),
    "kidney_right": ("kidney_cortex_right", "renal_pelvis_right"),
    "heart": ("myocardium", "blood_pool_left", "blood_pool_right"),
    "lung_left": ("lung_left",),
    "lung_right": ("lung_right",),
    "brain": ("brain_grey", "brain_white"),
    "aorta": ("aorta",),
    "urinary_bladder": ("urinary_bladder",),
    "stomach": ("stomach",),
    "pancreas": ("pancreas",),
    "gallbladder": ("gallbladder",),
    "small_bowel": ("small_bowel",),
    "colon": ("colon",),
}
# Voxels labeled at 4 mm per volume covered, measured on 24 subjects: thin edges
# fall to the neighbors.
LABELED_SHARE = {
    "liver": 0.992, "spleen": 0.987, "kidney_left": 0.986, "kidney_right": 0.984,
    "heart": 0.995, "lung_left": 0.982, "lung_right": 0.983, "brain": 0.996,
    "aorta": 0.976, "urinary_bladder": 0.987, "pancreas": 0.96, "gallbladder": 0.968,
}  # fmt: skip
_TUBES = {"aorta", "small_bowel", "colon"}
_REHEARSAL_MM = 6.0


@dataclass(frozen=True)
class Phantom:
    """One rendered subject; tensors of shape k j i on the grid's device.

    ``ct_hu`` [HU] and ``suv`` [g/mL] are float32, ``labels`` uint8 with the labels
    of ``structures.STRUCTURES`` (0 is air).
    """

    ct_hu: Tensor
    suv: Tensor
    labels: Tensor


@torch.no_grad()
def render(
    anatomy: Any,
    grid: Grid,
    *,
    device: torch.device | str = "cpu",
    generator: torch.Generator,
    noise: bool = True,
    injected_mbq_per_kg: float = image.REFERENCE_MBQ_PER_KG,
) -> Phantom:
    """Render an anatomy.

    Parameters
    ----------
    anatomy
        ``population.Anatomy`` or its like.
    grid
        Any grid; ``whole_body_grid(4.0)`` is the usual one.
    device
        Where the voxels are computed. Nothing waits for it.
    generator
        Draws texture and noise, on the device or the CPU.
    noise
        False gives the clean images: no texture, no blur, no noise.
    injected_mbq_per_kg
        Dose over weight [MBq/kg]: the SD of the PET's noise goes with the root of its
        inverse. The models are trained on the default, the middle of the protocol.

    Raises
    ------
    ValueError
        If the dose is not positive.
    """
    dose = image.dose_factor(injected_mbq_per_kg)
    frame = fitted_frame(anatomy)
    canvas = Canvas(_lain(grid, frame), device, *_values(anatomy))
    _paint_all(canvas, frame, getattr(anatomy, "myocardium_pattern", None))
    hu, suv = canvas.hu, canvas.suv
    if noise:
        step = canvas.step_mm
        hu, suv = texture.mottled(hu, suv, step, generator)
        hu = texture.marbled(hu, canvas.labels, step, generator)
        hila = thorax.hila(frame)
        hu = texture.vesseled(hu, canvas.labels, canvas.axes, hila, generator)
        dome = 0.5 * (frame.marks["dome"] + frame.marks["dome_left"]) - 20
        middle, sd = BREATHING_SHIFT_MM
        shift = middle + sd * frame.at("breathing")
        suv = image.breathed(suv, canvas.axes[0], dome, shift)
        suv = image.blurred(suv, image.PET_FWHM_MM, step)
        size = (float(anatomy.weight_kg) / LIVER_COV_WEIGHT_KG) ** WEIGHT_EXPONENT
        cov, liver = LIVER_COV * size * dose, canvas.suv_of["liver"]
        suv = image.pet_noised(suv, step, cov, liver, generator)
        sd = CT_NOISE_HU * math.exp(
            CT_NOISE_PER_BMI * (float(anatomy.bmi_kg_m2) - 26.0)
        )
        hu = image.ct_noised(hu, step, sd, generator)
    return Phantom(hu, suv, canvas.labels)


def _lain(grid: Grid, frame: Frame) -> Grid:
    """The grid as seen by a subject who lies a few millimeters off its middle."""
    z, y, x = grid.origin_mm
    dy, dx = 3.0 * frame.at("subject_vertical"), 3.0 * frame.at("subject_lateral")
    return Grid(grid.shape, grid.spacing_mm, (z, y - dy, x - dx))


def _values(anatomy: Any) -> tuple[dict[str, float], dict[str, float]]:
    contrast = bool(anatomy.contrast)
    hu = {s.name: float(s.hu_contrast if contrast else s.hu) for s in STRUCTURES}
    suv = {s.name: float(s.suv) for s in STRUCTURES}
    hu.update({k: float(v) for k, v in anatomy.hu.items() if k in hu})
    suv.update({k: float(v) for k, v in anatomy.suv.items() if k in suv})
    return hu, suv


def _paint_all(canvas: Canvas, frame: Frame, pattern: object = None) -> None:
    images = canvas.images
    if images:
        body.paint_body(canvas, frame)
        muscles.paint_muscles(canvas, frame)
    thorax.paint_lungs(canvas, frame)
    if images:
        skeleton.paint_shoulder_girdle(canvas, frame)
        skeleton.paint_ribs(canvas, frame)
        skeleton.paint_pelvis(canvas, frame)
    abdomen.paint_bowel(canvas, frame)
    abdomen.paint_liver(canvas, frame)
    abdomen.paint_stomach(canvas, frame)
    abdomen.paint_pancreas(canvas, frame)
    abdomen.paint_spleen(canvas, frame)
    thorax.paint_heart(canvas, frame, pattern)
    abdomen.paint_pelvic_organs(canvas, frame)
    spine.paint_spine(canvas, frame)
    spine.paint_sacrum(canvas, frame)
    thorax.paint_airways(canvas, frame)
    abdomen.paint_kidneys(canvas, frame)
    thorax.paint_vessels(canvas, frame)
    head.paint_head(canvas, frame)


def fitted_frame(anatomy: Any, rounds: int = 3) -> Frame:
    """Frame whose rendered organs have the volumes the anatomy asks for.

    Organs are painted on a coarse grid on the CPU, measured by coverage after all
    that lies over them, and scaled; deterministic.
    """
    frame = build_frame(anatomy)
    v = frame.volumes_ml
    wanted = {k: float(v[k]) / LABELED_SHARE.get(k, 1.0) for k in MEASURED if k in v}
    grid = whole_body_grid(_REHEARSAL_MM)
    for _ in range(rounds):
        canvas = Canvas(grid, "cpu", tracked=sum(MEASURED.values(), ()), images=False)
        _paint_all(canvas, frame)
        for organ, target in wanted.items():
            ratio = target / max(canvas.volume_ml(MEASURED[organ]), 0.05 * target)
            _correct(frame, organ, min(max(ratio, 0.4), 2.5), target)
    return frame


def _correct(frame: Frame, organ: str, ratio: float, target: float) -> None:
    v = frame.volumes_ml
    if organ.startswith("lung_"):
        # Moving the whole surface by d changes the volume by about area × d.
        area = 4.9 * target ** (2 / 3) * 1.35 * 100  # [mm²]
        key = "_inset_" + organ[5:]
        change = target * 1000 * (1 / ratio - 1) / area
        v[key] = min(max(v.get(key, 0.0) + change, -9.0), 24.0)
    elif organ == "brain":
        # Surface of about 4.9 V^(2/3); the brain case itself follows the target.
        area = 4.9 * target ** (2 / 3) * 100
        v["_brain_inset"] = v.get("_brain_inset", 0.0) - (
            target * 1000 * (1 - 1 / ratio) / area
        )
    else:
        power = 0.5 if organ in _TUBES else 1 / 3
        key = f"_scale_{organ}"
        v[key] = v.get(key, 1.0) * ratio**power
