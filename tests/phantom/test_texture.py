"""Texture: alike on every grid, and no shift of what a tissue is on average."""

import numpy as np
import pytest
import torch

from vct.phantom.structures import STRUCTURE_LABEL
from vct.phantom.texture import marbled, mottled, smooth_field, vesseled

EXTENT_MM = 192.0
HILA = [(0.0, 0.0, -48.0), (0.0, 0.0, 48.0)]
MUSCLE_HU, LUNG_HU = 58.0, -780.0


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tissue(name: str, hu: float, step_mm: float) -> tuple[torch.Tensor, torch.Tensor]:
    """HU and labels: a block of the tissue amid fat."""
    n = round(EXTENT_MM / step_mm)
    hus = torch.full((n, n, n), -100.0)
    labels = torch.full((n, n, n), STRUCTURE_LABEL["subcutaneous_fat"]).byte()
    block = (slice(n // 8, -n // 8),) * 3
    hus[block], labels[block] = hu, STRUCTURE_LABEL[name]
    return hus, labels


def marbled_muscle(step_mm: float) -> tuple[torch.Tensor, torch.Tensor]:
    hu, labels = tissue("thigh_muscle", MUSCLE_HU, step_mm)
    return marbled(hu, labels, step_mm, generator()), labels


def vesseled_lung(step_mm: float) -> tuple[torch.Tensor, torch.Tensor]:
    hu, labels = tissue("lung_left", LUNG_HU, step_mm)
    at = (np.arange(len(hu)) + 0.5) * step_mm - EXTENT_MM / 2
    return vesseled(hu, labels, [at] * 3, HILA, generator()), labels


def averaged(image: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.avg_pool3d(image[None, None], 2)[0, 0]


TISSUES = [
    (marbled_muscle, "thigh_muscle", MUSCLE_HU),
    (vesseled_lung, "lung_left", LUNG_HU),
]


@pytest.mark.parametrize("node_mm", [(8.0, 8.0, 8.0), (30.0, 6.0, 6.0)])
def test_two_grids_get_one_field_of_unit_variance(node_mm):
    fine = smooth_field((96, 96, 96), 2.0, node_mm, generator(), torch.device("cpu"))
    coarse = smooth_field((48, 48, 48), 4.0, node_mm, generator(), torch.device("cpu"))
    assert float(coarse.std()) == pytest.approx(1, abs=0.15)
    together = torch.stack([averaged(fine).flatten(), coarse.flatten()])
    assert float(torch.corrcoef(together)[0, 1]) > 0.98


def test_a_part_of_the_slices_holds_what_all_hold():
    of = (48, 40, 44), 4.0, (8.0, 8.0, 8.0)
    whole = smooth_field(*of, generator(), torch.device("cpu"))
    part = smooth_field(*of, generator(), torch.device("cpu"), slice(10, 30))
    assert part.numpy() == pytest.approx(whole[10:30].numpy(), abs=1e-5)


@pytest.mark.parametrize("step_mm", [2.0, 4.0])
@pytest.mark.parametrize(("textured", "name", "hu"), TISSUES)
def test_texture_keeps_the_mean_and_its_place(textured, name, hu, step_mm):
    found, labels = textured(step_mm)
    inside = labels == STRUCTURE_LABEL[name]
    assert float(found[inside].mean()) == pytest.approx(hu, abs=0.1)
    assert (found[~inside] == -100.0).all()


@pytest.mark.parametrize(("textured", "name", "hu"), TISSUES)
def test_texture_is_the_same_on_both_grids_and_fainter_on_the_coarse(
    textured, name, hu
):
    fine, coarse = textured(2.0)[0], textured(4.0)
    inside = coarse[1] == STRUCTURE_LABEL[name]
    pair = torch.stack([averaged(fine)[inside], coarse[0][inside]])
    assert float(torch.corrcoef(pair)[0, 1]) > 0.8
    strengths = pair.std(1)
    assert float(strengths[1] / strengths[0]) == pytest.approx(1, abs=0.25)
    middle = fine[24:-24, 24:-24, 24:-24]
    assert float(middle.std()) > 1.3 * float(strengths[1])


def test_strands_are_fat_and_vessels_are_bright():
    strands = marbled_muscle(2.0)[0][24:-24, 24:-24, 24:-24] - MUSCLE_HU
    assert -160 < float(strands.min()) < -20
    assert float((strands**3).mean()) < 0
    vessels = vesseled_lung(2.0)[0][24:-24, 24:-24, 24:-24] - LUNG_HU
    assert 300 < float(vessels.max()) < 840
    assert float((vessels**3).mean()) > 0


def test_vessels_are_thicker_near_the_hila_than_far_above():
    found = vesseled_lung(2.0)[0]
    near, far = found[40:56, 30:66, 16:40], found[80:84, 14:30, 14:82]
    assert float(near.std()) > 1.5 * float(far.std())


def test_a_field_without_lungs_is_left_alone():
    hu, labels = tissue("lung_left", LUNG_HU, 4.0)
    at = np.arange(len(hu)) * 4.0
    untouched = vesseled(hu, labels, [at - 3000, at, at], HILA, generator())
    assert torch.equal(untouched, hu)


def test_mottle_keeps_the_means():
    hu, suv = torch.full((72, 72, 72), 108.0), torch.full((72, 72, 72), 2.2)
    mottled_hu, mottled_suv = mottled(hu, suv, 4.0, generator())
    assert float(mottled_hu.mean()) == pytest.approx(108.0, abs=0.5)
    assert float(mottled_suv.mean()) == pytest.approx(2.2, rel=0.01)
    assert 0.02 < float(mottled_suv.std()) / 2.2 < 0.06
