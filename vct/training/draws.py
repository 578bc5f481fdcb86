"""Randomness of a batch: a stream a sample, named by its number in the run.

Sample 1000 sees the same subject, noise level and noise whether one process trains or
eight, and after a resume as before it: nothing has to be remembered.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from vct.seeds import torch_seed


class Draws:
    """Random numbers of samples ``first``, ``first + 1``, ... of a training run."""

    def __init__(self, seed: int, first: int, count: int, device: str) -> None:
        self.device = torch.device(device)
        self._generators = [
            torch.Generator(self.device) for _ in range(first, first + count)
        ]
        for number, generator in enumerate(self._generators, start=first):
            generator.manual_seed(torch_seed(seed, "training/sample", number))

    def __len__(self) -> int:
        return len(self._generators)

    def __iter__(self) -> Iterator[torch.Generator]:
        """Generator of each sample."""
        return iter(self._generators)

    def uniform(self, *shape: int) -> Tensor:
        """Uniform on [0, 1), (b, *shape)."""
        return torch.stack(
            [torch.rand(shape, generator=g, device=self.device) for g in self]
        )

    def normal(self, *shape: int) -> Tensor:
        """Standard normal, (b, *shape)."""
        return torch.stack(
            [torch.randn(shape, generator=g, device=self.device) for g in self]
        )

    def integers(self, high: int) -> Tensor:
        """Whole numbers from 0 to below ``high``, (b,)."""
        return torch.stack(
            [torch.randint(high, (), generator=g, device=self.device) for g in self]
        )
