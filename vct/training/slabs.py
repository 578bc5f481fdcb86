"""Slabs of the fine volumes, with the coarse volume they are to be made from.

A slab is some axial slices, whole or in a window of rows and columns.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from vct.cascade.resample import coarsen, covered_boxes, covered_inside, upsample
from vct.cascade.stage import SuperResolutionStage
from vct.diffusion.tokens import position_maps
from vct.errors import SpecError
from vct.training.cache import Images

Indices = tuple[int, int, int]  # of k, j, i
Pick = tuple[int, Indices]  # a volume's number, and the first voxel of a slab in it

_READERS = 8  # threads that read slabs from disk
_MEMORY_SHARE = 0.6  # of the device's memory that fine volumes may take


@dataclass(frozen=True)
class Slabs:
    """A batch of slabs.

    Attributes
    ----------
    clean
        Unit-SD residual, (b, 2, k, j, i) on the fine grid; 0 where not covered.
    coarse
        Encoded coarse slab, without augmentation noise.
    position
        Position of each token in the field, (b, 3, ...).
    condition
        (b, 6).
    coverage
        1 where the residual is known, (b, 1, ...) on the coarse grid; None is
        everywhere.
    """

    clean: Tensor
    coarse: Tensor
    position: Tensor
    condition: Tensor
    coverage: Tensor | None = None


class FineVolumes:
    """Training images at full resolution, and their coarse side in memory.

    ``coverage`` (n, 1, k, j, i), bool, tells the coarse voxels whose fine residual is
    of scanned values alone; None is all.
    """

    def __init__(self, images: Images, factor: int, device: str) -> None:
        self.images, self.factor, self.device = images, factor, device
        self.condition = images.condition(images.training).to(device)
        self._fine = self._in_memory()
        self.coarse = torch.stack(
            [coarsen(self.whole(n)[None], factor)[0].half() for n in images.training]
        )
        self.coverage = self._inside()

    def _in_memory(self) -> list[Tensor] | None:
        """All fine volumes where the device's memory is large, else read on demand."""
        if not self.device.startswith("cuda"):
            return None
        count = len(self.images.training)
        needed = 2 * 2 * torch.Size(self.images.grid.shape).numel() * count
        memory = torch.cuda.get_device_properties(self.device).total_memory
        if needed > _MEMORY_SHARE * memory:
            return None
        volumes = self.images.volumes(self.images.training)
        return [volume.to(self.device).half() for volume in volumes]

    def _inside(self) -> Tensor | None:
        parts = []
        for index in self.images.training:
            fine = self.images.coverage(index)
            if fine is None:
                return None
            coarse = covered_boxes(fine[None, None].to(self.device), self.factor)
            parts.append(covered_inside(coarse)[0])
        return torch.stack(parts)

    def whole(self, index: int) -> Tensor:
        """Encoded volume, float32, (2, k, j, i)."""
        return self.slab((index, (0, 0, 0)), self.images.grid.shape)

    def slab(self, pick: Pick, shape: Indices) -> Tensor:
        """Slab of ``shape`` of an encoded volume, float32, (2, k, j, i)."""
        index, start = pick
        k, j, i = _box(start, shape)
        if self._fine:
            return self._fine[index][:, k, j, i].float()
        slices = self.images.slab(index, k.start, k.stop)
        return slices[:, :, j, i].to(self.device).float()

    def slabs(self, picks: Sequence[Pick], shape: Indices) -> Tensor:
        """Slabs of one shape, (b, 2, k, j, i)."""

        def read(pick: Pick) -> Tensor:
            return self.slab(pick, shape)

        if self._fine:
            return torch.stack([read(pick) for pick in picks])
        with ThreadPoolExecutor(_READERS) as pool:
            return torch.stack(list(pool.map(read, picks)))

    def starts(self, length: int, step: int) -> list[list[int]]:
        """For every volume, where a slab that covers as much as it can may start.

        Raises
        ------
        SpecError
            If no slab fits.
        """
        total = self.images.grid.shape[0]
        if length % step or length > total:
            raise SpecError(
                f"patch_slices {length} must be a multiple of {step}, which the "
                f"architecture's patch and levels make, and at most {total}"
            )
        if any(n % step for n in self.images.grid.shape):
            raise SpecError(
                f"architecture: patch and levels need grids of multiples of {step}, "
                f"and the data's is {list(self.images.grid.shape)}"
            )
        every = range(0, total - length + 1, step)
        if self.coverage is None:
            return [list(every)] * len(self.condition)
        return [
            best_starts(slices.nonzero().flatten() * self.factor, every, length)
            for slices in self.coverage.flatten(3).any(3).any(1).cpu()
        ]

    def windows(self, size: tuple[int, int], step: int) -> tuple[range, range]:
        """First rows and first columns that a window of (rows, columns) may have.

        Raises
        ------
        SpecError
            If no window fits.
        """
        whole = self.images.grid.shape[1:]
        if any(n % step or n > total for n, total in zip(size, whole, strict=True)):
            raise SpecError(
                f"patch_window {list(size)} must be multiples of {step}, which the "
                f"architecture's patch and levels make, and at most {list(whole)}"
            )
        rows, columns = (
            range(0, total - n + 1, step) for n, total in zip(size, whole, strict=True)
        )
        return rows, columns


