"""The coarse side of all training images, in memory on the training device."""

from collections.abc import Iterator

import torch
from torch import Tensor

from vct.cascade.condition import template_features
from vct.cascade.resample import coarsen, covered_boxes
from vct.errors import SpecError
from vct.grid import Grid
from vct.training.cache import Images

_FIT_BATCH = 16


class CoarseVolumes:
    """Condition (n, 6), encoded volumes (n, 2, k, j, i) float16 and their coverage.

    ``coverage`` (n, 1, k, j, i) is bool, or None where every scan fills the field.
    """

    def __init__(self, images: Images, factor: int, device: str) -> None:
        self.condition = images.condition(images.training).to(device)
        self.encoded = torch.stack(
            [
                coarsen(fine[None].to(device).float(), factor)[0].half()
                for fine in images.volumes(images.training)
            ]
        )
        self.coverage = _coverage(images, factor)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of encoded volumes, float32, and template features."""
        for rows in self.rows():
            yield self.encoded[rows].float(), template_features(self.condition[rows])

    def covered(self) -> "CoveredVolumes":
        """The same batches, each with its coverage."""
        assert self.coverage is not None
        return CoveredVolumes(self, self.coverage)

    def rows(self) -> Iterator[slice]:
        """Rows of each batch."""
        for first in range(0, len(self.encoded), _FIT_BATCH):
            yield slice(first, first + _FIT_BATCH)


class CoveredVolumes:
    """Coarse volumes of scans that cover parts of the field."""

    def __init__(self, volumes: CoarseVolumes, coverage: Tensor) -> None:
        self._volumes, self._coverage = volumes, coverage

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Batches of encoded volumes, template features, and coverage 0 or 1."""
        batches = zip(self._volumes, self._volumes.rows(), strict=True)
        for (encoded, features), rows in batches:
            yield encoded, features, self._coverage[rows].float()

    def share(self) -> Tensor:
        """Share of the scans that cover each voxel, (1, k, j, i)."""
        return self._coverage.float().mean(dim=0)


def _coverage(images: Images, factor: int) -> Tensor | None:
    parts = []
    for index in images.training:
        fine = images.coverage(index)
        if fine is None:
            return None
        parts.append(covered_boxes(fine[None, None], factor)[0])
    return torch.stack(parts)


def factor_to(shape: tuple[int, int, int], grid: Grid) -> int:
    """How many of a grid's voxels make one of a base grid of ``shape``, by axis.

    Raises
    ------
    SpecError
        If that is no whole number, the same along every axis.
    """
    factor = max(grid.shape[0] // shape[0], 1)
    if tuple(n * factor for n in shape) != grid.shape:
        raise SpecError(
            f"architecture.shape {list(shape)} does not divide the data's grid "
            f"{list(grid.shape)} of {grid.spacing_mm[0]:g} mm by one whole number; "
            "change it, or data.window_mm"
        )
    return factor
