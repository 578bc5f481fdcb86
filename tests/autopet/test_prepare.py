"""One study on the grid: activity, organ means, place, table, coverage."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.autopet.people import Scan, arms_down, finer, on_a_table, person
from vct.anatomy import LABEL_OF
from vct.autopet.dicom_series import PADDING_HU
from vct.autopet.prepare import PreparedStudy, prepare_study, what_was_done
from vct.autopet.refusal import ScanError
from vct.autopet.resample import Resampler
from vct.grid import Grid, whole_body_grid
from vct.phantom.structures import to_organs
from vct.volume import Volume

GRID = whole_body_grid(8.0)


def prepared(scan: Scan, pet: Scan | None = None, **options: bool) -> PreparedStudy:
    other = pet or scan
    return prepare_study(lambda: scan.ct, lambda: other.pet, GRID, **options)


def test_activity_is_conserved_over_what_both_cover() -> None:
    """A PET grid and a CT grid of their own, and a place off the middle."""
    scan = person(0).moved(211.0, -13.0, 7.7)
    pet = finer(scan, (3.0, 4.0728, 4.0728))
    study = prepared(scan, pet)
    coverage, suv = study.arrays.coverage, study.arrays.suv.astype(float)
    after = suv[coverage].sum() * GRID.voxel_ml
    # The other way: how much of each PET voxel lies in covered voxels.
    place = study.alignment.in_scan(GRID)
    share = coverage.astype(float)
    for axis in range(3):
        overlap = _overlap(place, pet.grid, axis)
        share = np.moveaxis(np.tensordot(overlap, share, (1, axis)), 0, axis)
    before = (share * pet.suv).sum() * pet.grid.voxel_ml
    assert after == pytest.approx(before, rel=1e-3)


def _overlap(source: Grid, target: Grid, axis: int) -> np.ndarray:
    """Share of each target voxel that lies in each source voxel, by comparison."""
    s, t = source.centers_mm(axis), target.centers_mm(axis)[:, None]
    ds, dt = source.spacing_mm[axis], target.spacing_mm[axis]
    high = np.minimum(s + ds / 2, t + dt / 2)
    return np.asarray(np.clip(high - np.maximum(s - ds / 2, t - dt / 2), 0, None) / dt)


@pytest.mark.parametrize("spacing_mm", [4.0, pytest.param(2.0, marks=pytest.mark.slow)])
def test_organs_keep_their_mean(spacing_mm: float) -> None:
    """Each organ by its majority mask, before and after, on a PET grid of its own."""
    scan = person(1).moved(31.3, -7.7, 12.1)
    pet = finer(scan, (3.0, 2.0364, 2.0364))
    grid = whole_body_grid(spacing_mm)
    study = prepare_study(lambda: scan.ct, lambda: pet.pet, grid)
    to_pet = Resampler.between(scan.grid, pet.grid)
    to_grid = Resampler.between(pet.grid, study.alignment.in_scan(grid))
    labels = to_organs(torch.from_numpy(scan.labels)).numpy()
    for organ in ("liver", "spleen", "lung_left", "heart", "kidney_left", "brain"):
        before = to_pet.apply(labels == LABEL_OF[organ]) > 0.5
        after = to_grid.apply(before) > 0.5
        mean = float(study.arrays.suv[after].mean(dtype=float))
        assert mean == pytest.approx(float(pet.suv[before].mean()), rel=0.01), organ


def test_the_person_is_put_where_phantoms_lie() -> None:
    here, there = prepared(person(0)), prepared(person(0).moved(400.0, 24.0, -48.0))
    both = here.arrays.coverage & there.arrays.coverage
    ct = [s.arrays.ct_hu[both].astype(float) for s in (here, there)]
    assert both.mean() > 0.7
    # 400, 24 and 48 mm are whole voxels: the same numbers.
    assert np.abs(ct[0] - ct[1]).max() <= 1.0
    assert abs(here.alignment.lung_top_mm) < 8.0


def test_outside_the_body_is_air_and_the_pet_stays() -> None:
    scan, table = on_a_table(person(0), gap_mm=24.0)
    alone, with_table = prepared(person(0)), prepared(scan)
    np.testing.assert_array_equal(with_table.arrays.ct_hu, alone.arrays.ct_hu)
    assert table.any()
    outside = alone.arrays.ct_hu == -1024
    assert 0.5 < outside.mean() < 0.95

    # Counts in air, as of scatter and randoms, all over the field.
    there = replace(person(0), suv=np.maximum(person(0).suv, np.float32(0.02)))
    pet = prepared(there).arrays.suv[outside & alone.arrays.coverage]
    assert pet.min() == pytest.approx(0.02, rel=0.01)


def test_what_is_not_covered_is_empty() -> None:
    scan = person(0).cut(-500.0, 100.0)
    y, x = scan.axes()[1:]
    plane = np.broadcast_to(np.hypot(y, x) > 180, scan.ct_hu.shape)
    study = prepared(scan.with_hu(plane, PADDING_HU))
    low, high = study.covered_k
    z = GRID.centers_mm(0) + study.alignment.lung_top_mm
    assert z[low] - 4 >= -504.0
    assert z[high - 1] + 4 <= 104.0
    empty = ~study.arrays.coverage
    assert (study.arrays.ct_hu[empty] == -1024).all()
    assert (study.arrays.suv[empty] == 0).all()
    assert not study.arrays.coverage[:, 0, 0].any()
    assert 0.2 < what_was_done(study)["covered_share"] < 0.5
    kinds = [array.dtype for array in study.arrays]
    assert kinds == [np.int16, np.float16, np.bool_]


def test_arms_down_are_left_out_unless_asked_for() -> None:
    scan = arms_down(person(0))
    with pytest.raises(ScanError, match="arms down"):
        prepared(scan)
    assert prepared(scan, take_arms_down=True).arms == "down"


def test_scans_without_a_person_are_refused() -> None:
    grid = Grid((60, 40, 40), (8.0, 8.0, 8.0), (0.0, 0.0, 0.0))
    air = Volume(np.full(grid.shape, -1000.0, np.float32), grid, "HU")
    with pytest.raises(ScanError, match="shows no body"):
        prepare_study(lambda: air, lambda: air, GRID)
    far = person(0).moved(5000.0, 0, 0)
    with pytest.raises(ScanError, match="cover nothing"):
        prepared(person(0), far)
