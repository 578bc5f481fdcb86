"""Whether a run may go on from a folder's checkpoint: only as what it began as."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from vct.cascade.architecture import BaseArchitecture, SuperResolutionArchitecture
from vct.errors import SpecError
from vct.segment.network import SegmenterArchitecture
from vct.training.config import (
    CHANGEABLE,
    PreparedData,
    StageName,
    TrainingConfig,
    told_apart,
    unread,
)
from vct.training.parallel import Place
from vct.training.provenance import RECORD

CHECKPOINT = "checkpoint.pt"
SAMPLES, STUDIES = "samples of a step", "studies"
Studies = Mapping[str, str]  # names and digests, see ``PreparedCache.training_studies``
_ARCHITECTURES: dict[StageName, type] = {
    "base": BaseArchitecture,
    "superres": SuperResolutionArchitecture,
    "segmenter": SegmenterArchitecture,
}


def samples_a_step(config: TrainingConfig, place: Place) -> int:
    """Samples of one step of the optimizer, over all processes."""
    how = config.optimization
    return how.batch_size * how.accumulate * place.world


def begun_as(
    config: TrainingConfig, place: Place, studies: Studies | None = None
) -> dict[str, Any]:
    """What a checkpoint says of the run it belongs to; ``studies`` if of patients."""
    told = {**told_apart(config), SAMPLES: samples_a_step(config, place)}
    return told if studies is None else {**told, STUDIES: dict(studies)}


def changes_since(
    out: Path, config: TrainingConfig, place: Place, studies: Studies | None = None
) -> list[str]:
    """What has changed, of what may, since the folder's checkpoint; in words.

    Weights are not read. What a checkpoint does not name had its default.
    ``refuse_other_people`` compares the studies.

    Raises
    ------
    SpecError
        If the checkpoint is of another config, or of an earlier version of vct.
    """
    path = out / CHECKPOINT
    saved = _saved(out)
    if not saved:
        return []
    if "optimizers" not in saved:
        raise SpecError(
            f"{path} is of an earlier version of vct, whose optimizer's state this one "
            "cannot read. Finish it there, or name another folder."
        )
    if "config" not in saved:
        return []
    other = differences(saved["config"], config, begun_as(config, place))
    refused = [words for name, words in other.items() if name not in CHANGEABLE]
    if refused:
        raise SpecError(
            f"{path} was trained with another config: {'; '.join(refused)}. Go on with "
            "the same, or name another folder."
        )
    told = list(other.values())
    if isinstance(config.data, PreparedData) and STUDIES not in saved["config"]:
        told.append(
            f"{path} is of an earlier version of vct and does not tell which studies "
            f"it was trained on: {config.data.prepared} must hold what it held then"
        )
    return told


def differences(
    before: Mapping[str, Any], config: TrainingConfig, now: Mapping[str, Any]
) -> dict[str, str]:
    """Where two runs on the data of ``config`` differ, by name, in words.

    ``before`` and ``now`` are of ``begun_as``; what one leaves out had its default.
    Studies are not compared, nor what an earlier vct accepted and did not read.
    """
    kept = {STUDIES, *unread(config.stage)}
    defaults = _defaults(config)
    before, now = {**defaults, **before}, {**defaults, **now}
    return {
        name: f"{name} was {before.get(name)}, now {now.get(name)}"
        for name in dict.fromkeys([*before, *now])
        if name not in kept and before.get(name) != now.get(name)
    }


def refuse_other_people(
    out: Path, config: TrainingConfig, studies: Studies | None
) -> None:
    """Refuse a folder whose run learned from other people, resumed or begun anew.

    Its weights stay there until new ones take their place, and ``data.json`` says of
    both whom they learned from.

    Raises
    ------
    SpecError
        If the folder's run is of patients and ``studies`` are none or not the same.
    """
    if studies is None:
        if (out / RECORD).exists():
            raise SpecError(
                f"{out / RECORD} says that this folder is of a run on patients, and "
                "the config names phantoms. Name another folder with -o."
            )
        return
    assert isinstance(config.data, PreparedData)
    before = remembered(out).get(STUDIES, studies)
    if before != studies:
        raise SpecError(
            f"{out / CHECKPOINT} was trained on other studies than "
            f"{config.data.prepared} now holds for training: "
            f"{'; '.join(_apart(before, studies))}. Who was held out may be among "
            "them. Train on the studies it began with, or name another folder with -o."
        )


def remembered(run: Path) -> dict[str, Any]:
    """``begun_as`` of a run by its checkpoint; empty if none is there, or tells it."""
    told: dict[str, Any] = _saved(run).get("config", {})
    return told


def _apart(before: Studies, now: Studies) -> list[str]:
    both = before.keys() & now.keys()
    other = {name for name in both if before[name] != now[name]}
    kinds = {
        "new": now.keys() - before.keys(),
        "gone": before.keys() - now.keys(),
        "of another patient, age, sex, height, weight or voxel size": other,
    }
    return [f"{_some(names)} {what}" for what, names in kinds.items() if names]


def _some(names: Collection[str]) -> str:
    """How many, and the first three.

    Examples
    --------
    >>> _some({"a"}), _some({"a", "b", "c", "d"})
    ('a is', '4 (a, b, c, ...) are')
    """
    first = sorted(names)
    if len(first) == 1:
        return f"{first[0]} is"
    more = ", ..." if len(first) > 3 else ""
    return f"{len(first)} ({', '.join(first[:3])}{more}) are"


def _saved(out: Path) -> dict[str, Any]:
    """The folder's checkpoint, its weights unread; empty if there is none."""
    path = out / CHECKPOINT
    if not path.exists():
        return {}
    saved: dict[str, Any] = torch.load(
        path, map_location="cpu", mmap=True, weights_only=True
    )
    return saved


def _defaults(config: TrainingConfig) -> dict[str, Any]:
    """Of everything that tells runs on these data apart."""
    plain = TrainingConfig(stage=config.stage, data=config.data)
    known = fields(_ARCHITECTURES[config.stage])
    architecture = {f"architecture.{field.name}": field.default for field in known}
    return told_apart(plain) | {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in architecture.items()
    }
