"""The rendered phantom: organs where they belong, as large as asked for."""

from functools import cache

import numpy as np
import pytest
import torch

from vct.anatomy import LABEL_OF
from vct.grid import whole_body_grid
from vct.phantom.population import Anatomy, draw_anatomy
from vct.phantom.render import MEASURED, Phantom, render
from vct.phantom.structures import (
    SHAPE_LATENTS,
    STRUCTURE_LABEL,
    STRUCTURES,
    to_organs,
)

COARSE = whole_body_grid(8.0)


class Person:
    """Demographics of a subject to draw."""

    def __init__(self, sex: str, age: float, height: float, bmi: float) -> None:
        self.sex, self.age_years = sex, age
        self.height_m, self.bmi_kg_m2 = height, bmi


def drawn(seed: int, sex: str | None = None, bmi: float | None = None) -> Anatomy:
    rng = np.random.default_rng(seed)
    sex = sex or ("M" if seed % 2 else "F")
    height = (1.77 if sex == "M" else 1.65) + 0.07 * rng.standard_normal()
    weight = bmi or float(np.clip(26 + 4.5 * rng.standard_normal(), 18, 42))
    person = Person(sex, float(rng.uniform(20, 85)), float(height), weight)
    return draw_anatomy(person, rng)


def rendered(anatomy: Anatomy, spacing_mm: float = 8.0, noise: bool = False) -> Phantom:
    generator = torch.Generator().manual_seed(5)
    grid = whole_body_grid(spacing_mm)
    return render(anatomy, grid, generator=generator, noise=noise)


@cache
def subject(seed: int) -> tuple[Anatomy, Phantom]:
    anatomy = drawn(seed)
    return anatomy, rendered(anatomy)


def centroid(phantom: Phantom, *names: str) -> np.ndarray:
    """Middle of structures as (k, j, i)."""
    ids = [STRUCTURE_LABEL[n] for n in names]
    return np.argwhere(np.isin(phantom.labels.numpy(), ids)).mean(0)


def volume_ml(phantom: Phantom, organ: str, spacing_mm: float) -> float:
    ids = [STRUCTURE_LABEL[n] for n in MEASURED[organ]]
    voxels = np.isin(phantom.labels.numpy(), ids).sum()
    return float(voxels) * spacing_mm**3 / 1000.0


