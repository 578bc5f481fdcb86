"""Phantoms of the ablation: who trains, who judges, who tells the chance level."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vct.cascade.condition import template_features
from vct.cascade.resample import coarsen
from vct.errors import SpecError
from vct.training.cache import PhantomCache

_BATCH = 16


@dataclass(frozen=True)
class Volumes:
    """Encoded volumes (n, 2, k, j, i), float16, and conditions (n, 6) on a device."""

    encoded: Tensor
    condition: Tensor

    def __len__(self) -> int:
        return len(self.encoded)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of float32 volumes and their template features."""
        for first in range(0, len(self), _BATCH):
            rows = slice(first, first + _BATCH)
            yield self.encoded[rows].float(), template_features(self.condition[rows])

    def first(self, count: int) -> "Volumes":
        """The first of them."""
        return Volumes(self.encoded[:count], self.condition[:count])


def load_volumes(
    cache: PhantomCache, indices: range, factor: int, device: str
) -> Volumes:
    """Phantoms as box means of ``factor``³ voxels, in the memory of ``device``."""
    volumes = []
    for fine in cache.volumes(indices):
        fine = fine.to(device)
        if factor > 1:
            fine = coarsen(fine[None].float(), factor)[0].half()
        volumes.append(fine)
    return Volumes(torch.stack(volumes), cache.condition(indices).to(device))


def judges_and_chance(held_out: range, people: int) -> tuple[range, range]:
    """Held-out phantoms to compare with, and ``people`` others for the chance level.

    Raises
    ------
    SpecError
        If there are fewer than twice ``people``.
    """
    if people < 2:
        raise SpecError(f"--people {people}: a spread needs at least 2 people")
    if len(held_out) < 2 * people:
        raise SpecError(
            f"--held-out {len(held_out)}: {people} generated people need "
            f"{people} phantoms to be compared with and {people} others for the "
            f"chance level; hold out {2 * people} or more, or take fewer --people"
        )
    return held_out[:-people], held_out[-people:]
