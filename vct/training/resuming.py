"""Whether a run may go on from a folder's checkpoint: only as what it began as."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from vct.cascade.architecture import BaseArchitecture, SuperResolutionArchitecture
from vct.errors import SpecError
from vct.segment.network import SegmenterArchitecture
from vct.training.config import (
    CHANGEABLE,
    StageName,
    TrainingConfig,
    told_apart,
)
from vct.training.parallel import Place

CHECKPOINT = "checkpoint.pt"
_ARCHITECTURES: dict[StageName, type] = {
    "base": BaseArchitecture,
    "superres": SuperResolutionArchitecture,
    "segmenter": SegmenterArchitecture,
}


def samples_a_step(config: TrainingConfig, place: Place) -> int:
    """Samples of one step of the optimizer, over all processes."""
    how = config.optimization
    return how.batch_size * how.accumulate * place.world


def begun_as(config: TrainingConfig, place: Place) -> dict[str, Any]:
    """What a checkpoint says of the run it belongs to."""
    samples = samples_a_step(config, place)
    return {**told_apart(config), "samples of a step": samples}


def changes_since(out: Path, config: TrainingConfig, place: Place) -> list[str]:
    """What has changed, of what may, since the folder's checkpoint; in words.

    Weights are not read. What a checkpoint does not name had its default.

    Raises
    ------
    SpecError
        If the checkpoint is of another config, or of an earlier version of vct.
    """
    path = out / CHECKPOINT
    if not path.exists():
        return []
    saved = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    if "optimizers" not in saved:
        raise SpecError(
            f"{path} is of an earlier version of vct, whose optimizer's state this one "
            "cannot read. Finish it there, or name another folder."
        )
    if "config" not in saved:
        return []
    defaults = _defaults(config)
    before, now = defaults | saved["config"], defaults | begun_as(config, place)
    other = {
        name: f"{name} was {before.get(name)}, now {now.get(name)}"
        for name in dict.fromkeys([*before, *now])
        if before.get(name) != now.get(name)
    }
    refused = [words for name, words in other.items() if name not in CHANGEABLE]
    if refused:
        raise SpecError(
            f"{path} was trained with another config: {'; '.join(refused)}. Go on with "
            "the same, or name another folder."
        )
    return list(other.values())


def _defaults(config: TrainingConfig) -> dict[str, Any]:
    """Of everything that tells runs on these data apart."""
    plain = TrainingConfig(stage=config.stage, data=config.data)
    known = fields(_ARCHITECTURES[config.stage])
    architecture = {f"architecture.{field.name}": field.default for field in known}
    return told_apart(plain) | {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in architecture.items()
    }
