"""Percentiles and histograms of SUV, against NumPy's own and against laws."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vct.anatomy import CURRENT_LIST
from vct.grid import whole_body_grid
from vct.measured import SUV_BIN_EDGES
from vct.segment.distribution import row_suvs, suv_distribution, suv_voxels
from vct.segment.measure import measure, measured

EDGES = np.array([0.0, 0.1, 1.0, 5.0])
SUVS = arrays(np.float32, st.integers(1, 60), elements=st.floats(-1, 40, width=32))


@given(SUVS)
def test_shares_are_those_of_numpy_histogram(suv: np.ndarray) -> None:
    found = suv_distribution(suv, EDGES)
    assert found is not None
    open_edges = np.append(np.append(-np.inf, EDGES[1:]), np.inf)
    counts, _ = np.histogram(suv.astype(float), open_edges)
    np.testing.assert_allclose(found.histogram, counts / len(suv))
    assert found.histogram.sum() == pytest.approx(1.0)


@given(SUVS, st.floats(0.5, 4.0))
def test_percentiles_are_ordered_and_scale_with_suv(
    suv: np.ndarray, factor: float
) -> None:
    one, other = (
        suv_distribution(suv, EDGES),
        suv_distribution(suv.astype(float) * factor, EDGES),
    )
    assert one is not None
    assert other is not None
    assert one.p10 <= one.p50 <= one.p90
    for name in ("p10", "p50", "p90"):
        expected = factor * getattr(one, name)
        assert getattr(other, name) == pytest.approx(expected, abs=1e-6)


def test_a_median_is_the_middle_value() -> None:
    found = suv_distribution(np.array([9.0, 1.0, 2.0]), EDGES)
    assert found is not None
    assert found.p50 == 2.0
    np.testing.assert_allclose(found.histogram, [0, 0, 2 / 3, 1 / 3])


def test_no_voxel_has_no_distribution() -> None:
    assert suv_distribution(np.array([]), EDGES) is None


@pytest.mark.parametrize("whole", [True, False])
def test_the_voxels_are_those_that_are_summed(whole: bool) -> None:
    grid = whole_body_grid(16.0)
    rng = torch.Generator().manual_seed(3)
    hu = torch.randn(grid.shape, generator=rng) * 300
    suv = torch.rand(grid.shape, generator=rng) * 9
    labels = torch.randint(0, 30, grid.shape, generator=rng, dtype=torch.uint8)
    coverage = None if whole else torch.rand(grid.shape, generator=rng) > 0.2
    sums = measure(hu, suv, labels, grid, coverage=coverage)
    suvs = list(row_suvs(hu, suv, labels, grid, coverage=coverage))
    assert [name for name, _ in suvs] == list(measured(CURRENT_LIST))
    for (_, values), row in zip(suvs, sums, strict=True):
        assert len(values) == row[0]
        assert values.sum() == pytest.approx(row[1].item(), rel=1e-4)


def test_counts_on_the_device_are_those_of_the_host() -> None:
    grid = whole_body_grid(16.0)
    rng = torch.Generator().manual_seed(4)
    suv = torch.rand(grid.shape, generator=rng) * 33
    labels = torch.randint(0, 30, grid.shape, generator=rng, dtype=torch.uint8)
    counts = suv_voxels(suv, labels, SUV_BIN_EDGES)
    rows = dict(row_suvs(torch.zeros(grid.shape), suv, labels, grid))
    for organ, found in zip(CURRENT_LIST.rows, counts, strict=True):
        spread = suv_distribution(rows[organ], SUV_BIN_EDGES)
        expected = (
            np.zeros(len(SUV_BIN_EDGES))
            if spread is None
            else spread.histogram * len(rows[organ])
        )
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)
