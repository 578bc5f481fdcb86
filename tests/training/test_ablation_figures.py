"""Distances of the ablation obey their laws."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vct.training.ablation.figures import (
    frechet_distance,
    histogram_distance,
    marginal_distance,
    principal_components,
    sd_ratios,
)

seeds = st.integers(0, 2**31 - 1)


@given(seeds)
def test_a_set_is_at_no_frechet_distance_from_itself(seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(40, 5))
    assert frechet_distance(rows, rows) == pytest.approx(0, abs=1e-6)


@given(seeds, st.lists(st.floats(-5, 5), min_size=3, max_size=3))
def test_a_shift_costs_its_squared_length(seed: int, shift: list[float]) -> None:
    rows = np.random.default_rng(seed).normal(size=(50, 3))
    expected = sum(s**2 for s in shift)
    assert frechet_distance(rows, rows + shift) == pytest.approx(expected, abs=1e-6)


def test_a_wider_normal_costs_the_difference_of_the_sds() -> None:
    rows = np.random.default_rng(0).normal(size=(400, 4))
    rows = (rows - rows.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(rows.T))).T
    # N(0, 1) against N(0, 2²) in four dimensions: 4 · (2 − 1)².
    assert frechet_distance(rows, 2 * rows) == pytest.approx(4.0)


@given(seeds)
def test_the_frechet_distance_is_symmetric(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(30, 4)), rng.normal(size=(20, 4)) @ rng.normal(size=(4, 4))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-6)


@given(seeds)
def test_the_marginal_distance_is_the_frechet_distance_of_each_column(
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(30, 4)), rng.normal(2, 3, size=(20, 4))
    columns = sum(frechet_distance(a[:, [n]], b[:, [n]]) for n in range(4))
    assert marginal_distance(a, b) == pytest.approx(columns, rel=1e-6)
    assert marginal_distance(a, a) == 0


def test_sd_ratios_tell_a_collapsed_direction() -> None:
    rows = np.random.default_rng(1).normal(size=(64, 3))
    assert sd_ratios(rows * [1, 0.5, 0], rows) == pytest.approx([1, 0.5, 0])


def test_a_histogram_distance_is_a_shift_in_its_unit() -> None:
    values = torch.randn(2, 3, 4, 5)
    assert histogram_distance(values, values + 12.5) == pytest.approx(12.5, abs=1e-4)
    large = torch.linspace(0, 1, 3_000_001)
    assert histogram_distance(large, large + 2) == pytest.approx(2, abs=1e-3)


@pytest.mark.parametrize("shape", [(30, 200), (200, 30)])
def test_components_whiten_what_they_were_fitted_to(shape: tuple[int, int]) -> None:
    rows = torch.randn(shape) @ torch.diag(torch.linspace(5, 1, shape[1])) + 3
    components = principal_components(rows, 6)
    scores = components.scores(rows)
    assert np.cov(scores.T) == pytest.approx(np.eye(6), abs=1e-3)
    product = components.directions @ components.directions.T
    torch.testing.assert_close(product, torch.eye(6), atol=1e-4, rtol=0)
    assert (components.sd.diff() < 0).all()


def test_components_of_one_row_are_refused() -> None:
    with pytest.raises(ValueError, match="need two rows, got 1"):
        principal_components(torch.randn(1, 4), 2)
