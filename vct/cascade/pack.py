"""Everything a subject leaves the device with, as one run of bytes: one copy out."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vct.anatomy import OrganList
from vct.grid import Grid
from vct.segment.examine import Examined, examined_layout


@dataclass(frozen=True)
class Payload:
    """Tensors of a batch on the device; first axis is the batch member.

    ``ct`` and ``pet`` int16 (b, k, j, i); ``suv_per_step`` float64 (b, k); ``clipped``
    int64 (b, 1); ``examined`` and ``labels`` uint8 (b, k, j, i), or neither.
    """

    ct: Tensor
    pet: Tensor
    suv_per_step: Tensor
    clipped: Tensor
    examined: Examined | None
    labels: Tensor | None


def pack(payload: Payload) -> Tensor:
    """Bytes of each batch member, uint8, (b, n)."""
    parts = [payload.suv_per_step, payload.clipped]
    if payload.examined is not None:
        parts += payload.examined
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
    examined: list[np.ndarray]
    labels: np.ndarray | None


def unpack(data: np.ndarray, grid: Grid, organs: OrganList | None) -> Unpacked:
    """Inverse of ``pack`` for one subject's bytes, uint8 (n,).

    ``organs`` are those that were examined, None for none.
    """
    taken = 0

    def take(dtype: type[np.generic], shape: tuple[int, ...]) -> np.ndarray:
        nonlocal taken
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        part = data[taken : taken + size]
        taken += size
        return part.view(dtype).reshape(shape)

    step = take(np.float64, (grid.shape[0],))
    clipped = int(take(np.int64, (1,))[0])
    layout = examined_layout(organs, grid) if organs else []
    examined = [take(dtype, shape) for dtype, shape in layout]
    ct = take(np.uint16, grid.shape)
    pet = take(np.uint16, grid.shape)
    labels = take(np.uint8, grid.shape) if organs else None
    return Unpacked(ct, pet, step, clipped, examined, labels)
