"""Three finished runs to a model folder: weights, hashes, card.

    python -m vct.training.publish --superres superres-4mm --device-name "one H100" \
        -o trained_models/whole-body-4mm
    python -m vct.training.publish --superres superres-2mm --device-name "one H100" \
        --share trained_models/whole-body-4mm -o trained_models/whole-body-2mm

A run lies in a folder named as its config. ``--share`` leaves base stage and segmenter
in the model that has them already.
"""

import argparse
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vct.cascade import Cascade, StageSampler
from vct.cascade.stage import load_superres
from vct.errors import ModelError
from vct.grid import whole_body_grid
from vct.models import ModelCard, load_card
from vct.provenance import sha256_of_file
from vct.training.base import SIGMA_MAX
from vct.training.cache import build_cache
from vct.training.config import StageName, TrainingConfig, load_config
from vct.training.evaluate import segmenter_accuracy
from vct.training.people import CONDITIONING_RANGES

STAGES: tuple[StageName, ...] = ("base", "superres", "segmenter")
TRAINED_ON = (
    "Digital phantoms: computer-drawn anatomy whose organ volumes and uptake follow "
    "measured people (hedyPET fits, published AutoPET means); no patient image was "
    "used."
)
VERSION = "0.2.0"
BASE_SAMPLER = StageSampler("heun", 18, 0.01, SIGMA_MAX)
SUPERRES_SAMPLER = StageSampler("dpmpp2m", 6, 0.02, 15.0)
AUGMENTATION = 0.1


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
) -> ModelCard:
    """Assemble a model folder and measure its segmenter on held-out phantoms.

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
    """
    out.mkdir(parents=True, exist_ok=True)
    stages = [_stage(s, runs, names[s], configs, out, share) for s in STAGES]
    card = _card(out, stages, device_name=device_name)
    card["training"]["notes"] = notes
    _write(card, out)
    cascade = Cascade.load(load_card(out), device=device)
    data = {s.name: s.config.data for s in stages}["superres"]
    cache = build_cache(data, device=device, held_out_only=True)
    card["metrics"] = {
        "segmenter_on_held_out_phantoms": _accuracy(cascade, cache, False),
        "segmenter_on_held_out_phantoms_through_cascade": _accuracy(
            cascade, cache, True
        ),
        "held_out_phantoms": len(cache.held_out),
    }
    _write(card, out)
    return load_card(out)


@dataclass(frozen=True)
class _Stage:
    """One finished run: its config, its record, and its weights as the card names."""

    name: StageName
    config: TrainingConfig
    run: Path
    file: str


def _stage(
    stage: StageName,
    runs: Path,
    name: str,
    configs: Path,
    out: Path,
    share: Path | None,
) -> _Stage:
    weights = f"{stage}.safetensors"
    run = runs / name
    config = load_config(configs / f"{name}.yaml", stage)
    if share is None or stage == "superres":
        shutil.copyfile(run / weights, out / weights)
        return _Stage(stage, config, run, weights)
    if sha256_of_file(share / weights) != sha256_of_file(run / weights):
        raise ModelError(
            f"{share / weights} is not what {run} trained; publish that model first"
        )
    return _Stage(stage, config, run, os.path.relpath(share / weights, out))


def _card(out: Path, stages: list[_Stage], *, device_name: str) -> dict[str, Any]:
    base, superres, segmenter = stages
    grid = whole_body_grid(superres.config.data.spacing_mm)
    factor = load_superres(out / superres.file).architecture.factor
    return {
        "name": out.name,
        "version": VERSION,
        "summary": (
            f"Whole-body FDG PET and CT at {grid.spacing_mm[0]:g} mm from age, sex, "
            f"height and BMI; base stage at {grid.spacing_mm[0] * factor:g} mm."
        ),
        "trained_on": TRAINED_ON,
        "licence": "Apache-2.0",
        "grid": {
            "shape": list(grid.shape),
            "spacing_mm": list(grid.spacing_mm),
            "origin_mm": list(grid.origin_mm),
        },
        "conditioning_ranges": {k: list(v) for k, v in CONDITIONING_RANGES.items()},
        "protocol": {
            "injected_mbq_per_kg": [2.0, 6.0],
            "uptake_min": [50.0, 75.0],
            "scanner": "PET resolution 5-6 mm FWHM, 120 kV portal-venous CT",
        },
        "files": {s.file: sha256_of_file(out / s.file) for s in stages},
        "base": {"file": base.file, "sampler": asdict(BASE_SAMPLER)},
        "superres": {
            "file": superres.file,
            "sampler": asdict(SUPERRES_SAMPLER),
            "augmentation": AUGMENTATION,
            "tile": None,
        },
        "segmenter": {
            "file": segmenter.file,
            "spacing_mm": segmenter.config.data.spacing_mm,
        },
        "training": {
            "machine": device_name,
            **{stage.name: _training(stage) for stage in stages},
        },
    }


def _training(stage: _Stage) -> dict[str, Any]:
    config = stage.config
    last = json.loads((stage.run / "stats.jsonl").read_text().splitlines()[-1])
    keep = ("samples", "minutes", "loss", "loss_by_log_sigma")
    return {
        "config": stage.run.name,
        "phantoms": config.data.subjects,
        **{key: last[key] for key in keep},
        "architecture": config.architecture,
        "optimization": config.optimization.model_dump(exclude_none=True),
    }


def _accuracy(cascade: Cascade, cache: Any, through: bool) -> dict[str, Any]:
    table = segmenter_accuracy(cascade, cache, through_cascade=through)
    return {
        organ: {key: round(value, 4) for key, value in asdict(row).items()}
        for organ, row in table.items()
    }


def _write(card: dict[str, Any], out: Path) -> None:
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 88
    with (out / "card.yaml").open("w") as stream:
        yaml.dump(json.loads(json.dumps(card)), stream)


def main() -> None:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description="Runs to a model folder.")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--configs", type=Path, default=Path("vct/training/configs"))
    parser.add_argument("--base", default="base-8mm")
    parser.add_argument("--superres", required=True)
    parser.add_argument("--segmenter", default="segmenter-4mm")
    parser.add_argument("--share", type=Path)
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
    )


if __name__ == "__main__":
    main()
