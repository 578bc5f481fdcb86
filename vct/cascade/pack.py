"""Everything a subject leaves the device with, as one run of bytes: one copy out."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vct.grid import Grid


@dataclass(frozen=True)
class Payload:
    """Tensors of a batch on the device; first axis is the batch member.

    ``ct`` and ``pet`` int16 (b, k, j, i); ``suv_per_step`` float64 (b, k); ``clipped``
    int64 (b, 1); ``organ_sums`` float64 (b, organs, columns) and ``labels`` uint8
    (b, k, j, i), or neither.
    """

    ct: Tensor
    pet: Tensor
    suv_per_step: Tensor
    clipped: Tensor
    organ_sums: Tensor | None
    labels: Tensor | None


def pack(payload: Payload) -> Tensor:
    """Bytes of each batch member, uint8, (b, n)."""
    parts = [payload.suv_per_step, payload.clipped]
    if payload.organ_sums is not None:
        parts.append(payload.organ_sums)
    parts += [payload.ct, payload.pet]
    if payload.labels is not None:
        parts.append(payload.labels)
    flat = [part.contiguous().flatten(1).view(torch.uint8) for part in parts]
    return torch.cat(flat, dim=1)


@dataclass(frozen=True)
class Unpacked:
    """One subject's arrays on the host."""

    ct: np.ndarray
    pet: np.ndarray
    suv_per_step: np.ndarray
    clipped: int
    organ_sums: np.ndarray | None
    labels: np.ndarray | None


def unpack(
    data: np.ndarray, grid: Grid, organ_shape: tuple[int, int] | None
) -> Unpacked:
    """Inverse of ``pack`` for one subject's bytes, uint8 (n,)."""
    taken = 0

    def take(dtype: type[np.generic], shape: tuple[int, ...]) -> np.ndarray:
        nonlocal taken
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        part = data[taken : taken + size]
        taken += size
        return part.view(dtype).reshape(shape)

    step = take(np.float64, (grid.shape[0],))
    clipped = int(take(np.int64, (1,))[0])
    sums = take(np.float64, organ_shape) if organ_shape else None
    ct = take(np.uint16, grid.shape)
    pet = take(np.uint16, grid.shape)
    labels = take(np.uint8, grid.shape) if organ_shape else None
    return Unpacked(ct, pet, step, clipped, sums, labels)
