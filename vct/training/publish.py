"""Finished runs to a model folder: weights, hashes, card.

    python -m vct.training.publish --superres superres-4mm --device-name "one H100" \
        --version 0.9.0 -o trained_models/whole-body-4mm
    python -m vct.training.publish --superres superres-2mm --device-name "one H100" \
        --version 0.9.0 --share trained_models/whole-body-4mm \
        -o trained_models/whole-body-2mm
    python -m vct.training.publish --base h100-base --superres h100-superres \
        --device-name "one H100" --licence "AutoPET is CC BY 4.0; ..." \
        -o models/autopet-2mm

A run lies in a folder named as its config. ``--share`` leaves base stage and segmenter
in the model that has them already. Nobody has labeled the organs of prepared studies: a
model of patients takes the segmenter of another model, or with ``--segmenter`` one that
was trained on phantoms of its own spacing. Either is marked as unvalidated.
"""

import argparse
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vct.autopet.prepared import CALIBRATION
from vct.cascade import Cascade
from vct.cascade.architecture import BaseArchitecture
from vct.cascade.checkpoint import read_architecture
from vct.cascade.instrument import whole_factor
from vct.errors import ModelError
from vct.grid import Grid
from vct.models import CARD_NAME, ModelCard, find_model, load_card
from vct.provenance import sha256_of_file
from vct.segment.network import SegmenterArchitecture
from vct.training.cache import build_cache
from vct.training.card import (
    UNVALIDATED,
    FinishedStage,
    card_of,
    training_of,
    write_card,
)
from vct.training.command_line import told_in_one_line
from vct.training.config import (
    CONFIGS,
    PreparedData,
    StageName,
    TrainingConfig,
    load_config,
    told_apart,
)
from vct.training.evaluate import held_out_metrics
from vct.training.provenance import RECORD, read_record
from vct.training.resuming import CHECKPOINT, SAMPLES, STUDIES, differences, remembered

SEGMENTER, SEGMENTER_OF = "segmenter-4mm", "whole-body-4mm"
FIRST_VERSION = "0.1.0"
CALIBRATED_ON_HELD_OUT = (
    "The base stage's calibration was fitted on the held-out studies: agreement with "
    "them is no evidence from patients whom the model has not seen."
)
ELSEWHERE = "; it learned positions in the whole field, not in the model's window"


