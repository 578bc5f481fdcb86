"""Phantoms rendered once: encoded volumes and organ labels in memory-mapped files.

Each subject is a function of (seed, index), written to its own file and renamed when
complete, so that rendering resumes where it stopped and workers never meet.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from vct.anatomy import ORGANS
from vct.cascade.condition import condition_vector
from vct.cascade.encode import encode
from vct.errors import SpecError
from vct.grid import FIELD_OF_VIEW_MM, Grid, whole_body_grid
from vct.partial import written_beside, written_once
from vct.phantom.population import draw_anatomy
from vct.phantom.render import render
from vct.phantom.structures import to_organs
from vct.seeds import generator, torch_seed
from vct.training.config import PhantomData
from vct.training.people import Person, draw_person

# Written in this order: the last one says complete. Labels of a shorter organ list are
# not found, so that they are rendered anew instead of being read wrongly.
PARTS = ("encoded", f"labels{len(ORGANS)}")
_RECORD = "phantoms.json"


class Images(Protocol):
    """Encoded images with the demographics of their people: what stages train on."""

    @property
    def grid(self) -> Grid:
        """Voxel grid of every image."""

    @property
    def training(self) -> range:
        """Indices of training subjects."""

    @property
    def held_out(self) -> range:
        """Indices of subjects no network was trained on."""

    def condition(self, indices: range) -> Tensor:
        """Condition vectors, (n, 6)."""

    def encoded(self, index: int) -> Tensor:
        """Encoded volume, (2, k, j, i)."""

    def slab(self, index: int, first: int, last: int) -> Tensor:
        """Slices ``first`` to before ``last`` of it."""

    def coverage(self, index: int) -> Tensor | None:
        """Where the scan covers the field, bool, (k, j, i); None is everywhere."""

    def volumes(self, indices: range) -> Iterator[Tensor]:
        """Encoded volumes one after another."""


def person_of(seed: int, index: int) -> Person:
    """Demographics of training subject ``index``."""
    return draw_person(generator(seed, "phantom/person", index))


def render_subject(
    person: Person, seed: int, index: int, grid: Grid, device: str
) -> tuple[Tensor, Tensor]:
    """Encoded volume (2, k, j, i) float32 and organ labels (k, j, i) uint8."""
    anatomy = draw_anatomy(person, generator(seed, "phantom/anatomy", index))
    noise = torch.Generator(device)
    noise.manual_seed(torch_seed(seed, "phantom/image", index))
    phantom = render(anatomy, grid, device=device, generator=noise)
    return encode(phantom.ct_hu, phantom.suv), to_organs(phantom.labels)


def build_cache(
    data: PhantomData,
    *,
    device: str,
    held_out_only: bool = False,
    share: tuple[int, int] = (0, 1),
) -> "PhantomCache":
    """Render what is missing of the training and held-out phantoms.

    ``share`` (rank, world) is this process's part of the work among several.

    Raises
    ------
    SpecError
        If the folder holds phantoms of another seed or spacing.
    """
    data.folder.mkdir(parents=True, exist_ok=True)
    check_folder(data)
    rank, world = share
    held_out = range(data.subjects, data.subjects + data.held_out)
    wanted = [*([] if held_out_only else data.training), *held_out][rank::world]
    missing = [n for n in wanted if not _path(data.folder, n, PARTS[-1]).exists()]
    if missing:
        chunks = [missing[w :: data.workers] for w in range(data.workers)]
        jobs = [(data, chunk, device) for chunk in chunks if chunk]
        if len(jobs) == 1:
            _render_chunk(jobs[0])
        else:
            context = get_context("spawn")
            with ProcessPoolExecutor(len(jobs), mp_context=context) as pool:
                list(pool.map(_render_chunk, jobs))
    return PhantomCache(data)


def check_folder(data: PhantomData) -> None:
    """Refuse phantoms whose people or voxels are not the config's.

    Of a folder without a record, from an earlier vct, only the voxels can be told.
    """
    wanted = {"seed": data.seed, "spacing_mm": data.spacing_mm}
    record = data.folder / _RECORD
    first = next(data.folder.glob(f"*.{PARTS[0]}.npy"), None)
    if first is None:
        written_once(record, lambda path: path.write_text(json.dumps(wanted)))
    there = wanted
    if record.exists():
        there = json.loads(record.read_text())
    elif first is not None:
        slices = np.load(first, mmap_mode="r").shape[1]
        if slices != whole_body_grid(data.spacing_mm).shape[0]:
            there = {**wanted, "spacing_mm": FIELD_OF_VIEW_MM[0] / slices}
    if there != wanted:
        raise SpecError(
            f"{data.folder} holds phantoms of seed {there['seed']} and "
            f"{there['spacing_mm']:g} mm, and the config asks for seed {data.seed} and "
            f"{data.spacing_mm:g} mm. Name another data.folder, or remove this one."
        )


def _render_chunk(job: tuple[PhantomData, list[int], str]) -> None:
    data, indices, device = job
    if data.workers > 1:
        torch.set_num_threads(1)
    grid = whole_body_grid(data.spacing_mm)
    for index in indices:
        person = person_of(data.seed, index)
        encoded, labels = render_subject(person, data.seed, index, grid, device)
        for name, array in zip(PARTS, (encoded.half(), labels), strict=True):
            path = _path(data.folder, index, name)
            with written_beside(path) as partial, partial.open("wb") as stream:
                np.save(stream, array.cpu().numpy())


def _path(folder: Path, index: int, part: str) -> Path:
    return folder / f"{index:06d}.{part}.npy"


class PhantomCache:
    """Rendered phantoms: some to train on, others held out."""

    def __init__(self, data: PhantomData) -> None:
        self.data = data
        self.grid = whole_body_grid(data.spacing_mm)

    def condition(self, indices: range) -> Tensor:
        """Condition vectors, (n, 6)."""
        people = [person_of(self.data.seed, n) for n in indices]
        return condition_vector(people)

    @property
    def training(self) -> range:
        """Indices of training subjects."""
        return self.data.training

    @property
    def held_out(self) -> range:
        """Indices of subjects no network was trained on."""
        return range(self.data.subjects, self.data.subjects + self.data.held_out)

    def encoded(self, index: int) -> Tensor:
        """Encoded volume, float16, (2, k, j, i)."""
        return self._read(index, "encoded")

    def labels(self, index: int) -> Tensor:
        """Organ labels, uint8, (k, j, i)."""
        return self._read(index, PARTS[1])

    def slab(self, index: int, first: int, last: int) -> Tensor:
        """Slices ``first`` to before ``last`` of ``encoded``."""
        return self.encoded(index)[:, first:last]

    def coverage(self, index: int) -> Tensor | None:
        """None: a phantom fills the field."""
        return None

    def volumes(self, indices: range) -> Iterator[Tensor]:
        """Encoded volumes one after another."""
        for index in indices:
            yield self.encoded(index)

    def _read(self, index: int, part: str) -> Tensor:
        """Memory-mapped copy-on-write, so that a slab reads a slab."""
        return torch.from_numpy(
            np.load(_path(self.data.folder, index, part), mmap_mode="c")
        )
