"""A correlation matrix from few people, shrunk where it says little.

Each Fisher-transformed correlation is pulled towards the mean of its block (two
uptakes, two volumes, one of each): by much where it differs from that mean by no more
than chance, by little where it differs by more. The mean of the uptake block is what
people share in uptake as a whole.
"""

from collections.abc import Sequence

import numpy as np

_SMALLEST_EIGENVALUE = 2e-3


def shrunk_correlation(
    residual: np.ndarray, kinds: Sequence[str], freedom: int
) -> np.ndarray:
    """Shrunk correlation of residuals.

    Parameters
    ----------
    residual
        (people, quantities).
    kinds
        Block of each quantity, as ``suv`` or ``volume_ml``.
    freedom
        Degrees of freedom of the residuals.

    Returns
    -------
    (quantities, quantities), positive definite, ones on the diagonal.

    Raises
    ------
    ValueError
        With fewer than 4 degrees of freedom.
    """
    if freedom < 4:
        raise ValueError(
            f"{freedom} degrees of freedom tell no correlation; fit at least "
            "4 more people than there are regressors"
        )
    raw = np.corrcoef(residual.T)
    z = np.arctanh(np.clip(raw, -0.995, 0.995))
    kind = np.array(kinds)
    shrunk = np.zeros_like(z)
    off = ~np.eye(len(kind), dtype=bool)
    for a in set(kinds):
        for b in set(kinds):
            block = np.outer(kind == a, kind == b) & off
            center = z[block].mean() if block.any() else 0.0
            d = z - center
            chance = 1.0 / (freedom - 3)  # variance of Fisher's z
            kept = np.maximum(0.0, 1.0 - chance / np.maximum(d**2, 1e-12))
            shrunk[block] = (center + d * kept)[block]
    return nearest_correlation(np.tanh(shrunk))


def nearest_correlation(matrix: np.ndarray, rounds: int = 200) -> np.ndarray:
    """Positive-definite correlation matrix near a symmetric one.

    Alternating projections with Dykstra's correction (Higham 2002), eigenvalues at
    least ``_SMALLEST_EIGENVALUE`` of the mean one.
    """
    y = (matrix + matrix.T) / 2
    np.fill_diagonal(y, 1.0)
    correction = np.zeros_like(y)
    for _ in range(rounds):
        r = y - correction
        values, vectors = np.linalg.eigh(r)
        x = (vectors * np.maximum(values, 2 * _SMALLEST_EIGENVALUE)) @ vectors.T
        correction = x - r
        y = x.copy()
        np.fill_diagonal(y, 1.0)
    scale = np.sqrt(np.diag(x))
    x = x / np.outer(scale, scale)
    np.fill_diagonal(x, 1.0)
    return x