def publish(
    runs: Path,
    names: dict[StageName, str],
    out: Path,
    *,
    configs: Path,
    device_name: str,
    device: str,
    notes: list[str],
    version: str = FIRST_VERSION,
    share: Path | None = None,
    segmenter_of: str = SEGMENTER_OF,
    licence: str | None = None,
    told: Callable[[str], None] = print,
) -> ModelCard:
    """Assemble a model folder; measure a segmenter of ours on held-out phantoms.

    It is assembled beside its place: a model that is there stays whole until then.

    Parameters
    ----------
    runs
        Folder with one run a folder.
    names
        Run of each stage, which is also the name of its config. A model of patients
        may name none of the segmenter.
    out
        Model folder to write; its name is the model's.
    configs
        Folder with the configs.
    device_name
        What it was trained on, for the card.
    device
        Where to evaluate.
    notes
        What the runs' own records do not say, for the card.
    version
        Of the model, for the card: raise it when its weights change.
    share
        Model folder beside ``out`` that holds the same base stage and segmenter.
    segmenter_of
        Model whose segmenter a model of patients takes if ``names`` has none.
    licence
        Sentence that a model of patients must have.
    told
        Is told which stages are not calibrated.

    Raises
    ------
    ModelError
        If a run is incomplete or not of its config, a model of patients has no
        licence, or the parts do not fit one another.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    # As deep as ``out``: what is shared has the same relative path from both.
    with TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as beside:
        draft = Path(beside)

        def finished(stage: StageName) -> FinishedStage:
            name = names.get(stage, SEGMENTER)
            return _finished(stage, runs, name, configs, draft, share)

        base, superres = finished("base"), finished("superres")
        stages = [base, superres]
        patients = any(isinstance(s.config.data, PreparedData) for s in stages)
        if patients and "segmenter" not in names:
            segmenter = _taken_segmenter(find_model(segmenter_of), draft)
        else:
            stages.append(finished("segmenter"))
            segmenter = _own_segmenter(stages[-1])
        if patients:
            segmenter["validation"] = UNVALIDATED + _elsewhere(superres)
        card = card_of(
            draft,
            base,
            superres,
            segmenter,
            version=version,
            machine=device_name,
            notes=[*notes, *_calibrated_on_held_out(base, draft)],
            licence=licence,
        )
        card["name"] = out.name
        _check_spacing(card)
        card["training"] |= {stage.name: training_of(stage) for stage in stages}
        write_card(card, draft)
        cascade = Cascade.load(load_card(draft), device=device)
        if not patients:
            phantoms = superres.config.phantoms
            cache = build_cache(phantoms, device=device, held_out_only=True)
            card["metrics"] = held_out_metrics(cascade, cache)
            write_card(card, draft)
        uncalibrated = [stage for stage in stages if not _calibrated(stage, draft)]
        _put_in_place(draft, out)
    for stage in uncalibrated:
        told(_uncalibrated(stage))
    return load_card(out)


def _put_in_place(draft: Path, out: Path) -> None:
    """Move a whole model to where another may be, its card last."""
    out.mkdir(exist_ok=True)
    for path in sorted(draft.iterdir(), key=lambda path: path.name == CARD_NAME):
        path.replace(out / path.name)


_CALIBRATIONS = {
    "base": "tissues keep less of their spread between people",
    "segmenter": "the tables will hold no volume_error_ml, and no organ is uncertain",
}


def _calibrated(stage: FinishedStage, out: Path) -> bool:
    """Whether there is nothing to calibrate, or it was."""
    if stage.name == "base":
        return read_architecture(BaseArchitecture, out / stage.file).innovations
    if stage.name == "segmenter":
        found = read_architecture(SegmenterArchitecture, out / stage.file)
        return bool(found.error_per_doubt)
    return True


def _calibrated_on_held_out(base: FinishedStage, out: Path) -> list[str]:
    """What a model of patients must say of its calibration."""
    if base.patients is None or not _calibrated(base, out):
        return []
    apart = base.patients.get("calibrated_on") == CALIBRATION
    return [] if apart else [CALIBRATED_ON_HELD_OUT]


def _uncalibrated(stage: FinishedStage) -> str:
    weights = stage.run / f"{stage.name}.safetensors"
    return (
        f"note: {weights} is not calibrated: {_CALIBRATIONS[stage.name]}. Run 'python "
        f"-m vct.training.calibrate_{stage.name}' on it, and publish again."
    )


def _check_spacing(card: dict[str, Any]) -> None:
    """Refuse a segmenter whose voxels are not whole ones of the model."""
    values, segmenter = card["grid"], card["segmenter"]
    grid = Grid(**{key: tuple(value) for key, value in values.items()})
    try:
        whole_factor(segmenter["spacing_mm"], grid)
    except ModelError:
        reads, has = segmenter["spacing_mm"], grid.spacing_mm[0]
        raise ModelError(
            f"the segmenter of {segmenter.get('from', 'this model')} reads {reads:g} "
            f"mm, which is no whole multiple of the model's {has:g} mm. Train one on "
            f"phantoms ('vct train segmenter', data.spacing_mm: {has:g} in its config) "
            "and name its run with --segmenter, or name another model with "
            "--segmenter-of."
        ) from None


def _finished(
    stage: StageName,
    runs: Path,
    name: str,
    configs: Path,
    out: Path,
    share: Path | None,
) -> FinishedStage:
    weights = f"{stage}.safetensors"
    run = runs / name
    config = load_config(configs / f"{name}.yaml", stage)
    if not (run / weights).is_file():
        raise ModelError(
            f"{run / weights} is missing: train it with 'vct train {stage} --config "
            f"{name} -o {run}'"
        )
    _check_config(run, config, configs / f"{name}.yaml")
    _check_people(run, config)
    if share is None or stage == "superres":
        shutil.copyfile(run / weights, out / weights)
        return FinishedStage(stage, config, run, weights)
    if sha256_of_file(share / weights) != sha256_of_file(run / weights):
        raise ModelError(
            f"{share / weights} is not what {run} trained; publish that model first"
        )
    return FinishedStage(stage, config, run, os.path.relpath(share / weights, out))


def _check_config(run: Path, config: TrainingConfig, path: Path) -> None:
    """Refuse a run whose checkpoint is of another config than the card would tell."""
    before = remembered(run)
    unsaid = {SAMPLES: before.get(SAMPLES)}  # how many processes shared a step
    now = {**told_apart(config), **unsaid}
    other = differences(before, config, now) if before else {}
    if other:
        raise ModelError(
            f"{run / CHECKPOINT} was trained with another config than {path}: "
            f"{'; '.join(other.values())}. The card tells the config: write there what "
            "the run was trained with, or name the folder of its config with --configs."
        )


def _check_people(run: Path, config: TrainingConfig) -> None:
    """Refuse a run whose ``data.json`` is of others than it was trained on."""
    if not isinstance(config.data, PreparedData):
        if (run / RECORD).exists():
            raise ModelError(
                f"{run / RECORD} says that {run.name} was trained on patients, and its "
                "config names phantoms. Publish it with the config of its training."
            )
        return
    studies, record = remembered(run).get(STUDIES), read_record(run).get("studies")
    if None not in (studies, record) and studies != record:
        raise ModelError(
            f"{run / RECORD} names other studies than {run / CHECKPOINT} was trained "
            "on. Train them anew in a folder of its own."
        )


def _own_segmenter(stage: FinishedStage) -> dict[str, Any]:
    """A segmenter of ours, as the card names it."""
    return {"file": stage.file, "spacing_mm": stage.config.phantoms.spacing_mm}


def _elsewhere(superres: FinishedStage) -> str:
    data = superres.config.data
    windowed = isinstance(data, PreparedData) and data.window_mm is not None
    return ELSEWHERE if windowed else ""


def _taken_segmenter(model: ModelCard, out: Path) -> dict[str, Any]:
    """The segmenter of another model, copied, as the card names it."""
    shutil.copyfile(
        model.folder / model.segmenter["file"], out / "segmenter.safetensors"
    )
    spacing_mm = model.segmenter.get("spacing_mm", model.grid.spacing_mm[0])
    return {
        "file": "segmenter.safetensors",
        "spacing_mm": spacing_mm,
        "from": f"{model.name} {model.version}",
    }


@told_in_one_line
def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description="Runs to a model folder.")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--configs", type=Path, default=CONFIGS)
    parser.add_argument("--base", default="base-8mm")
    parser.add_argument("--superres", required=True)
    parser.add_argument(
        "--segmenter", help=f"of phantoms, by default {SEGMENTER}; of patients, none"
    )
    parser.add_argument("--segmenter-of", default=SEGMENTER_OF)
    parser.add_argument("--version", default=FIRST_VERSION, help="of this model")
    parser.add_argument("--share", type=Path)
    parser.add_argument("--licence")
    parser.add_argument("--device-name", required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--note", action="append", default=[])
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    names: dict[StageName, str] = {"base": args.base, "superres": args.superres}
    if args.segmenter:
        names["segmenter"] = args.segmenter
    publish(
        args.runs,
        names,
        args.out,
        configs=args.configs,
        device_name=args.device_name,
        device=args.device,
        notes=args.note,
        version=args.version,
        share=args.share,
        segmenter_of=args.segmenter_of,
        licence=args.licence,
    )


if __name__ == "__main__":
    main()
