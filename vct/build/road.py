"""Spec → cohort folder, one subject at a time; killed and rerun, it goes on."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vct.build.before import check_folder, kept_subjects
from vct.build.failures import told_as_user_errors
from vct.build.finish import summarize, utc_now
from vct.build.folder import OnExisting, agree, claim, finished, read_identity
from vct.build.plan import Plan, plan_cohort
from vct.build.record import (
    cascade_identity,
    plan_identity,
    record_before,
    run_record,
)
from vct.build.study import study_context
from vct.build.who import agreed_subjects
from vct.build.writing import WriteTask, write_one, writer_pool
from vct.device import resolve_device
from vct.errors import VctError
from vct.manifest import append_event, shard_name, write_run
from vct.shard import Shard

if TYPE_CHECKING:
    from vct.cascade import Cascade, GeneratedSubject
    from vct.subjects import Subject
    from vct.validation import Finding

_CUDA_BATCH = 4

# Subjects being written: identifier and seconds of the stages before.
_Pending = dict[Future[float], tuple[str, dict[str, float]]]


@dataclass(frozen=True)
class BuiltSubject:
    """One subject on disk.

    Attributes
    ----------
    status
        ``written`` now, or ``kept`` from an earlier run.
    seconds
        By stage (base, superres, segmentation, dicom); empty when kept.
    """

    subject_id: str
    folder: Path
    status: Literal["written", "kept"]
    seconds: dict[str, float]


def build_cohort(
    spec_path: str | Path,
    out: str | Path,
    *,
    limit: int | None = None,
    only: Sequence[str] = (),
    shard: Shard | None = None,
    seed: int | None = None,
    device: str = "auto",
    workers: int = 1,
    batch_size: int | None = None,
    on_existing: OnExisting = "resume",
    extrapolate: bool = False,
    header_only_protocol: bool = False,
    now: Callable[[], datetime] = utc_now,
    notify: Callable[[str], None] = lambda _: None,
) -> "Build":
    """Build a cohort: an iterator with a length, one item per subject.

    Nothing is written before the first item is asked for. Run again, it goes on
    where it stopped.

    Parameters
    ----------
    spec_path, limit, only, shard, seed, extrapolate, header_only_protocol
        As in ``plan_cohort``.
    out
        Cohort folder.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
    workers
        Writer processes beside the sampler; 0 writes in this process. A script that
        uses them needs ``if __name__ == "__main__":``, as they are spawned.
    batch_size
        Subjects on the device at once; by default 1 on a CPU and 4 on a GPU.
    on_existing
        What to do with a cohort in ``out``: resume, fail or overwrite.
    now, notify
        Wall clock; and a listener for what the build is at, in a few words.

    Raises
    ------
    SpecError
        If the spec is no cohort.
    ModelError
        If the model is unknown or damaged, or was not made for these subjects.
    CohortError
        If ``out`` holds something else.
    VctError
        If the disk is full or not writable, or the device is not there.

    Examples
    --------
    ::

        for subject in vct.build_cohort("my.yaml", "out", workers=0):
            print(subject.subject_id, subject.folder)
    """
    plan = plan_cohort(
        spec_path,
        limit=limit,
        only=only,
        shard=shard,
        seed=seed,
        extrapolate=extrapolate,
        header_only_protocol=header_only_protocol,
    )
    check_options(out, shard, on_existing, workers=workers, batch_size=batch_size)
    options = {"device": device, "workers": workers, "on_existing": on_existing}
    return Build(plan, Path(out), batch_size, options, now=now, notify=notify)


def check_options(
    out: str | Path,
    shard: Shard | None,
    on_existing: OnExisting,
    *,
    workers: int,
    batch_size: int | None,
) -> None:
    """Refuse options that cannot be, or not together.

    Raises
    ------
    VctError
        Naming the option.
    """
    for name, value, least in (
        ("workers", workers, 0),
        ("batch_size", 1 if batch_size is None else batch_size, 1),
    ):
        if value < least:
            raise VctError(f"{name} must be at least {least}, got {value}")
    if shard and on_existing == "overwrite":
        raise VctError(
            f"--on-existing overwrite with --shard {shard}: every shard would remove "
            f"what the others have built. Remove {out} yourself or choose a new folder "
            "with -o, then start the shards without it."
        )


class Build:
    """A build under way; iterate it to run it.

    Attributes
    ----------
    plan, out
        What is built, and where.
    findings
        Verdicts on the cohort, once the iteration has ended; empty for a shard.
    generating_since
        ``time.monotonic()`` when the model was loaded; None before.
    generated
        Subjects generated since, those that wait to be written included.
    """

    def __init__(
        self,
        plan: Plan,
        out: Path,
        batch_size: int | None,
        options: dict[str, Any],
        *,
        now: Callable[[], datetime],
        notify: Callable[[str], None],
    ) -> None:
        plan.check_request()
        self.plan = plan
        self.out = out
        self.findings: list[Finding] = []
        self.generating_since: float | None = None
        self.generated = 0
        self._batch_size = batch_size
        self._options = options
        self._now = now
        self._notify = notify

    def __len__(self) -> int:
        return len(self.plan.selected)

    def __iter__(self) -> Iterator[BuiltSubject]:
        with told_as_user_errors(self.out, self._options["on_existing"]):
            yield from self._run()

    def _run(self) -> Iterator[BuiltSubject]:
        begin = time.perf_counter()
        how = self._options["on_existing"]
        check_folder(self.plan, self.out, how, self._batch_size)
        if len(kept_subjects(self.plan, self.out, how)) < len(self):
            # What fails here leaves no folder behind and takes none away.
            resolve_device(self._options["device"])
            self.plan.card.check_files()
        identity = plan_identity(self.plan, self._batch_size)
        claim(self.out, identity, self.plan.spec_bytes, how)
        subjects = agreed_subjects(self.out, self.plan.subjects)
        self.plan = replace(self.plan, subjects=subjects)
        kept = [s for s in self.plan.selected if finished(self.out, s)]
        there = set(kept)
        remaining = [s for s in self.plan.selected if s not in there]
        self.plan.check_space(self.out, len(remaining))
        self._event("build_started", kept=len(kept), remaining=len(remaining))

        for name in kept:
            yield BuiltSubject(name, self._folder(name), "kept", {})
        if remaining:
            yield from self._generate(remaining)
        self._close(time.perf_counter() - begin, anything_new=bool(remaining))

    def _generate(self, remaining: list[str]) -> Iterator[BuiltSubject]:
        """Generate and write what is not there yet; items come as they are finished."""
        self._notify("Loading the model")
        workers = self._options["workers"]
        pending: _Pending = {}
        with writer_pool(workers) as pool:
            try:
                cascade, batch_size = self._load()
                made_by = cascade_identity(cascade, batch_size)
                agree(self.out, made_by)
                self._notify("Generating")
                self.generating_since = time.monotonic()
                for result in self._results(cascade, batch_size, remaining):
                    self.generated += 1
                    future = pool.submit(write_one, self._task(result, made_by))
                    pending[future] = (result.subject.subject_id, result.seconds)
                    # At most one subject more than there are writers waits in memory.
                    yield from self._finished(pending, max(1, workers) + 1)
                yield from self._finished(pending, 0)
            except BaseException as error:
                pool.shutdown(wait=True, cancel_futures=True)
                with suppress(OSError):  # the full disk that stopped us, perhaps
                    self._stopped(error, pending)
                raise

    def _load(self) -> "tuple[Cascade, int]":
        """Model on its device, and subjects at once."""
        from vct.cascade import Cascade

        device = resolve_device(self._options["device"])
        batch_size = self._batch_size or (1 if device == "cpu" else _CUDA_BATCH)
        cascade = Cascade.load(self.plan.card, device=device, segmenter=True)
        return cascade, batch_size

    def _results(
        self, cascade: "Cascade", batch_size: int, names: list[str]
    ) -> "Iterator[GeneratedSubject[Subject]]":
        from vct.cascade import SamplerOptions

        sampler = self.plan.spec.model.sampler
        return cascade.generate(
            self.plan.people(names),
            seed=self.plan.spec.seed,
            batch_size=batch_size,
            sampler=SamplerOptions(
                sampler.base_steps, sampler.superres_steps, sampler.solver
            ),
        )

    def _finished(self, pending: _Pending, most: int) -> Iterator[BuiltSubject]:
        """Subjects whose files are there; waits while more than ``most`` are not."""
        while pending:
            timeout = 0 if len(pending) <= most else None
            done, _ = wait(pending, timeout, return_when=FIRST_COMPLETED)
            if not done:
                return
            for future in done:
                name, seconds = pending.pop(future)
                yield self._built(name, {**seconds, "dicom": future.result()})

    def _built(self, name: str, seconds: dict[str, float]) -> BuiltSubject:
        self._event("subject_finished", subject_id=name, seconds=seconds)
        return BuiltSubject(name, self._folder(name), "written", seconds)

    def _stopped(self, error: BaseException, pending: _Pending) -> None:
        """Record what was finished while we stopped, and why we did."""
        for future, (name, seconds) in pending.items():
            if not future.cancelled() and future.exception() is None:
                self._built(name, {**seconds, "dicom": future.result()})
        self._event("build_stopped", reason=type(error).__name__)

    def _close(self, seconds: float, *, anything_new: bool) -> None:
        """Run record, and unless this is a shard, tables, findings and report."""
        shard = self.plan.shard
        name = shard_name(shard.number, shard.count) if shard else "run.json"
        path = self.out / name
        done = self._done()
        # A build killed before this line has left a record of fewer, or none.
        if anything_new or record_before(path).get("n_subjects") != len(done):
            write_run(path, self._record(path, done))
        if shard is None:
            self._notify("Measuring and writing the report")
            self.findings = summarize(self.out, report=self.plan.spec.output.report)
        self._event("build_finished", seconds=seconds)

    def _done(self) -> list[str]:
        """Subjects that are finished: of the shard, or of the whole cohort."""
        every = self.plan.selected if self.plan.shard else self.plan.subjects.subject_id
        return [name for name in every if finished(self.out, name)]

    def _record(self, path: Path, done: list[str]) -> dict[str, Any]:
        return run_record(
            self.plan,
            read_identity(self.out),
            options=self._options,
            out=self.out,
            run_path=path,
            finished=self._now(),
            done=done,
        )

    def _task(
        self, result: "GeneratedSubject[Subject]", made_by: dict[str, Any]
    ) -> WriteTask:
        output = self.plan.spec.output
        images = result.images
        subject = result.subject
        return WriteTask(
            out=self.out,
            subject=subject,
            images=images if output.segmentation else replace(images, labels=None),
            measured=result.measured,
            study=study_context(self.plan, subject, made_by),
            preview=output.previews,
        )

    def _folder(self, subject_id: str) -> Path:
        return self.out / "dicom" / subject_id

    def _event(self, event: str, **fields: Any) -> None:
        if self.plan.shard:
            fields = {"shard": str(self.plan.shard), **fields}
        append_event(self.out, event, now=self._now(), **fields)
