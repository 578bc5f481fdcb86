"""Measures without a network, held against phantoms whose labels are known."""

from dataclasses import dataclass

import pytest
import torch

from vct.anatomy import LABEL_OF
from vct.grid import whole_body_grid
from vct.phantom.population import draw_anatomy
from vct.phantom.render import render
from vct.phantom.structures import STRUCTURE_LABEL, to_organs
from vct.seeds import generator
from vct.segment.measure import measure
from vct.segment.rows import OrganMeasurement, organ_rows
from vct.training.people import draw_person

GRID = whole_body_grid(8.0)


@dataclass(frozen=True)
class Known:
    """What thresholds measure on a phantom, and what its labels say."""

    rows: dict[str, OrganMeasurement]
    head_ml: float  # brain with the fluid about it

    def ratio(self, by_threshold: str, by_labels: str) -> float:
        return self.rows[by_threshold].volume_ml / self.rows[by_labels].volume_ml


@pytest.fixture(scope="module", params=[0, 1, 2])
def known(request: pytest.FixtureRequest) -> Known:
    seed = request.param
    person = draw_person(generator(5, "phantom/person", seed))
    anatomy = draw_anatomy(person, generator(5, "phantom/anatomy", seed))
    noise = torch.Generator().manual_seed(seed)
    phantom = render(anatomy, GRID, generator=noise)
    sums = measure(phantom.ct_hu, phantom.suv, to_organs(phantom.labels), GRID)
    rows = {row.organ: row for row in organ_rows(sums.tolist(), GRID)}
    fluid = phantom.labels == STRUCTURE_LABEL["cerebrospinal_fluid"]
    fluid_ml = float(fluid.sum()) * GRID.voxel_ml
    return Known(rows, rows["brain"].volume_ml + fluid_ml)


def test_body_and_lungs_by_hu_are_the_phantoms(known: Known) -> None:
    assert known.ratio("body_hu", "body") == pytest.approx(1, abs=0.03)
    assert known.ratio("lungs_hu", "lungs") == pytest.approx(1, abs=0.07)
    assert known.rows["lungs_hu"].suv_mean == pytest.approx(
        known.rows["lungs"].suv_mean, rel=0.1
    )


def test_fat_by_hu_is_the_phantoms(known: Known) -> None:
    fat = sum(known.rows[n].volume_ml for n in ("subcutaneous_fat", "visceral_fat"))
    assert known.rows["fat_hu"].volume_ml == pytest.approx(fat, rel=0.07)


def test_dense_bone_is_part_of_the_skeleton(known: Known) -> None:
    """Marrow lies below 250 HU: about two thirds of a bone's volume are dense."""
    assert 0.5 < known.ratio("bone_hu", "bone") < 0.8


def test_brain_by_suv_is_brain_and_the_fluid_in_its_folds(known: Known) -> None:
    brain = known.rows["brain_suv"]
    assert known.rows["brain"].volume_ml < brain.volume_ml < 1.1 * known.head_ml
    assert brain.suv_mean == pytest.approx(known.rows["brain"].suv_mean, rel=0.1)


def test_bladder_by_suv_is_not_widened_by_blur(known: Known) -> None:
    assert known.ratio("bladder_suv", "urinary_bladder") == pytest.approx(1, abs=0.15)
    assert known.rows["bladder_suv"].suv_mean == pytest.approx(
        known.rows["urinary_bladder"].suv_mean, rel=0.06
    )


def test_thresholds_know_nothing_of_labels(known: Known) -> None:
    hu, suv = torch.full(GRID.shape, -1000.0), torch.zeros(GRID.shape)
    labels = torch.full(GRID.shape, LABEL_OF["liver"], dtype=torch.uint8)
    rows = organ_rows(measure(hu, suv, labels, GRID).tolist(), GRID)
    found = {row.organ: row.status for row in rows if row.source == "threshold"}
    assert set(found.values()) == {"not_found"}