SEEDS = range(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_structure_of_the_sex_is_there(seed):
    anatomy, phantom = subject(seed)
    present = set(np.unique(phantom.labels.numpy()).tolist())
    absent = {s.name for s in STRUCTURES if s.label not in present}
    tiny = {"adrenal_glands", "tonsils", "thyroid", "airway", "eyes", "bowel_gas",
            "cerebrospinal_fluid", "sternum", "clavicles", "rib_cartilage",
            "humeri_marrow", "face_bone", "spinal_cord", "skull_marrow",
            "femurs_marrow", "salivary_glands", "renal_pelvis_left",
            "renal_pelvis_right", "skull_cortex"}  # fmt: skip
    other = {"uterus", "breast_gland"} if anatomy.sex == "M" else {"prostate"}
    assert absent <= tiny | other


@pytest.mark.parametrize("seed", SEEDS)
def test_organs_lie_on_their_side_and_in_their_order(seed):
    _, phantom = subject(seed)
    liver, spleen = centroid(phantom, "liver"), centroid(phantom, "spleen")
    heart = centroid(phantom, "myocardium", "blood_pool_left", "blood_pool_right")
    brain = centroid(phantom, "brain_grey", "brain_white")
    bladder = centroid(phantom, "urinary_bladder")
    lungs = centroid(phantom, "lung_left", "lung_right")
    spine = centroid(phantom, "vertebra_marrow")
    middle = (COARSE.shape[2] - 1) / 2
    # Patient right is low i, superior is high k, posterior is high j.
    assert liver[2] < middle < spleen[2]
    assert heart[2] > middle
    assert spleen[1] > liver[1]
    assert brain[0] > heart[0] > liver[0] > bladder[0]
    assert brain[0] > lungs[0] > liver[0]
    assert spine[1] > heart[1]
    left = centroid(phantom, "kidney_cortex_left")
    right = centroid(phantom, "kidney_cortex_right")
    assert right[2] < middle < left[2]
    assert left[1] > liver[1] - 2
    assert liver[0] > left[0] - 6
    assert right[0] > bladder[0] + 15


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_floats_outside_the_body(seed):
    """Air touches skin or fat, hardly ever an organ."""
    _, phantom = subject(seed)
    organs = to_organs(phantom.labels).numpy()
    air = organs == 0
    inner = np.isin(organs, [LABEL_OF[n] for n in (
        "liver", "spleen", "heart", "lung_left", "lung_right", "small_bowel", "colon",
        "brain",
        "urinary_bladder", "kidney_left", "kidney_right", "aorta")])  # fmt: skip
    touching = 0
    for axis in range(3):
        for step in (1, -1):
            touching += int((inner & np.roll(air, step, axis)).sum())
    assert touching == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_lung_top_is_the_origin(seed):
    _, phantom = subject(seed)
    ids = [STRUCTURE_LABEL["lung_left"], STRUCTURE_LABEL["lung_right"]]
    lungs = np.isin(phantom.labels.numpy(), ids)
    area_cm2 = lungs.sum((1, 2)) * 0.64
    top_mm = COARSE.centers_mm(0)[np.flatnonzero(area_cm2 > 5).max()]
    assert -24 <= top_mm <= 4


def test_volumes_follow_the_anatomy():
    ratios: dict[str, list[float]] = {}
    for seed in SEEDS:
        anatomy, phantom = subject(seed)
        for organ in MEASURED:
            ratio = volume_ml(phantom, organ, 8.0) / anatomy.volumes_ml[organ]
            ratios.setdefault(organ, []).append(ratio)
    for organ in ("liver", "spleen", "heart", "lung_left", "lung_right", "brain"):
        assert np.mean(ratios[organ]) == pytest.approx(1.0, abs=0.04), organ
    for organ in ("kidney_left", "kidney_right", "urinary_bladder"):
        assert np.mean(ratios[organ]) == pytest.approx(1.0, abs=0.06), organ


def test_body_holds_its_mass():
    for seed in SEEDS:
        anatomy, phantom = subject(seed)
        hu = phantom.ct_hu.numpy()[phantom.labels.numpy() > 0]
        kg = np.where(hu < -300, (hu + 1000) / 1000, 1 + hu / 1500).clip(0).sum()
        kg *= COARSE.voxel_ml / 1000
        assert 0.70 < kg / anatomy.weight_kg < 0.86


def test_outline_and_fat_grow_with_bmi():
    fat, body = [], []
    for bmi in (19.0, 26.0, 34.0):
        organs = to_organs(rendered(drawn(3, "M", bmi)).labels)
        body.append(int((organs > 0).sum()))
        fat.append(int((organs == LABEL_OF["subcutaneous_fat"]).sum()))
    assert body[0] < body[1] < body[2]
    assert fat[0] < fat[1] < fat[2]


def test_same_anatomy_at_two_spacings():
    anatomy, coarse = subject(1)
    fine = rendered(anatomy, 4.0)
    for organ in ("liver", "spleen", "heart", "lung_left", "lung_right", "brain"):
        a, b = volume_ml(coarse, organ, 8.0), volume_ml(fine, organ, 4.0)
        assert a == pytest.approx(b, rel=0.03), organ
    mean = fine.suv.reshape(144, 2, 48, 2, 64, 2).mean((1, 3, 5))
    liver = coarse.labels == STRUCTURE_LABEL["liver"]
    assert float(mean[liver].mean()) == pytest.approx(
        float(coarse.suv[liver].mean()), rel=0.02
    )


def test_generator_decides_noise_and_nothing_else():
    anatomy, clean = subject(2)
    again = rendered(anatomy)
    assert torch.equal(clean.suv, again.suv)
    assert torch.equal(clean.labels, again.labels)
    noisy, same = (rendered(anatomy, noise=True) for _ in range(2))
    assert torch.equal(noisy.suv, same.suv)
    assert torch.equal(noisy.ct_hu, same.ct_hu)
    assert torch.equal(noisy.labels, clean.labels)
    assert not torch.equal(noisy.suv, clean.suv)
    assert float(noisy.suv.min()) >= 0


def test_liver_noise_is_clinical():
    anatomy, _ = subject(1)
    phantom = rendered(anatomy, 4.0, noise=True)
    liver = (phantom.labels == STRUCTURE_LABEL["liver"]).float()[None, None]
    inside = -torch.nn.functional.max_pool3d(-liver, 5, 1, 2)[0, 0] > 0.5
    values = phantom.suv[inside]
    assert 0.09 < float(values.std() / values.mean()) < 0.14
    hu = phantom.ct_hu[inside]
    assert 6 < float(hu.std()) < 14


def test_a_lower_dose_makes_the_pet_noisier_and_leaves_the_ct():
    anatomy, clean = subject(1)
    usual, low = (
        render(
            anatomy, COARSE, generator=torch.Generator().manual_seed(5),
            injected_mbq_per_kg=dose,
        )
        for dose in (4.0, 1.0)
    )  # fmt: skip
    assert torch.equal(usual.suv, rendered(anatomy, noise=True).suv)
    assert torch.equal(usual.ct_hu, low.ct_hu)
    difference = (low.suv - usual.suv)[clean.labels == STRUCTURE_LABEL["liver"]]
    assert float(difference.std()) > 0.05 * anatomy.suv["liver"]
    with pytest.raises(ValueError, match="injected_mbq_per_kg"):
        render(anatomy, COARSE, generator=torch.Generator(), injected_mbq_per_kg=0.0)


def test_shape_latents_move_the_organs():
    anatomy, phantom = subject(4)
    for name in ("liver_tilt", "kidney_height_left", "bowel_phase", "heart_axis"):
        shape = {**anatomy.shape, name: anatomy.shape[name] - 2.0}
        moved = rendered(Anatomy(**{**vars(anatomy), "shape": shape}))
        assert (moved.labels != phantom.labels).float().mean() > 1e-5, name


def test_unknown_latent_is_named():
    anatomy, _ = subject(4)
    wrong = Anatomy(**{**vars(anatomy), "shape": {"nose_length": 1.0}})
    with pytest.raises(ValueError, match="nose_length"):
        rendered(wrong)
    assert "nose_length" not in SHAPE_LATENTS


def test_organ_labels_follow_the_structures():
    labels = torch.arange(len(STRUCTURES) + 1, dtype=torch.uint8)
    organs = to_organs(labels)
    assert int(organs[0]) == 0
    for structure in STRUCTURES:
        assert int(organs[structure.label]) == LABEL_OF[structure.organ]
