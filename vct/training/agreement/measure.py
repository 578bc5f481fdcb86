"""Measure generated subjects and phantoms of the same people with one ruler.

Workers render phantoms while the device samples; every chunk is its own file, so that
a run that was stopped goes on where it was.
"""

import json
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vct.cascade import Cascade
from vct.errors import ModelError, SpecError
from vct.shard import Shard
from vct.training.agreement.chunks import chunk_path, pack_chunks, write_chunk
from vct.training.agreement.members import (
    CONDITIONS,
    Member,
    SetName,
    alike,
    drawn_people,
    members,
    people_of_cohort,
)
from vct.training.agreement.reading import need_segmenter, read_batch
from vct.training.agreement.sources import (
    Cached,
    Rendered,
    Sampled,
    Source,
    rendering_pool,
)
from vct.training.cache import PhantomCache, check_folder, person_of
from vct.training.config import PhantomData

Log = Callable[[str], None]
PLAN_NAME = "plan.json"
_CHUNKS_AHEAD = 4


@dataclass(frozen=True)
class Sizes:
    """Subjects of each set; 0 leaves a set out."""

    generated: int = 512
    population: int = 2000
    fresh: int = 512
    training: int = 0
    alike: int = 32


@dataclass(frozen=True)
class Work:
    """Chunks of one set, and where their volumes come from."""

    source: Source
    chunks: list[list[Member]]
    organs: bool = True


@dataclass(frozen=True)
class Plan:
    """What is compared with what.

    Parameters
    ----------
    sizes
        Subjects of each set.
    seed
        Of people, noise and phantoms; none of the training's.
    cohort
        YAML whose demographics are compared; None draws as the training did.
    cache
        Training phantoms, for the set ``training``: only told apart from, not measured.
    population_from_cache
        Take the population from the cache too, instead of rendering it.
    batch
        Subjects on the device at once, and in one file.
    shard
        This call's part of the work of several on one folder.
    """

    sizes: Sizes = Sizes()
    seed: int = 20
    cohort: Path | None = None
    cache: PhantomData | None = None
    population_from_cache: bool = False
    batch: int = 16
    shard: Shard = field(default_factory=lambda: Shard(1, 1))


def measure(
    cascade: Cascade,
    out: Path,
    plan: Plan,
    *,
    model: str = "",
    segmenter_sha256: str | None = None,
    workers: int = 1,
    render_device: str = "cpu",
    scratch: Path | None = None,
    most_minutes: float | None = None,
    log: Log = print,
) -> bool:
    """Measure what is missing in ``out`` and pack it; whether nothing is missing now.

    Parameters
    ----------
    cascade
        With its segmenter.
    out
        Folder of results: chunks, and the packed tables.
    plan
        Sets and seed.
    model
        What the weights are known by, for the record.
    segmenter_sha256
        Of its file, for the record: what one segmenter measured can be compared.
    workers
        Processes that render phantoms.
    render_device
        Where they do it.
    scratch
        Folder for rendered volumes on their way; by default a temporary one.
    most_minutes
        Stop after the chunk in which they pass.

    Raises
    ------
    ModelError
        If the model has no segmenter, or the cache another grid than the model.
    SpecError
        If ``out`` holds chunks of another seed, model or population, or the cache
        phantoms of another seed, or fewer than are asked for.
    """
    _check(cascade, plan)
    out.mkdir(parents=True, exist_ok=True)
    _claim(out, plan, cascade, model, segmenter_sha256)
    started = time.monotonic()
    with ExitStack() as stack:
        folder = Path(
            scratch or stack.enter_context(tempfile.TemporaryDirectory("-agreement"))
        )
        folder.mkdir(parents=True, exist_ok=True)
        pool = rendering_pool(workers)
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        spacing = cascade.grid.spacing_mm[0]
        rendered = Rendered(pool, folder, plan.seed, spacing, render_device)
        sampling, rendering = works(plan, Sampled(cascade, plan.seed), rendered)

        def late() -> bool:
            spent = (time.monotonic() - started) / 60
            return most_minutes is not None and spent >= most_minutes

        left = _work_off(cascade, out, sampling, rendering, late, log, workers)
    pack_chunks(out)
    log(f"{left} chunks left" if left else "everything is measured")
    return left == 0


