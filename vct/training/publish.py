"""Finished runs to a model folder: weights, hashes, card.

    python -m vct.training.publish --superres superres-4mm --device-name "one H100" \
        -o trained_models/whole-body-4mm
    python -m vct.training.publish --superres superres-2mm --device-name "one H100" \
        --share trained_models/whole-body-4mm -o trained_models/whole-body-2mm
    python -m vct.training.publish --base h100-base --superres h100-superres \
        --device-name "one H100" --licence "AutoPET is CC BY 4.0; ..." \
        -o models/autopet-2mm

A run lies in a folder named as its config. ``--share`` leaves base stage and segmenter
in the model that has them already. Nobody has labeled the organs of prepared studies: a
model of patients takes the segmenter of another model, marked as unvalidated.
"""

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

from vct.cascade import Cascade
from vct.errors import ModelError
from vct.models import ModelCard, find_model, load_card
from vct.provenance import sha256_of_file
from vct.training.cache import build_cache
from vct.training.card import (
    UNVALIDATED,
    FinishedStage,
    card_of,
    training_of,
    write_card,
)
from vct.training.config import CONFIGS, PreparedData, StageName, load_config
from vct.training.evaluate import held_out_metrics

SEGMENTER_OF = "whole-body-4mm"
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
    share: Path | None = None,
    segmenter_of: str = SEGMENTER_OF,
    licence: str | None = None,
) -> ModelCard:
    """Assemble a model folder; measure a segmenter of ours on held-out phantoms.

    Parameters
    ----------
    runs
        Folder with one run a folder.
    names
        Run of each stage, which is also the name of its config.
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
    share
        Model folder beside ``out`` that holds the same base stage and segmenter.
    segmenter_of
        Model whose segmenter a model of patients takes.
    licence
        Sentence that a model of patients must have.

    Raises
    ------
    ModelError
        If a run is incomplete, or a model of patients has no licence.
    """
    out.mkdir(parents=True, exist_ok=True)

    def finished(stage: StageName) -> FinishedStage:
        return _finished(stage, runs, names[stage], configs, out, share)

    base, superres = finished("base"), finished("superres")
    said = {"machine": device_name, "notes": notes, "licence": licence}
    if any(isinstance(s.config.data, PreparedData) for s in (base, superres)):
        taken = _taken_segmenter(find_model(segmenter_of), out)
        if isinstance(superres.config.data, PreparedData):
            whole = superres.config.data.window_mm is None
            taken["validation"] += "" if whole else ELSEWHERE
        write_card(card_of(out, base, superres, taken, **said), out)  # type: ignore[arg-type]
        return load_card(out)
    segmenter = finished("segmenter")
    ours = {
        "file": segmenter.file,
        "spacing_mm": segmenter.config.phantoms.spacing_mm,
    }
    card = card_of(out, base, superres, ours, **said)  # type: ignore[arg-type]
    card["training"]["segmenter"] = training_of(segmenter)
    write_card(card, out)
    cascade = Cascade.load(load_card(out), device=device)
    cache = build_cache(superres.config.phantoms, device=device, held_out_only=True)
    card["metrics"] = held_out_metrics(cascade, cache)
    write_card(card, out)
    return load_card(out)


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
    if share is None or stage == "superres":
        shutil.copyfile(run / weights, out / weights)
        return FinishedStage(stage, config, run, weights)
    if sha256_of_file(share / weights) != sha256_of_file(run / weights):
        raise ModelError(
            f"{share / weights} is not what {run} trained; publish that model first"
        )
    return FinishedStage(stage, config, run, os.path.relpath(share / weights, out))


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
        "validation": UNVALIDATED,
    }


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description="Runs to a model folder.")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--configs", type=Path, default=CONFIGS)
    parser.add_argument("--base", default="base-8mm")
    parser.add_argument("--superres", required=True)
    parser.add_argument("--segmenter", default="segmenter-4mm")
    parser.add_argument("--segmenter-of", default=SEGMENTER_OF)
    parser.add_argument("--share", type=Path)
    parser.add_argument("--licence")
    parser.add_argument("--device-name", required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--note", action="append", default=[])
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    publish(
        args.runs,
        {
            "base": args.base,
            "superres": args.superres,
            "segmenter": args.segmenter,
        },
        args.out,
        configs=args.configs,
        device_name=args.device_name,
        device=args.device,
        notes=args.note,
        share=args.share,
        segmenter_of=args.segmenter_of,
        licence=args.licence,
    )


if __name__ == "__main__":
    main()
