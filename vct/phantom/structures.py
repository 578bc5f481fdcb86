"""What a phantom is made of: its structures, and the latents that shape them.

Every structure is one label of :class:`vct.phantom.render.Phantom` and belongs to
one organ of :mod:`vct.anatomy`. ``SHAPE_LATENTS`` names the standard-normal
numbers by which subjects of equal demographics differ in position, pose and form;
a latent that an anatomy leaves out counts as 0, the middle of the population.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vct.anatomy import LABEL_OF

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Structure:
    """One label of the phantom and the organ it belongs to.

    ``suv`` and ``hu`` are plain adult values, used where an anatomy names none:
    means over the structure before blur and noise, HU without contrast medium and
    with it (portal-venous phase).
    """

    label: int
    name: str
    organ: str
    suv: float
    hu: float
    hu_contrast: float


_ROWS: tuple[tuple[str, str, float, float, float], ...] = (
    # name, organ, SUV, HU, HU in the portal-venous phase
    ("skin", "other_soft_tissue", 0.55, 20, 30),
    ("subcutaneous_fat", "subcutaneous_fat", 0.28, -105, -103),
    ("muscle_wall", "other_muscle", 0.65, 52, 62),
    ("visceral_fat", "visceral_fat", 0.38, -100, -97),
    ("soft_tissue", "other_soft_tissue", 0.95, 35, 50),
    ("lung_left", "lung_left", 0.48, -790, -775),
    ("lung_right", "lung_right", 0.48, -790, -775),
    ("airway", "airway", 0.30, -950, -950),
    ("myocardium", "heart", 3.0, 45, 105),
    ("blood_pool_left", "heart", 1.7, 42, 150),
    ("blood_pool_right", "heart", 1.7, 42, 150),
    ("aorta", "aorta", 1.75, 42, 150),
    ("vena_cava", "other_vessels", 1.7, 42, 140),
    ("liver", "liver", 2.2, 57, 108),
    ("gallbladder", "gallbladder", 0.8, 10, 12),
    ("spleen", "spleen", 1.9, 50, 115),
    ("stomach", "stomach", 1.6, 35, 50),
    ("pancreas", "pancreas", 1.6, 38, 90),
    ("kidney_cortex_left", "kidney_left", 2.9, 35, 165),
    ("kidney_cortex_right", "kidney_right", 2.9, 35, 165),
    ("renal_pelvis_left", "kidney_left", 12.0, 8, 30),
    ("renal_pelvis_right", "kidney_right", 12.0, 8, 30),
    ("adrenal_glands", "other_soft_tissue", 1.8, 25, 60),
    ("small_bowel", "small_bowel", 1.5, 30, 65),
    ("colon", "colon", 1.4, 25, 45),
    ("bowel_gas", "bowel_gas", 0.5, -850, -850),
    ("urinary_bladder", "urinary_bladder", 15.0, 6, 8),
    ("prostate", "prostate", 1.6, 38, 65),
    ("uterus", "other_soft_tissue", 1.7, 42, 90),
    ("breast_gland", "other_soft_tissue", 0.9, 15, 25),
    ("thyroid", "thyroid", 1.5, 90, 140),
    ("salivary_glands", "other_soft_tissue", 1.9, 25, 55),
    ("tonsils", "other_soft_tissue", 3.5, 45, 70),
    ("eyes", "other_soft_tissue", 1.2, 12, 14),
    ("brain_grey", "brain", 8.5, 38, 42),
    ("brain_white", "brain", 3.4, 28, 31),
    ("cerebrospinal_fluid", "other_soft_tissue", 1.2, 6, 7),
    ("spinal_cord", "other_soft_tissue", 1.6, 25, 28),
    ("skull_cortex", "skull", 0.9, 1000, 1000),
    ("skull_marrow", "skull", 1.1, 450, 450),
    ("face_bone", "skull", 0.9, 520, 520),
    ("vertebra_cortex", "vertebrae", 1.2, 420, 430),
    ("vertebra_marrow", "vertebrae", 1.7, 165, 180),
    ("intervertebral_disc", "vertebrae", 0.9, 75, 80),
    ("sacrum_cortex", "sacrum", 1.0, 380, 385),
    ("sacrum_marrow", "sacrum", 1.3, 130, 140),
    ("rib", "ribs", 0.95, 330, 340),
    ("rib_cartilage", "ribs", 0.6, 95, 100),
    ("sternum", "sternum", 1.2, 230, 240),
    ("clavicles", "clavicles", 0.85, 480, 480),
    ("scapulae", "scapulae", 0.85, 350, 355),
    ("humeri_cortex", "humeri", 0.6, 1050, 1050),
    ("humeri_marrow", "humeri", 0.7, 120, 120),
    ("pelvis_cortex", "hips", 0.8, 560, 565),
    ("pelvis_marrow", "hips", 1.1, 110, 120),
    ("femurs_cortex", "femurs", 0.6, 1100, 1100),
    ("femurs_marrow", "femurs", 0.7, 110, 115),
    ("paraspinal_muscle", "paraspinal_muscle", 0.65, 48, 58),
    ("psoas_muscle", "psoas_muscle", 0.7, 52, 63),
    ("gluteal_muscle", "gluteal_muscle", 0.6, 45, 53),
    ("thigh_muscle", "other_muscle", 0.6, 50, 58),
    ("arm_muscle", "other_muscle", 0.65, 52, 60),
    ("shoulder_muscle", "other_muscle", 0.65, 52, 61),
    ("neck_muscle", "other_muscle", 0.75, 52, 62),
)  # fmt: skip

STRUCTURES: tuple[Structure, ...] = tuple(
    Structure(label, *row) for label, row in enumerate(_ROWS, start=1)
)
NAMES: tuple[str, ...] = tuple(s.name for s in STRUCTURES)
STRUCTURE_LABEL: dict[str, int] = {s.name: s.label for s in STRUCTURES}

# Organs whose rendered volume follows ``Anatomy.volumes_ml`` under these names [mL].
# The kidney counts cortex and renal pelvis, the heart myocardium and blood, the
# brain grey and white matter, the aorta arch to bifurcation.
TARGET_VOLUMES: tuple[str, ...] = (
    "liver", "spleen", "kidney_left", "kidney_right", "heart", "lung_left",
    "lung_right", "brain", "aorta", "urinary_bladder", "stomach", "pancreas",
    "gallbladder",
)  # fmt: skip

# Standard-normal latents. Units in the comments are per SD.
SHAPE_LATENTS: tuple[str, ...] = (
    "torso_length",  # lung top to hips at fixed height, 43 mm
    "lung_length_share",  # part of the torso that the lungs take
    "chest_aspect",  # barrel chest: depth against breadth
    "shoulder_breadth",  # at fixed height and BMI
    "waist_breadth",
    "hip_breadth",
    "android_fat",  # belly fat against hip fat (android +, gynoid -)
    "visceral_share",  # intra-abdominal against subcutaneous fat
    "subcutaneous_thickness",
    "muscle_thickness",
    "breast_size",
    "kyphosis",
    "lordosis",
    "scoliosis",
    "pelvic_tilt",
    "pelvis_breadth",
    "head_tilt",  # chin down +
    "head_turn",  # to the left +
    "neck_length",
    "arm_spread",
    "leg_spread",
    "diaphragm_height",
    "diaphragm_asymmetry",
    "heart_axis",  # vertical - to horizontal +
    "heart_shift",  # to the left +
    "heart_size_ventricle",
    "aortic_arch_height",
    "aortic_tortuosity",
    "liver_left_lobe",
    "liver_tilt",
    "liver_height",
    "liver_depth",
    "spleen_height",
    "spleen_tilt",
    "spleen_elongation",
    "kidney_height_left",
    "kidney_height_right",
    "kidney_tilt",
    "kidney_lateral",
    "kidney_elongation",
    "renal_pelvis_left",  # filling
    "renal_pelvis_right",
    "stomach_filling",
    "stomach_tilt",
    "gallbladder_position",
    "pancreas_tilt",
    "bowel_gas",
    "bowel_pattern",  # seeds the loops together with bowel_phase
    "bowel_phase",
    "colon_sag",
    "colon_width",
    "bladder_flatness",
    "bladder_shift",
    "uterus_tilt",
    "head_length",
    "head_breadth",
    "cortical_fold",
    "ventricle_size",
    "rib_slope",
    "sternum_length",
    "subject_lateral",  # lying off the middle
    "subject_vertical",
    "breathing",  # PET to CT mismatch of the diaphragm
)  # fmt: skip


def organ_lut() -> list[int]:
    """Label of the organ for each structure label, index 0 (air) included."""
    return [0] + [LABEL_OF[s.organ] for s in STRUCTURES]


def to_organs(labels: torch.Tensor) -> torch.Tensor:
    """Organ labels of :mod:`vct.anatomy`, uint8, from structure labels, uint8."""
    import torch

    lut = torch.tensor(organ_lut(), dtype=torch.uint8, device=labels.device)
    return lut[labels.int()]