def works(
    plan: Plan, sampled: Sampled, rendered: Rendered
) -> tuple[list[Work], list[Work]]:
    """What the device makes by itself, and what workers render, in order of need."""
    sizes = plan.sizes
    n = max(sizes.generated, sizes.population, sizes.fresh)
    people = (
        people_of_cohort(plan.cohort, n) if plan.cohort else drawn_people(plan.seed, n)
    )

    def chunked(every: Sequence[Member]) -> list[list[Member]]:
        step = plan.batch
        chunks = [list(every[i : i + step]) for i in range(0, len(every), step)]
        return plan.shard.of(chunks)

    def of(name: SetName, size: int) -> list[list[Member]]:
        return chunked(members(name, people[:size]))

    sampling = [
        Work(sampled, of("generated", sizes.generated)),
        Work(sampled, chunked(alike("alike_generated", sizes.alike, CONDITIONS))),
    ]
    if plan.cache:
        cached = Cached(PhantomCache(plan.cache))
        known = [
            person_of(plan.cache.seed, i)
            for i in range(
                min(plan.cache.subjects, max(sizes.training, sizes.population))
            )
        ]
        training = members("training", known[: sizes.training])
        sampling.append(Work(cached, chunked(training), organs=False))
        if plan.population_from_cache:
            population = members("population", known[: sizes.population])
            sampling.append(Work(cached, chunked(population)))
    rendering = [
        Work(rendered, of("fresh", sizes.fresh)),
        Work(rendered, chunked(alike("alike_phantom", sizes.alike, CONDITIONS))),
    ]
    if not plan.population_from_cache:
        rendering.append(Work(rendered, of("population", sizes.population)))
    return sampling, rendering


def _work_off(
    cascade: Cascade,
    out: Path,
    sampling: list[Work],
    rendering: list[Work],
    late: Callable[[], bool],
    log: Log,
    workers: int,
) -> int:
    """Sample while workers render; returns how many chunks are left."""

    def open_chunks(works: list[Work]) -> deque[tuple[Work, list[Member]]]:
        every = [(work, chunk) for work in works for chunk in work.chunks]
        return deque(job for job in every if not chunk_path(out, job[1]).exists())

    own, theirs = open_chunks(sampling), open_chunks(rendering)
    begun = time.monotonic()
    while (own or theirs) and not late():
        size = len(theirs[0][1]) if theirs else 1
        ahead = max(_CHUNKS_AHEAD, -(-2 * workers // size))
        for work, chunk in list(theirs)[:ahead]:
            work.source.prepare(chunk)
        take_theirs = theirs and (not own or theirs[0][0].source.ready(theirs[0][1]))
        work, chunk = (theirs if take_theirs else own).popleft()
        volumes = work.source.volumes(chunk)
        subjects, organs = read_batch(cascade, volumes, chunk, organs=work.organs)
        write_chunk(chunk_path(out, chunk), subjects, organs)
        log(
            f"{time.monotonic() - begun:6.0f} s  {chunk[0].subject_id} "
            f"+{len(chunk)}; left {len(own)} sampled, {len(theirs)} rendered"
        )
    return len(own) + len(theirs)


def _check(cascade: Cascade, plan: Plan) -> None:
    need_segmenter(cascade)
    _check_cache(plan)
    spacing = cascade.grid.spacing_mm[0]
    if plan.cache and plan.cache.spacing_mm != spacing:
        raise ModelError(
            f"the cache holds {plan.cache.spacing_mm:g} mm phantoms, the model makes "
            f"{spacing:g} mm images; name a cache of the model's grid"
        )
    if plan.cache and plan.cache.folder.is_dir():
        check_folder(plan.cache)


def _check_cache(plan: Plan) -> None:
    """Whether the cache holds as many phantoms as are asked of it."""
    sizes = plan.sizes
    if plan.cache is None:
        if plan.population_from_cache or sizes.training:
            raise SpecError(
                "training phantoms are asked for, but no cache folder is named; add "
                "--cache FOLDER"
            )
        return
    asked = max(sizes.training, sizes.population if plan.population_from_cache else 0)
    there = len(list(plan.cache.folder.glob("*.encoded.npy")))
    if asked > min(plan.cache.subjects, there):
        raise SpecError(
            f"{plan.cache.folder}: {asked} training phantoms are asked for, but the "
            f"folder holds {there}, of which --cache-subjects says "
            f"{plan.cache.subjects} were trained on; ask for fewer"
        )


def _claim(
    out: Path, plan: Plan, cascade: Cascade, model: str, segmenter_sha256: str | None
) -> None:
    """Write down what is compared; a folder holds one comparison only."""
    sizes = plan.sizes
    values: dict[str, Any] = {
        "model": model,
        "segmenter_sha256": segmenter_sha256,
        "seed": plan.seed,
        "cohort": str(plan.cohort) if plan.cohort else None,
        "population_from_cache": plan.population_from_cache,
        "spacing_mm": cascade.grid.spacing_mm[0],
        "precision": cascade.precision,
        "base_sampler": asdict(cascade.base_sampler),
        "superres_sampler": asdict(cascade.superres_sampler),
        "augmentation": cascade.augmentation,
        "conditions": "in turn",
    }
    path = out / PLAN_NAME
    if path.exists():
        before = json.loads(path.read_text())
        for name, value in values.items():
            if name in before and before[name] != value:
                raise SpecError(
                    f"{out} holds measurements with {name} = {before.get(name)!r}, not "
                    f"{value!r}; measure into a new folder"
                )
    values |= {"sizes": asdict(sizes), "batch": plan.batch}
    path.write_text(json.dumps(values, indent=1) + "\n")
