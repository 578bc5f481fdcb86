"""Three finished runs to a model folder: weights, hashes, card.

    python -m vct.training.publish --runs runs --configs vct/training/configs \
        --name whole-body-4mm --device-name "one H100" -o trained_models/whole-body-4mm
"""

import argparse
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vct.cascade import Cascade, StageSampler
from vct.cascade.stage import load_superres
from vct.grid import whole_body_grid
from vct.models import ModelCard, load_card
from vct.provenance import sha256_of_file
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
BASE_SAMPLER = StageSampler("heun", 18, 0.01, 80.0)
SUPERRES_SAMPLER = StageSampler("dpmpp2m", 6, 0.02, 15.0)
AUGMENTATION = 0.1


def publish(
    runs: Path,
    configs: Path,
    out: Path,
    *,
    name: str,
    device_name: str,
    device: str,
    notes: list[str],
) -> ModelCard:
    """Assemble a model folder and measure its segmenter on held-out phantoms.

    Parameters
    ----------
    runs
        Folder with the runs ``base``, ``superres`` and ``segmenter``.
    configs
        Folder with their configs, ``<stage>-*.yaml``.
    out
        Model folder to write.
    name
        Of the model.
    device_name
        What it was trained on, for the card.
    device
        Where to evaluate.
    notes
        What the runs' own records do not say, for the card.
    """
    settings = {
        stage: load_config(next(configs.glob(f"{stage}-*.yaml")), stage)
        for stage in STAGES
    }
    out.mkdir(parents=True, exist_ok=True)
    for stage in STAGES:
        weights = f"{stage}.safetensors"
        shutil.copyfile(runs / stage / weights, out / weights)
    card = _card(out, runs, settings, name=name, device_name=device_name)
    card["training"]["notes"] = notes
    _write(card, out)
    cascade = Cascade.load(load_card(out), device=device)
    cache = build_cache(settings["segmenter"].data, device=device, held_out_only=True)
    card["metrics"] = {
        "segmenter_on_held_out_phantoms": _accuracy(cascade, cache, False),
        "segmenter_on_held_out_phantoms_through_cascade": _accuracy(
            cascade, cache, True
        ),
        "held_out_phantoms": len(cache.held_out),
    }
    _write(card, out)
    return load_card(out)


def _card(
    out: Path,
    runs: Path,
    settings: dict[StageName, TrainingConfig],
    *,
    name: str,
    device_name: str,
) -> dict[str, Any]:
    grid = whole_body_grid(settings["superres"].data.spacing_mm)
    factor = load_superres(out / "superres.safetensors").architecture.factor
    return {
        "name": name,
        "version": "0.1.0",
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
        "files": {p.name: sha256_of_file(p) for p in sorted(out.glob("*.safetensors"))},
        "base": {"file": "base.safetensors", "sampler": asdict(BASE_SAMPLER)},
        "superres": {
            "file": "superres.safetensors",
            "sampler": asdict(SUPERRES_SAMPLER),
            "augmentation": AUGMENTATION,
            "tile": None,
        },
        "segmenter": {"file": "segmenter.safetensors"},
        "training": {
            "machine": device_name,
            **{stage: _training(runs / stage, settings[stage]) for stage in STAGES},
        },
    }


def _training(run: Path, config: TrainingConfig) -> dict[str, Any]:
    last = json.loads((run / "stats.jsonl").read_text().splitlines()[-1])
    keep = ("samples", "minutes", "loss", "loss_by_log_sigma")
    return {
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
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--configs", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--device-name", required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--note", action="append", default=[])
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    publish(
        args.runs,
        args.configs,
        args.out,
        name=args.name,
        device_name=args.device_name,
        device=args.device,
        notes=args.note,
    )


if __name__ == "__main__":
    main()
