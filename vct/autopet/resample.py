"""Resampling by box means: anti-aliased when coarser, conserving what is summed.

A target voxel holds the mean of the source over its box. The source is taken as
constant over its own voxels where the target is coarser, and as linear between its
centers (constant beyond the outermost ones) where the target is finer. Both have the
source's integral, so activity is conserved over every box that the source covers.
Along each axis apart: the weights of a box are products.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from vct.grid import Grid

_WHOLE = 1.0 - 1e-6  # share of a voxel that counts as all of it


@dataclass(frozen=True)
class Resampler:
    """Source grid to target grid, weights along each axis.

    Attributes
    ----------
    weights
        Along (k, j, i); shape (target, source). A row sums to 1 where the source covers
        the whole target voxel, to the covered share at its edges, to 0 outside.
    """

    source: Grid
    target: Grid
    weights: tuple[csr_array, csr_array, csr_array]

    @classmethod
    def between(cls, source: Grid, target: Grid) -> "Resampler":
        """Weights from a source grid to a target grid."""
        along = [axis_weights(source, target, axis) for axis in range(3)]
        return cls(source, target, (along[0], along[1], along[2]))

    def covered(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Along each axis, True where the source covers the whole target voxel."""
        k, j, i = (w.sum(axis=1) >= _WHOLE for w in self.weights)
        return k, j, i

    def apply(self, voxels: np.ndarray) -> np.ndarray:
        """Mean of the source over each target voxel, float32, k j i.

        Beyond the source counts as 0. One source slice is in memory as float32 at a
        time: at full size the result in plane, not a copy of the source, is what is
        held.
        """
        along_k = self.weights[0]
        used = np.flatnonzero(np.asarray(abs(along_k).sum(axis=0)).ravel())
        shape = (len(used), self.target.shape[1], self.target.shape[2])
        plane = np.empty(shape, np.float32)
        for row, k in enumerate(used):
            plane[row] = self.in_plane(voxels[k])
        flat = plane.reshape(len(used), -1)
        return np.asarray(along_k[:, used] @ flat, np.float32).reshape(
            self.target.shape
        )

    def in_plane(self, image: np.ndarray) -> np.ndarray:
        """One slice (j, i) with the target's rows and columns."""
        _, along_j, along_i = self.weights
        rows = along_j @ np.asarray(image, np.float32)
        return np.asarray((along_i @ rows.T).T, np.float32)


def axis_weights(source: Grid, target: Grid, axis: int) -> csr_array:
    """Weights along one axis, float32, shape (target, source)."""
    n, d = source.shape[axis], source.spacing_mm[axis]
    m, width = target.shape[axis], target.spacing_mm[axis]
    first = target.origin_mm[axis] - width / 2 - (source.origin_mm[axis] - d / 2)
    edges = np.clip((first + width * np.arange(m + 1)) / d, 0.0, n)
    integral = _integral_linear if width < d * _WHOLE else _integral_constant
    shares = np.diff(integral(edges, n), axis=0) * (d / width)
    return csr_array(np.where(np.abs(shares) < 1e-7, 0.0, shares).astype(np.float32))


def _integral_constant(edges: np.ndarray, n: int) -> np.ndarray:
    """Integral of each source voxel's part from 0 to each edge, in voxels."""
    return np.clip(edges[:, None] - np.arange(n), 0.0, 1.0)


def _integral_linear(edges: np.ndarray, n: int) -> np.ndarray:
    """The same of hats between centers, with the outermost ones carried to the edge."""
    at = edges[:, None] - 0.5 - np.arange(n)  # from each center
    before = np.clip(1.0 + at, 0.0, 1.0) ** 2 / 2
    after = 0.5 - np.clip(1.0 - at, 0.0, 1.0) ** 2 / 2
    integral = np.where(at < 0.0, before, 0.5 + after)
    integral[:, 0] = _outermost(edges)
    integral[:, -1] = 1.0 - _outermost(n - edges) if n > 1 else edges
    return integral


def _outermost(edges: np.ndarray) -> np.ndarray:
    """Integral of the first hat, which is 1 from the edge to its center."""
    beyond = np.clip(1.5 - edges, 0.0, 1.0)
    return np.where(edges <= 0.5, edges, 1.0 - beyond**2 / 2)
