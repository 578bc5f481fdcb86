"""Embeddings keep what sets subjects apart, and distances are distances."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vct.training.agreement.embedding import distances, embedded

_EMBEDDINGS = arrays(np.int8, (4, 30), elements=st.integers(-127, 127))


def test_box_means_of_thirty_two_millimeters() -> None:
    encoded = torch.rand(1, 2, 16, 8, 8) * 2 - 1
    found = embedded(encoded, 4.0)
    assert found.shape == (1, 4)
    mean = encoded[0, 0, :8].mean()
    assert abs(found[0, 0] / 127 - mean) <= 0.5 / 127 + 1e-6


@given(_EMBEDDINGS)
def test_distances_are_those_of_encoded_values(x: np.ndarray) -> None:
    found = distances(x, x)
    exact = x[:, None].astype(float) - x[None].astype(float)
    np.testing.assert_allclose(found, np.sqrt((exact**2).mean(axis=2)) / 127, atol=2e-3)
    np.testing.assert_allclose(found, found.T, atol=2e-3)
