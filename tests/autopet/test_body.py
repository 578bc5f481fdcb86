"""The body mask: the person whole, the table not."""

import numpy as np
import pytest

from tests.autopet.people import finer, on_a_table, person, working
from vct.autopet.body import body_mask, with_margin, working_grid
from vct.autopet.resample import Resampler
from vct.grid import Grid


@pytest.mark.parametrize("seed", [0, 1])
def test_the_body_is_whole(seed: int) -> None:
    scan = person(seed)
    ct, grid = working(scan)
    body = body_mask(ct, grid)
    painted = Resampler.between(scan.grid, grid).apply(scan.labels > 0)
    assert body[painted > 0.999].mean() > 0.995  # lungs and arms too
    assert (body & (painted == 0)).sum() < 0.01 * body.sum()


@pytest.mark.parametrize("gap_mm", [0.0, 24.0])
def test_the_table_is_gone(gap_mm: float) -> None:
    alone = finer(person(0), (4.0, 4.0, 4.0))
    scan, table = on_a_table(alone, gap_mm)
    ct, grid = working(scan)
    body, expected = body_mask(ct, grid), body_mask(working(alone)[0], grid)
    assert (body & expected).sum() > 0.999 * expected.sum()
    there = Resampler.between(scan.grid, grid).apply(table) > 0.5
    # What touches the skin may stay: its blurred edge cannot be told from the skin's.
    most = 0.15 if gap_mm == 0 else 1e-4
    assert (body & there & ~expected).sum() < most * there.sum()


def test_no_tissue_is_no_body() -> None:
    grid = Grid((10, 20, 20), (4.0, 4.0, 4.0), (0.0, 0.0, 0.0))
    assert not body_mask(np.full(grid.shape, -1000.0), grid).any()


def test_the_margin_surrounds_the_body() -> None:
    grid = Grid((9, 9, 9), (4.0, 4.0, 4.0), (0.0, 0.0, 0.0))
    body = np.zeros(grid.shape, bool)
    body[4, 4, 4] = True
    assert with_margin(body, grid).voxels.sum() == 7


@pytest.mark.parametrize("slices", range(318, 332))
def test_the_margin_reaches_the_ends_of_the_scan(slices: int) -> None:
    scan = Grid((slices, 8, 8), (3.0, 4.0, 4.0), (0.0, 0.0, 0.0))
    working = working_grid(scan)
    near = with_margin(np.ones(working.shape, bool), working)
    target = Grid((3 * slices // 2, 8, 8), (2.0, 4.0, 4.0), (-0.5, 0.0, 0.0))
    resampler = Resampler.between(near.grid, target)
    assert (resampler.apply(near.voxels) > 0.5).all()


def test_the_working_grid_lies_within_its_source() -> None:
    source = Grid((101, 512, 512), (3.0, 0.977, 0.977), (-500.0, -250.0, -250.0))
    grid = working_grid(source)
    for axis in range(3):
        low = source.origin_mm[axis] - source.spacing_mm[axis] / 2
        first = grid.origin_mm[axis] - grid.spacing_mm[axis] / 2
        assert 0.0 <= first - low <= 2.0
        assert grid.fov_mm[axis] <= source.fov_mm[axis] + 1e-9
