"""``vct train``: one stage, from its config to its weights."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from vct.errors import SpecError, VctError
from vct.training.config import PreparedData, StageName, TrainingConfig, load_config

if TYPE_CHECKING:
    from vct.training.loop import Task
    from vct.training.parallel import Place
    from vct.training.prepared import PreparedCache
    from vct.training.stats import Log


def train(
    stage: StageName,
    config: Path,
    *,
    out: Path,
    data: Path | None = None,
    device: str = "cpu",
    resume: bool = True,
    max_minutes: float | None = None,
    log: "Log" = print,
) -> Path:
    """Train one stage; returns the safetensors file of its averaged weights.

    Parameters
    ----------
    stage
        ``base``, ``superres`` or ``segmenter``.
    config
        Training YAML, see ``vct/training/configs``.
    out
        Folder of the run: log, checkpoints, sample pictures, weights.
    data
        Folder of the phantoms or of the prepared studies, instead of the config's.
    device
        Where to render phantoms and train.
    resume
        Go on from the run's last checkpoint when there is one.
    max_minutes
        Stop after so many minutes of this call, if the config does not sooner.

    Raises
    ------
    SpecError
        If the config is not a training of this stage, names weights that are not
        there, says no end, or if the run began with another config or on other
        patients.
    VctError
        If a folder cannot be read or written, the disk is full, or the loss is no
        number.
    TrainingStopped
        If SIGTERM or Ctrl-C came; the same call then goes on.
    """
    settings = load_config(config, stage, data=data)
    if stage == "segmenter":
        _ = settings.phantoms  # refused before anything is read
    _check_weights(settings)

    import torch

    from vct.training.disk import told_of_disk
    from vct.training.loop import train_loop
    from vct.training.parallel import join
    from vct.training.resuming import changes_since, refuse_other_people
    from vct.training.schedule import RunState, Schedule

    _ = Schedule(settings.optimization, max_minutes, RunState())  # has it an end?
    _check_writable(out)
    torch.manual_seed(settings.optimization.seed)
    torch.backends.cudnn.benchmark = True  # shapes never change within a run
    place = join(device)
    said: Log = log if place.rank == 0 else (lambda _: None)
    patients = _patients(settings, place)
    studies = patients.training_studies() if patients else None
    for change in changes_since(out, settings, place, studies) if resume else ():
        said(f"note: {change}")
    refuse_other_people(out, settings, studies)
    with told_of_disk(out):
        train_loop(
            _task(settings, patients, out, place, said),
            settings,
            out,
            place=place,
            resume=resume,
            log=said,
            max_minutes=max_minutes,
            studies=studies,
        )
    return out / f"{stage}.safetensors"


def _check_weights(settings: TrainingConfig) -> None:
    """Refuse weights that are not there, before hours of work for them."""
    used = {"initial_weights": settings.initial_weights}
    if settings.base_pass_share:
        used["base_weights"] = settings.base_weights
        used["superres_weights"] = settings.superres_weights
    for name, path in used.items():
        if path is not None and not path.is_file():
            raise SpecError(
                f"{name}: {path} is missing. Train that stage first, or name where its "
                "weights are; paths count from the folder where you type."
            )


def _check_writable(out: Path) -> None:
    """Refuse a folder that can hold no file, before hours of work for it."""
    path = out.absolute()
    there = next(place for place in (path, *path.parents) if place.exists())
    try:
        with TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise VctError(
            f"{out}: cannot be written ({error.strerror or error}). Name another "
            "folder with -o."
        ) from error


def _patients(settings: TrainingConfig, place: "Place") -> "PreparedCache | None":
    """Whom the config names, if patients; no image is read."""
    from vct.training.prepared import PreparedCache

    if not isinstance(settings.data, PreparedData):
        return None
    return PreparedCache(settings.data, device=place.device)


def _task(
    settings: TrainingConfig,
    patients: "PreparedCache | None",
    out: Path,
    place: "Place",
    log: "Log",
) -> "Task":
    """The stage with its data in hand."""
    from vct.training.base import BaseTask
    from vct.training.cache import build_cache
    from vct.training.disk import told_of_disk
    from vct.training.parallel import wait_for_all
    from vct.training.provenance import record_of, warnings_of, write_record
    from vct.training.segmenter import SegmenterTask
    from vct.training.superres import SuperResolutionTask

    tasks: dict[str, Callable[..., Task]] = {
        "base": BaseTask,
        "superres": SuperResolutionTask,
    }
    if patients is not None:
        record = record_of(patients)
        log(f"{record['training_studies']} studies in {patients.data.prepared}")
        for line in warnings_of(record):
            log(f"note: {line}")
        if place.rank == 0:
            write_record(record, out)
        return tasks[settings.stage](settings, patients, place.device)
    phantoms = settings.phantoms
    share = (place.rank, place.world)
    with told_of_disk(phantoms.folder):
        cache = build_cache(phantoms, device=place.device, share=share)
    wait_for_all(place)
    log(f"{len(phantoms.training)} phantoms in {phantoms.folder}")
    if settings.stage == "segmenter":
        return SegmenterTask(settings, cache, place.device)
    return tasks[settings.stage](settings, cache, place.device)
