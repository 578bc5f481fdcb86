"""What is measured inside organs, checked on boxes whose numbers are known."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from vct.anatomy import LABEL_OF
from vct.grid import whole_body_grid
from vct.segment.measure import _opened, measure
from vct.segment.rows import OrganMeasurement, organ_rows

GRID = whole_body_grid(8.0)


def table(
    hu: torch.Tensor, suv: torch.Tensor, labels: torch.Tensor
) -> dict[str, OrganMeasurement]:
    rows = organ_rows(measure(hu, suv, labels, GRID).tolist(), GRID)
    return {row.organ: row for row in rows}


@pytest.fixture(scope="module")
def boxes() -> dict[str, OrganMeasurement]:
    """A block of water with a liver, two kidneys, lungs, bone, a brain, a bladder."""
    hu = torch.full(GRID.shape, -1000.0)
    suv = torch.zeros(GRID.shape)
    labels = torch.zeros(GRID.shape, dtype=torch.uint8)
    body = np.s_[5:140, 10:40, 10:54]
    hu[body], suv[body], labels[body] = 0.0, 1.0, LABEL_OF["other_muscle"]
    for name, where, h, s in [
        ("liver", np.s_[70:80, 15:25, 15:25], 60.0, 2.0),
        ("kidney_left", np.s_[60:70, 28:34, 40:46], 40.0, 3.0),
        ("kidney_right", np.s_[60:70, 28:34, 18:24], 40.0, 5.0),
        ("lung_left", np.s_[85:100, 15:35, 35:50], -800.0, 0.5),
        ("brain", np.s_[124:134, 18:30, 24:40], 35.0, 7.0),
        ("urinary_bladder", np.s_[14:20, 20:26, 28:34], 5.0, 20.0),
        ("vertebrae", np.s_[40:100, 34:38, 30:34], 400.0, 1.5),
    ]:
        hu[where], suv[where], labels[where] = h, s, LABEL_OF[name]
    suv[75, 20, 20] = 12.0
    return table(hu, suv, labels)


def test_volume_mean_and_maximum_of_an_organ(
    boxes: dict[str, OrganMeasurement],
) -> None:
    liver = boxes["liver"]
    assert liver.volume_ml == pytest.approx(1000 * GRID.voxel_ml)
    assert liver.suv_mean == pytest.approx(2.01)
    assert liver.suv_max == 12.0
    assert liver.hu_mean == pytest.approx(60.0)
    assert liver.suv_sd == pytest.approx(math.sqrt(0.1 - 0.01**2), rel=1e-6)
    assert not liver.touches_edge


def test_a_group_is_the_sum_of_its_parts(boxes: dict[str, OrganMeasurement]) -> None:
    kidneys = boxes["kidneys"]
    parts = [boxes["kidney_left"], boxes["kidney_right"]]
    assert kidneys.volume_ml == pytest.approx(sum(p.volume_ml for p in parts))
    assert kidneys.suv_mean == pytest.approx(4.0)


def test_thresholds_find_organs_without_a_network(
    boxes: dict[str, OrganMeasurement],
) -> None:
    for by_network, by_threshold in [
        ("lung_left", "lungs_hu"),
        ("brain", "brain_suv"),
        ("urinary_bladder", "bladder_suv"),
        ("vertebrae", "bone_hu"),
    ]:
        assert boxes[by_threshold].volume_ml == pytest.approx(
            boxes[by_network].volume_ml
        )
        assert boxes[by_threshold].source == "threshold"


def test_the_mass_of_water_is_its_volume(boxes: dict[str, OrganMeasurement]) -> None:
    bladder = boxes["urinary_bladder"]
    assert bladder.mass_kg == pytest.approx(bladder.volume_ml * 1.003 / 1000)


def test_an_absent_organ_has_no_volume_and_no_mean(
    boxes: dict[str, OrganMeasurement],
) -> None:
    assert boxes["spleen"].status == "not_found"
    assert math.isnan(boxes["spleen"].volume_ml)
    assert math.isnan(boxes["spleen"].suv_mean)


def test_an_organ_at_the_edge_of_the_field_is_marked() -> None:
    labels = torch.zeros(GRID.shape, dtype=torch.uint8)
    labels[:4, 20:30, 20:30] = LABEL_OF["urinary_bladder"]
    found = table(torch.zeros(GRID.shape), torch.zeros(GRID.shape), labels)
    assert found["urinary_bladder"].touches_edge


def test_a_stray_voxel_at_the_edge_is_no_cut() -> None:
    labels = torch.zeros(GRID.shape, dtype=torch.uint8)
    labels[60:70, 20:30, 20:30] = LABEL_OF["liver"]
    labels[0, 20, 20] = LABEL_OF["liver"]
    found = table(torch.zeros(GRID.shape), torch.zeros(GRID.shape), labels)
    assert not found["liver"].touches_edge
    labels[0, 20:24, 20:24] = LABEL_OF["liver"]
    found = table(torch.zeros(GRID.shape), torch.zeros(GRID.shape), labels)
    assert found["liver"].touches_edge


@pytest.mark.parametrize("spacing_mm", [4.0, 16.0])
def test_a_mask_is_opened_as_scipy_opens_it(spacing_mm: float) -> None:
    grid = whole_body_grid(spacing_mm)
    size = (max(2, math.ceil(10 / spacing_mm)),) * 3
    rng = np.random.default_rng(0)
    mask = ndimage.uniform_filter(rng.random((30, 24, 32)), size) > 0.49
    opened = ndimage.binary_opening(mask, np.ones(size))
    rim = ndimage.binary_dilation(opened, np.ones((3, 3, 3)))
    got = _opened(torch.from_numpy(mask), grid, by_mm=10)
    assert 0 < opened.sum() < mask.sum()
    assert np.array_equal(got.numpy(), rim & mask)


def test_lungs_by_hu_lie_in_the_chest() -> None:
    """Noisy air at the ends of the field is no lung."""
    hu = torch.full(GRID.shape, -1000.0)
    hu[:6], hu[-6:] = -900.0, -900.0
    nothing = torch.zeros(GRID.shape)
    assert table(hu, nothing, nothing.byte())["lungs_hu"].status == "not_found"


class TestCoverage:
    """What a scan does not cover belongs to no organ, and cuts those it touches."""

    @staticmethod
    def scan(covered_from: int) -> dict[str, OrganMeasurement]:
        """A liver from slice 70 to 82, covered from a slice upwards."""
        hu, suv = torch.full(GRID.shape, -1000.0), torch.zeros(GRID.shape)
        labels = torch.zeros(GRID.shape, dtype=torch.uint8)
        liver = np.s_[70:82, 12:28, 12:28]
        hu[liver], suv[liver], labels[liver] = 60.0, 2.0, LABEL_OF["liver"]
        coverage = torch.zeros(GRID.shape, dtype=torch.bool)
        coverage[covered_from:] = True
        sums = measure(hu, suv, labels, GRID, coverage=coverage)
        return {row.organ: row for row in organ_rows(sums.tolist(), GRID)}

    def test_a_covered_organ_is_measured_as_ever(self) -> None:
        liver = self.scan(69)["liver"]
        assert liver.status == "ok"
        assert liver.volume_ml == pytest.approx(12 * 16 * 16 * GRID.voxel_ml)

    @pytest.mark.parametrize("covered_from", [70, 74])
    def test_an_organ_at_the_end_of_the_coverage_is_cut(
        self, covered_from: int
    ) -> None:
        liver = self.scan(covered_from)["liver"]
        assert liver.status == "cut_by_field"
        assert math.isnan(liver.suv_mean)

    def test_an_organ_outside_is_not_found(self) -> None:
        assert self.scan(90)["liver"].status == "not_found"

    def test_tissue_that_goes_on_is_measured_inside(self) -> None:
        body = self.scan(74)["body_hu"]
        assert body.status == "in_field"
        assert body.volume_ml == pytest.approx(8 * 16 * 16 * GRID.voxel_ml)
        assert body.suv_mean == pytest.approx(2.0)
