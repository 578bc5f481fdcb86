"""Statistics of made-up bodies whose answers are known."""

import numpy as np
import pytest

from vct.anatomy import LABEL_OF
from vct.grid import Grid
from vct.validation.image_statistics import (
    SUV_EDGES,
    apart_statistics,
    axial_profile,
    body_mask,
    image_statistics,
    pooled,
)
from vct.volume import Volume

SPACING = (4.0, 4.0, 4.0)
SHAPE = (60, 40, 40)


def limb(seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """CT, SUV and labels: muscle below, liver above, air around."""
    rng = np.random.default_rng(seed)
    ct = np.full(SHAPE, -1000.0)
    suv, labels = np.zeros(SHAPE), np.zeros(SHAPE, np.uint8)
    inside = (slice(None), slice(4, 36), slice(4, 36))
    ct[inside], suv[inside], labels[inside] = 55.0, 0.6, LABEL_OF["other_muscle"]
    suv[30:, 4:36, 4:36], labels[30:, 4:36, 4:36] = 2.2, LABEL_OF["liver"]
    suv *= 1 + 0.1 * rng.standard_normal(SHAPE)
    return ct + 8 * rng.standard_normal(SHAPE), suv, labels


def test_noise_is_told_in_hu_and_as_a_share_of_suv():
    ct, suv, labels = limb()
    found = image_statistics(ct, suv, SPACING, labels)
    for tissue in ("muscle", "liver"):
        assert found.ct_noise[tissue].sd == pytest.approx(8, rel=0.05)
    assert found.pet_noise["liver"].sd == pytest.approx(0.1, rel=0.05)
    assert found.pet_noise["muscle"].mean == pytest.approx(0.6, rel=0.01)
    assert "fat" not in found.ct_noise


def test_without_labels_the_liver_is_not_measured():
    ct, suv, _ = limb()
    assert set(image_statistics(ct, suv, SPACING).ct_noise) == {"muscle"}


def test_histogram_holds_every_voxel_of_the_body_once():
    ct, suv, labels = limb()
    share = image_statistics(ct, suv, SPACING, labels).suv_share
    assert share.sum() == pytest.approx(1)
    middle = np.sqrt(SUV_EDGES[1:] * SUV_EDGES[:-1])
    assert share[(middle > 0.4) & (middle < 0.9)].sum() == pytest.approx(0.5, abs=0.02)


def test_body_holds_its_cavities():
    ct = np.full((3, 20, 20), -1000.0)
    ct[:, 2:18, 2:18] = 40.0
    ct[:, 8:12, 8:12] = -800.0
    assert body_mask(ct).sum() == 3 * 16 * 16


@pytest.mark.parametrize("thickness", [2.0, 3.0, 4.0, 8.0])
def test_profile_does_not_depend_on_slice_thickness(thickness):
    slices = round(480 / thickness)
    z = (np.arange(slices) + 0.5) * thickness
    suv = np.tile((z / 100.0)[:, None, None], (1, 10, 10))
    height, activity = axial_profile(suv, (thickness, 4.0, 4.0))
    assert len(height) == 60
    assert activity == pytest.approx(height / 100 * 1.6, rel=0.15, abs=0.02)
    total = suv.sum() * thickness * 16 / 1000
    assert activity.sum() * 8.0 == pytest.approx(total, rel=1e-6)


def test_images_on_two_grids_measure_what_one_grid_does():
    ct, suv, _ = limb()
    suv[:] = 0.6 * (1 + 0.1 * np.random.default_rng(4).standard_normal(SHAPE))
    grid = Grid(SHAPE, SPACING, (0.0, 0.0, 0.0))
    coarse = grid.coarsened(2)
    halved = suv.reshape(30, 2, 20, 2, 20, 2).mean((1, 3, 5))
    found = apart_statistics(Volume(ct, grid, "HU"), Volume(halved, coarse, "SUV"))
    assert found.ct_noise["muscle"].sd == pytest.approx(8, rel=0.05)
    assert found.pet_noise["muscle"].sd == pytest.approx(0.1 / 8**0.5, rel=0.1)
    assert found.spacing_mm == (8.0, 8.0, 8.0)


def test_lesions_are_left_out():
    ct = limb()[0]
    ct[:, 4:36, 4:36] = 55.0
    grid = Grid(SHAPE, SPACING, (0.0, 0.0, 0.0))
    suv = 0.6 * (1 + 0.1 * np.random.default_rng(5).standard_normal(SHAPE))
    lesion = np.zeros(SHAPE)
    lesion[25:35, 15:25, 15:25] = 1
    suv[lesion > 0] = 20.0
    images = Volume(ct, grid, "HU"), Volume(suv, grid, "SUV")
    without = apart_statistics(*images, Volume(lesion, grid, "label"))
    assert without.pet_noise["muscle"].mean == pytest.approx(0.6, rel=0.01)
    assert apart_statistics(*images).pet_noise["muscle"].mean > 0.9


def test_pooling_equals_keeps_them_and_differing_averages():
    one, two = (image_statistics(*limb(s)[:2], SPACING) for s in (1, 2))
    same = pooled([one, one])
    assert same.subjects == 2
    assert same.suv_share == pytest.approx(one.suv_share)
    assert same.ct_noise["muscle"].power == pytest.approx(one.ct_noise["muscle"].power)
    both = pooled([one, two])
    sds = sorted(s.ct_noise["muscle"].sd for s in (one, two))
    assert sds[0] <= both.ct_noise["muscle"].sd <= sds[1]


def test_nothing_to_pool_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        pooled([])


def test_two_shapes_are_refused_with_the_way_out():
    ct, suv, labels = limb()
    with pytest.raises(ValueError, match=r"one grid \(k, j, i\); for two grids use"):
        image_statistics(ct, suv[1:], SPACING)
    with pytest.raises(ValueError, match="labels of shape"):
        image_statistics(ct, suv, SPACING, labels[1:])
