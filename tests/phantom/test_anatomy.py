"""Organs of drawn people lie where anatomy has them: containment and adjacency.

People come from the training range, which is wider than any trial population.
"""

from functools import cache

import numpy as np
import pytest
import torch
from scipy import ndimage

from vct.grid import whole_body_grid
from vct.phantom.population import draw_anatomy
from vct.phantom.render import MEASURED, render
from vct.phantom.structures import STRUCTURE_LABEL, STRUCTURES
from vct.training.people import draw_person

SPACING_MM = 6.0
GRID = whole_body_grid(SPACING_MM)
FEW, MANY = range(12), range(200)

# Several parts by nature, or a lumen parted by its own gas or by other organs.
ONE_PIECE = (
    "liver", "spleen", "kidney_left", "kidney_right", "heart", "lung_left",
    "lung_right", "brain", "aorta", "urinary_bladder", "stomach", "gallbladder",
    "pancreas",
)  # fmt: skip
LUNGS = ("lung_left", "lung_right")
BRAIN = MEASURED["brain"]
HEART = MEASURED["heart"]
SPINE = ("vertebra_cortex", "vertebra_marrow", "intervertebral_disc")
SKULL = ("skull_cortex", "skull_marrow", "face_bone", "cerebrospinal_fluid")
# Too thin to own a voxel of 6 mm in everyone; they are there at 4 mm.
THIN = {
    "adrenal_glands", "tonsils", "eyes", "renal_pelvis_left", "renal_pelvis_right",
    "bowel_gas", "humeri_marrow", "skull_marrow", "femurs_marrow", "skin",
}  # fmt: skip