def best_starts(covered: Tensor, every: range, length: int) -> list[int]:
    """Those of ``every`` start whose slab holds the most of the covered slices."""
    counts = [int(((covered >= k) & (covered < k + length)).sum()) for k in every]
    return [k for k, n in zip(every, counts, strict=True) if n == max(counts)]


def cut_slabs(
    stage: SuperResolutionStage,
    volumes: FineVolumes,
    picks: Sequence[Pick],
    coarse: Sequence[Tensor],
    shape: Indices,
) -> Slabs:
    """Slabs of one shape above their coarse volumes, each (2, k, j, i)."""
    patch, f = stage.architecture.patch, volumes.factor
    starts = [start for _, start in picks]
    raised = [
        _upsampled(volume, start, shape, f)
        for start, volume in zip(starts, coarse, strict=True)
    ]
    sd = stage.residual_sd.reshape(1, 2, 1, 1, 1)
    clean = (volumes.slabs(picks, shape) - torch.stack(raised)) / sd
    position = position_maps(stage.tokens_of(coarse[0][None, :1].float()))[0]

    def cut(whole: Sequence[Tensor], size: int) -> Tensor:
        """Slabs of volumes whose voxels are ``size`` fine ones long."""
        voxels = tuple(n // size for n in shape)
        parts = []
        for volume, start in zip(whole, starts, strict=True):
            k, j, i = _box(tuple(n // size for n in start), voxels)
            parts.append(volume[:, k, j, i].float())
        return torch.stack(parts)

    coverage = None
    if volumes.coverage is not None:
        coverage = cut([volumes.coverage[index] for index, _ in picks], f)
        clean = clean * on_fine_grid(coverage, f)
    return Slabs(
        clean,
        cut(coarse, f),
        cut([position] * len(picks), patch),
        volumes.condition[[index for index, _ in picks]],
        coverage,
    )


def _upsampled(coarse: Tensor, start: Indices, shape: Indices, factor: int) -> Tensor:
    """What a slab has of an upsampled volume, (2, k, j, i), by it and its neighbors."""
    low = [max(first // factor - 1, 0) for first in start]
    high = [
        min((first + n) // factor + 1, total)
        for first, n, total in zip(start, shape, coarse.shape[1:], strict=True)
    ]
    k, j, i = (slice(*ends) for ends in zip(low, high, strict=True))
    raised = upsample(coarse[None, :, k, j, i].float(), factor)[0]
    inner = [first - n * factor for first, n in zip(start, low, strict=True)]
    k, j, i = _box(inner, shape)
    return raised[:, k, j, i]


def _box(start: Sequence[int], shape: Sequence[int]) -> list[slice]:
    return [slice(first, first + n) for first, n in zip(start, shape, strict=True)]


def on_fine_grid(coverage: Tensor, factor: int) -> Tensor:
    """Every value factor³ times, (b, 1, k, j, i)."""
    return torch.nn.functional.interpolate(
        coverage, scale_factor=factor, mode="nearest"
    )
