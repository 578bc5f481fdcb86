"""``vct train``: one stage, from its config to its weights."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vct.training.config import StageName, load_config

if TYPE_CHECKING:
    from vct.training.loop import Log


def train(
    stage: StageName,
    config: Path,
    *,
    out: Path,
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
    device
        Where to render phantoms and train.
    resume
        Go on from the run's last checkpoint when there is one.
    max_minutes
        Stop by the wall clock, whatever the config says.

    Raises
    ------
    SpecError
        If the config is not a training of this stage.
    """
    settings = load_config(config, stage)

    import torch

    from vct.training.base import BaseTask
    from vct.training.cache import build_cache
    from vct.training.loop import Task, train_loop
    from vct.training.parallel import join, wait_for_all
    from vct.training.segmenter import SegmenterTask
    from vct.training.superres import SuperResolutionTask

    torch.manual_seed(settings.optimization.seed)
    torch.backends.cudnn.benchmark = True  # shapes never change within a run
    place = join(device)
    cache = build_cache(
        settings.data, device=place.device, share=(place.rank, place.world)
    )
    wait_for_all(place)
    log(f"{settings.data.subjects} phantoms in {settings.data.folder}")
    tasks: dict[str, Callable[..., Task]] = {
        "base": BaseTask,
        "superres": SuperResolutionTask,
        "segmenter": SegmenterTask,
    }
    task = tasks[stage](settings, cache, place.device)
    train_loop(
        task,
        settings,
        out,
        place=place,
        resume=resume,
        log=log,
        max_minutes=max_minutes,
    )
    return out / f"{stage}.safetensors"
