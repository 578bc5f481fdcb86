"""One subject to disk, in a writer process: complete and renamed, or not there."""

import shutil
import time
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vct.build.failures import WriterMemoryError
from vct.partial import partial_beside, partials_of
from vct.workers import worker_pool

if TYPE_CHECKING:
    from vct.dicom import StudyContext
    from vct.measured import Measured
    from vct.subjects import Subject
    from vct.volume import StoredImages


@dataclass(frozen=True)
class WriteTask:
    """Everything a writer needs; crosses the border between processes."""

    out: Path
    subject: "Subject"
    images: "StoredImages"
    measured: "Measured"
    study: "StudyContext"
    preview: bool


def write_one(task: WriteTask) -> float:
    """Write DICOM, record and preview of one subject beside their place, then rename.

    Of two builds that write one subject, the first keeps its place.

    Returns
    -------
    float
        Seconds it took.

    Raises
    ------
    OSError
        If the disk is full or not writable; nothing is left behind.
    WriterMemoryError
        If memory is too little; likewise.
    """
    from vct.dicom import write_subject
    from vct.manifest import write_subject_record

    begin = time.perf_counter()
    name = task.subject.subject_id
    place = task.out / "dicom" / name
    partial = partial_beside(place)
    try:
        partial.mkdir()
        series, instances = write_subject(
            task.images, task.subject, task.study, partial
        )
        write_subject_record(
            partial,
            subject_id=name,
            series=series,
            instances=instances,
            measured=task.measured,
            pet_clipped_voxels=task.images.pet_clipped_voxels,
        )
        if task.preview:
            _write_preview(task, partial)
        partial.rename(place)
    except MemoryError as error:
        raise WriterMemoryError(str(error)) from error
    except OSError:
        if not place.is_dir():
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for left in place.parent.glob(partials_of(place)):  # by a build that was killed
        shutil.rmtree(left, ignore_errors=True)
    return time.perf_counter() - begin


def _write_preview(task: WriteTask, folder: Path) -> None:
    from vct.report import write_preview

    drawn = folder / "preview.png"
    write_preview(task.images, task.subject, drawn)
    drawn.replace(task.out / "previews" / f"{task.subject.subject_id}.png")


def writer_pool(workers: int) -> Executor:
    """Pool of writer processes; with 0 workers, this process writes by itself.

    The processes import ahead of their first task.
    """
    if workers == 0:
        return _Here()
    pool = worker_pool(workers)
    for _ in range(workers):
        pool.submit(_warm)
    return pool


def _warm() -> None:
    """Import what writing needs while the first subject is being generated."""
    import vct.dicom.write
    import vct.manifest
    import vct.report  # noqa: F401


class _Here(Executor):
    """An executor that runs each call at once, in this process."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
