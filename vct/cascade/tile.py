"""Evaluate a network in slabs along k and get what the whole volume would give."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TilePlan:
    """Slabs along the token axis k.

    Attributes
    ----------
    core
        Tokens a slab contributes; a multiple of the network's stride.
    halo
        Tokens added on either side, at least the receptive radius and a multiple of
        the stride.
    """

    core: int
    halo: int

    def slabs(self, length: int) -> list[tuple[int, int, int, int]]:
        """(first, last) of each core and of the slab with its halo, in order."""
        starts = range(0, length, self.core)
        return [
            (
                start,
                min(start + self.core, length),
                max(start - self.halo, 0),
                min(start + self.core + self.halo, length),
            )
            for start in starts
        ]


def run_tiled(
    network: Callable[[Tensor], Tensor], tokens: Tensor, plan: TilePlan | None
) -> Tensor:
    """Apply a network to (b, c, k, j, i) slab by slab; whole when ``plan`` is None."""
    if plan is None or plan.core >= tokens.shape[2]:
        return network(tokens)
    parts = []
    for first, last, low, high in plan.slabs(tokens.shape[2]):
        part = network(tokens[:, :, low:high])
        parts.append(part[:, :, first - low : last - low])
    return torch.cat(parts, dim=2)


def receptive_radius(network: Callable[[Tensor], Tensor], tokens: Tensor) -> int:
    """Tokens along k that one perturbed token reaches, measured.

    Every token of the middle two strides is perturbed in turn, since a strided
    network reaches further from some phases than from others.
    """
    before = network(tokens)
    middle = tokens.shape[2] // 2
    radius = 0
    for k in range(middle, min(middle + 8, tokens.shape[2])):
        perturbed = tokens.clone()
        perturbed[:, :, k] += 10.0
        changed = (network(perturbed) != before).flatten(3).any(3).any(1).any(0)
        where = changed.nonzero().flatten()
        if len(where):
            radius = max(radius, k - int(where[0]), int(where[-1]) - k)
    return radius
