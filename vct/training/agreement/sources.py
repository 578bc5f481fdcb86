"""Where volumes come from: sampled, rendered by workers, or read from a cache."""

import os
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from vct.cascade import Cascade
from vct.cascade.condition import condition_vector
from vct.grid import Grid, whole_body_grid
from vct.seeds import torch_seed
from vct.training.agreement.members import Member
from vct.training.cache import PhantomCache, render_subject


class Source(Protocol):
    """Encoded volumes of batches, one batch after another."""

    def prepare(self, batch: Sequence[Member]) -> None:
        """Begin with a batch that will be asked for."""

    def ready(self, batch: Sequence[Member]) -> bool:
        """Whether ``volumes`` would return at once."""

    def volumes(self, batch: Sequence[Member]) -> Tensor:
        """Encoded CT and PET, (b, 2, k, j, i)."""


@dataclass(frozen=True)
class Sampled:
    """Volumes by the cascade; each member's noise is its own."""

    cascade: Cascade
    seed: int

    def prepare(self, batch: Sequence[Member]) -> None:
        """Nothing: the device is busy with one batch at a time."""

    def ready(self, batch: Sequence[Member]) -> bool:
        """Always, at the price of sampling."""
        return True

    @torch.inference_mode()
    def volumes(self, batch: Sequence[Member]) -> Tensor:
        """Sample both stages, as ``Cascade.run`` does."""
        cascade = self.cascade
        condition = condition_vector([m.person for m in batch]).to(cascade.device)
        coarse = cascade.base.architecture.shape
        noise = [
            self._noise(purpose, batch, shape)
            for purpose, shape in (
                ("base", coarse),
                ("augmentation", coarse),
                ("superres", cascade.grid.shape),
            )
        ]
        low = cascade.sample_base(condition, noise[0])
        return cascade.sample_superres(condition, low, noise[1], noise[2])

    def _noise(
        self, purpose: str, batch: Sequence[Member], shape: tuple[int, int, int]
    ) -> Tensor:
        device = self.cascade.device
        draws = []
        for member in batch:
            rng = torch.Generator(device)
            path = f"agreement/noise/{purpose}"
            rng.manual_seed(torch_seed(self.seed, path, member.subject_id))
            draws.append(torch.randn(2, *shape, generator=rng, device=device))
        return torch.stack(draws)


@dataclass
class Rendered:
    """Phantoms by worker processes, handed over as fp16 files in a scratch folder."""

    pool: Executor
    scratch: Path
    seed: int
    spacing_mm: float
    device: str = "cpu"
    _pending: dict[str, "Future[Path]"] = field(default_factory=dict)

    def prepare(self, batch: Sequence[Member]) -> None:
        """Hand a batch to the workers."""
        for member in batch:
            if member.subject_id not in self._pending:
                job = (member, self.seed, self.spacing_mm, self.device, self.scratch)
                self._pending[member.subject_id] = self.pool.submit(render_file, job)

    def ready(self, batch: Sequence[Member]) -> bool:
        """Whether all of the batch is rendered."""
        pending = [self._pending.get(m.subject_id) for m in batch]
        return all(future is not None and future.done() for future in pending)

    def volumes(self, batch: Sequence[Member]) -> Tensor:
        """Wait for the batch, read its files and remove them."""
        self.prepare(batch)
        paths = [self._pending.pop(m.subject_id).result() for m in batch]
        volumes = torch.stack([torch.from_numpy(np.load(path)) for path in paths])
        for path in paths:
            path.unlink()
        return volumes


@dataclass(frozen=True)
class Cached:
    """Phantoms that were rendered for training."""

    cache: PhantomCache

    def prepare(self, batch: Sequence[Member]) -> None:
        """Nothing to begin with."""

    def ready(self, batch: Sequence[Member]) -> bool:
        """Always: files are there."""
        return True

    def volumes(self, batch: Sequence[Member]) -> Tensor:
        """Read the members' files."""
        return torch.stack([self.cache.encoded(m.number) for m in batch])


def rendering_pool(workers: int) -> ProcessPoolExecutor:
    """Worker processes of one thread each."""
    return ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_one_thread
    )


def render_file(job: tuple[Member, int, float, str, Path]) -> Path:
    """Render one member into a file; anatomy and noise are streams of the set's own."""
    member, seed, spacing_mm, device, scratch = job
    own_seed = torch_seed(seed, "agreement/phantom", member.set) % 2**32
    grid: Grid = whole_body_grid(spacing_mm)
    encoded, _ = render_subject(member.person, own_seed, member.number, grid, device)
    path = scratch / f"{member.subject_id}.npy"
    np.save(path, encoded.half().cpu().numpy())
    return path


def _one_thread() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
