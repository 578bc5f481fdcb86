"""A subject in a few thousand numbers, to tell neighbors by."""

import numpy as np
import torch
from torch import Tensor

EMBEDDING_MM = 32.0
_STEPS = 127.0  # signed bytes over the encoding's -1..1: finer than any noise


def embedded(encoded: Tensor, spacing_mm: float) -> Tensor:
    """Box means over about 32 mm of encoded CT and PET, int8.

    Parameters
    ----------
    encoded
        (b, 2, k, j, i) in -1..1.
    spacing_mm
        Of the voxels.

    Returns
    -------
    Tensor
        int8, (b, n): means times 127.
    """
    factor = max(1, round(EMBEDDING_MM / spacing_mm))
    means = torch.nn.functional.avg_pool3d(encoded.float(), factor)
    return (means.clamp(-1, 1) * _STEPS).round().to(torch.int8).flatten(1).cpu()


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Root mean square difference of embeddings (n, d), (m, d), as encoded, (n, m)."""
    x, y = a.astype(np.float32) / _STEPS, b.astype(np.float32) / _STEPS
    squares = (x**2).sum(1)[:, None] + (y**2).sum(1)[None] - 2 * x @ y.T
    return np.sqrt(np.maximum(squares, 0) / x.shape[1])
