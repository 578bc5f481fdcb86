"""Distances between two populations of volumes, none of which needs a network."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import wasserstein_distance
from torch import Tensor

_HISTOGRAM_VOXELS = 1_000_000


@dataclass(frozen=True)
class PrincipalComponents:
    """Leading directions of rows (n, d), each with its standard deviation."""

    mean: Tensor
    directions: Tensor
    sd: Tensor

    def scores(self, rows: Tensor) -> np.ndarray:
        """Coordinates in units of the fitted SD: (n, d) → (n, components), float64."""
        along = (rows.float() - self.mean) @ self.directions.T
        return (along / self.sd).double().cpu().numpy()


def principal_components(rows: Tensor, count: int) -> PrincipalComponents:
    """Fit up to ``count`` components to rows (n, d); at most n − 1 exist.

    Raises
    ------
    ValueError
        With fewer than two rows.
    """
    if len(rows) < 2:
        raise ValueError(f"principal components need two rows, got {len(rows)}")
    mean = rows.float().mean(dim=0)
    centered = rows.float() - mean
    few = len(rows) <= rows.shape[1]
    gram = centered @ centered.T if few else centered.T @ centered
    values, vectors = torch.linalg.eigh(gram.double())
    count = min(count, len(rows) - 1, rows.shape[1])
    values, vectors = values.flip(0)[:count], vectors.flip(1)[:, :count]
    scale = values.clamp_min(1e-12)
    directions = vectors.float().T
    if few:
        directions = (vectors * scale.rsqrt()).float().T @ centered
    return PrincipalComponents(
        mean, directions, (scale / (len(rows) - 1)).sqrt().float()
    )


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Squared Fréchet distance of the normal distributions of two sets of rows.

    ‖μa − μb‖² + tr(A + B − 2 (A B)^½) (Dowson and Landau 1982). Finite sets of the
    same distribution are at a distance above zero: compare with a chance level of as
    many rows.

    Parameters
    ----------
    a, b
        (n, d) and (m, d), two rows or more.
    """
    shift = a.mean(axis=0) - b.mean(axis=0)
    cov_a, cov_b = (np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (a, b))
    root = _root(cov_a)
    cross = np.linalg.eigvalsh(root @ cov_b @ root).clip(0)
    trace = np.trace(cov_a) + np.trace(cov_b) - 2 * np.sqrt(cross).sum()
    return float(shift @ shift + max(trace, 0.0))


def marginal_distance(a: np.ndarray, b: np.ndarray) -> float:
    """``frechet_distance`` column by column: Σ (Δμ)² + (Δ SD)².

    Blind to correlations, but it needs far fewer rows: the full one of n rows in d
    columns is about d² / 4n too large, and less so for rows that have lost spread.
    """
    means = a.mean(axis=0) - b.mean(axis=0)
    sds = a.std(axis=0, ddof=1) - b.std(axis=0, ddof=1)
    return float((means**2 + sds**2).sum())


def _root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    result: np.ndarray = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    return result


def sd_ratios(made: np.ndarray, real: np.ndarray) -> np.ndarray:
    """SD of ``made`` over SD of ``real``, column by column; both (n, d)."""
    result: np.ndarray = made.std(axis=0, ddof=1) / real.std(axis=0, ddof=1)
    return result


def histogram_distance(a: Tensor, b: Tensor) -> float:
    """Wasserstein-1 distance of all voxel values, in their unit.

    Evenly spaced voxels of large sets stand for all.
    """
    return float(wasserstein_distance(_spaced(a), _spaced(b)))


def _spaced(values: Tensor) -> np.ndarray:
    flat = values.flatten()
    step = -(-len(flat) // _HISTOGRAM_VOXELS)
    # Odd, so that it does not walk along one column of a grid of even size.
    step += 1 - step % 2
    result: np.ndarray = flat[::step].float().cpu().numpy()
    return result