class Body:
    """Labels of one subject, and what can be asked of them (axes k, j, i)."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([2026, seed])
        self.person = draw_person(rng)
        anatomy = draw_anatomy(self.person, rng)
        generator = torch.Generator().manual_seed(0)
        phantom = render(anatomy, GRID, generator=generator, noise=False)
        self.labels = phantom.labels.numpy()

    def mask(self, *names: str) -> np.ndarray:
        return np.isin(self.labels, [STRUCTURE_LABEL[n] for n in names])

    def middle(self, *names: str) -> np.ndarray:
        return np.argwhere(self.mask(*names)).mean(0)

    def touch(self, one: tuple[str, ...], other: tuple[str, ...]) -> bool:
        """Whether one comes within two voxels of the other."""
        near = ndimage.binary_dilation(self.mask(*one), iterations=2)
        return bool((near & self.mask(*other)).any())


@cache
def body(seed: int) -> Body:
    return Body(seed)


def one_body(b: Body) -> list[str]:
    parts, _ = ndimage.label(b.labels > 0, np.ones((3, 3, 3)))
    share = np.bincount(parts.ravel())[1:].max() / (b.labels > 0).sum()
    return [] if share > 0.999 else [f"largest part of the body is {share:.3f} in all"]


def bones_covered(b: Body) -> list[str]:
    """Air comes next to no bone but in nose and sinuses."""
    air = ndimage.binary_dilation(b.labels == 0)
    out = []
    for organ in ("vertebrae", "sacrum", "hips", "ribs", "sternum", "scapulae"):
        bones = b.mask(*(s.name for s in STRUCTURES if s.organ == organ))
        if (bones & air).any():
            out.append(f"{organ} bare in {int((bones & air).sum())} voxels")
    return out


def one_piece(b: Body) -> list[str]:
    out = []
    for organ in ONE_PIECE:
        mask = b.mask(*MEASURED[organ])
        parts, _ = ndimage.label(mask, np.ones((3, 3, 3)))
        sizes = np.bincount(parts.ravel())[1:]
        if not len(sizes) or sizes.max() < 0.97 * mask.sum():
            out.append(f"{organ} is in pieces {sorted(sizes.tolist())[-3:]}")
    return out


def every_structure(b: Body) -> list[str]:
    other = {"uterus", "breast_gland"} if b.person.sex == "M" else {"prostate"}
    present = set(np.unique(b.labels).tolist())
    absent = {s.name for s in STRUCTURES if s.label not in present} - THIN - other
    wrong = {n for n in other if STRUCTURE_LABEL[n] in present}
    return [f"no {n}" for n in absent] + [f"{n} in {b.person.sex}" for n in wrong]


def head(b: Body) -> list[str]:
    brain = b.mask(*BRAIN)
    around = ndimage.binary_dilation(brain, iterations=1) & ~brain
    # The brain stem leaves through the base, where the cord begins.
    bare = around & ~b.mask(*SKULL, "spinal_cord", "vertebra_cortex")
    share = bare.sum() / around.sum()
    return [] if share < 0.06 else [f"{share:.2f} of the brain is bare of skull"]


def chest(b: Body) -> list[str]:
    out = []
    lungs, liver = b.middle(*LUNGS), b.middle("liver")
    for lung in LUNGS:
        if not b.touch(HEART, (lung,)):
            out.append(f"heart does not touch {lung}")
    left, right = b.middle("lung_left"), b.middle("lung_right")
    if not right[2] < b.middle(*HEART)[2] < left[2]:
        out.append("heart not between the lungs")
    if not lungs[0] > liver[0]:
        out.append("lungs not above the liver")
    if not b.touch(("liver",), ("lung_right",)):
        out.append("liver does not touch the right lung's base")
    # The skin side of a lung meets the chest wall, never fat, skin or air.
    around = ndimage.binary_dilation(b.mask(*LUNGS), iterations=1)
    outside = (b.labels == 0) | b.mask("skin", "subcutaneous_fat")
    share = (around & outside).sum() / around.sum()
    if share > 0.002:
        out.append(f"{share:.4f} of the lungs' shell is skin, fat or air")
    return out


def spine(b: Body) -> list[str]:
    out = []
    bones, cord = b.mask(*SPINE), b.mask("spinal_cord")
    for k in np.flatnonzero(cord.any((1, 2)))[2:-2]:
        if not bones[k].any():
            out.append(f"cord without vertebra in slice {k}")
            break
        apart = np.argwhere(cord[k]).mean(0) - np.argwhere(bones[k]).mean(0)
        if abs(apart[1]) > 2 or abs(apart[0]) > 5:
            out.append(f"cord beside the spine in slice {k}")
            break
    aorta = b.mask("aorta")
    low, high = np.flatnonzero(aorta.any((1, 2)))[[0, -1]]
    for k in range(low, (2 * low + high) // 3):
        if (aorta[k].any() and bones[k].any()
                and np.argwhere(aorta[k])[:, 0].mean()
                > np.argwhere(b.mask("spinal_cord")[k])[:, 0].mean()):  # fmt: skip
            out.append(f"aorta behind the cord in slice {k}")
            break
    if not b.touch(("aorta",), SPINE):
        out.append("aorta off the spine")
    return out


def abdomen(b: Body) -> list[str]:
    out = []
    middle = b.middle(*SPINE)[2]
    for organ in ("stomach", "spleen", "kidney_cortex_left"):
        if not b.middle(organ)[2] > middle:
            out.append(f"{organ} is not on the left")
    for organ in ("liver", "gallbladder", "kidney_cortex_right"):
        if not b.middle(organ)[2] < middle:
            out.append(f"{organ} is not on the right")
    behind = ("psoas_muscle", "paraspinal_muscle", "muscle_wall", "visceral_fat")
    for side in ("left", "right"):
        kidney = (f"kidney_cortex_{side}",)
        if not b.touch(kidney, behind):
            out.append(f"{kidney[0]} touches neither fat nor muscle")
        if not b.middle(*kidney)[1] > b.middle("small_bowel")[1]:
            out.append(f"{kidney[0]} in front of the small bowel")
        if not b.touch(kidney, ("renal_pelvis_" + side, "visceral_fat")):
            out.append(f"{kidney[0]} without sinus")
    return out


def pelvis(b: Body) -> list[str]:
    out = []
    bladder = b.middle("urinary_bladder")
    bones = b.mask("pelvis_cortex", "pelvis_marrow")
    k = np.flatnonzero(bones.any((1, 2)))
    i = np.flatnonzero(bones.any((0, 1)))
    if not (k[0] < bladder[0] < k[-1] and i[0] < bladder[2] < i[-1]):
        out.append("bladder outside the pelvis")
    if not bladder[1] < b.middle("sacrum_marrow", "sacrum_cortex")[1]:
        out.append("bladder behind the sacrum")
    if b.person.sex == "M":
        if not b.middle("prostate")[0] < bladder[0]:
            out.append("prostate above the bladder")
        if not b.touch(("prostate",), ("urinary_bladder",)):
            out.append("prostate off the bladder")
    elif not b.middle("uterus")[1] > bladder[1]:
        out.append("uterus in front of the bladder")
    return out


RULES = (
    one_body, bones_covered, one_piece, every_structure, head, chest, spine, abdomen,
    pelvis,
)  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("seed", FEW)
def test_a_few_people_are_made_as_people_are(seed, rule):
    assert rule(body(seed)) == []


@pytest.mark.slow
def test_hardly_anyone_of_many_breaks_a_rule():
    """What a rule says of any one organ, it says of at most 1 % of 200 people."""
    broken: dict[str, list[str]] = {}
    for seed in MANY:
        subject = Body(seed)
        for rule in RULES:
            for said in rule(subject):
                about = f"{rule.__name__} {said.split()[0]}"
                broken.setdefault(about, []).append(f"{seed}: {said}")
    assert {k: v for k, v in broken.items() if len(v) > 0.01 * len(MANY)} == {}
