"""Shrinkage: a correlation matrix it stays, and what is large is kept."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vct.phantom.correlation import nearest_correlation, shrunk_correlation


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(9, 60))
def test_the_result_is_a_correlation_matrix(seed: int, people: int) -> None:
    residual = np.random.default_rng(seed).normal(size=(people, 30))
    kinds = ["suv"] * 18 + ["volume_ml"] * 12
    matrix = shrunk_correlation(residual, kinds, people - 5)
    assert np.allclose(matrix, matrix.T)
    assert np.allclose(np.diag(matrix), 1.0)
    np.linalg.cholesky(matrix)


def test_chance_is_taken_away_and_a_strong_pair_stays() -> None:
    rng = np.random.default_rng(0)
    residual = rng.normal(size=(60, 20))
    residual[:, 1] = 0.97 * residual[:, 0] + 0.24 * residual[:, 1]
    raw = np.corrcoef(residual.T)
    ours = shrunk_correlation(residual, ["suv"] * 20, 55)
    assert ours[0, 1] == pytest.approx(raw[0, 1], abs=0.03)
    others = np.triu_indices(20, 1)
    weak = np.abs(raw[others]) < 0.2
    assert np.abs(ours[others][weak]).mean() < 0.5 * np.abs(raw[others][weak]).mean()


def test_a_correlation_matrix_is_its_own_nearest() -> None:
    matrix = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, 0.1], [0.2, 0.1, 1.0]])
    assert nearest_correlation(matrix) == pytest.approx(matrix, abs=1e-9)


def test_an_impossible_matrix_is_mended() -> None:
    impossible = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
    mended = nearest_correlation(impossible)
    assert np.linalg.eigvalsh(mended).min() > 0
    assert np.abs(mended - impossible).max() < 0.6


def test_too_few_people_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 4 more people than"):
        shrunk_correlation(np.zeros((8, 3)), ["suv"] * 3, 3)
