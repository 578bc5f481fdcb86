"""A cascade small enough for tests: random weights on a 32 mm grid."""

import json
from pathlib import Path

import torch
from ruamel.yaml import YAML

from vct.cascade.architecture import BaseArchitecture, SuperResolutionArchitecture
from vct.cascade.cascade import Cascade, StageSampler
from vct.cascade.checkpoint import save_stage
from vct.cascade.stage import BaseStage, SuperResolutionStage
from vct.cascade.tile import TilePlan
from vct.grid import Grid, whole_body_grid
from vct.provenance import sha256_of_file
from vct.segment.network import Segmenter, SegmenterArchitecture

BASE = BaseArchitecture(
    shape=(36, 12, 16),
    patch=2,
    channels=(8, 16),
    blocks=(1, 1),
    template_factor=2,
    modes=3,
)
SUPERRES = SuperResolutionArchitecture(
    factor=2, patch=4, channels=(8, 16), blocks=(1, 1)
)
SEGMENTER = SegmenterArchitecture(patch=1, features=(8, 8, 8, 8, 8, 8))
GRID: Grid = whole_body_grid(16.0)


def tiny_stages() -> tuple[BaseStage, SuperResolutionStage, Segmenter]:
    """Stages with random weights; the template is a body-like block of water."""
    torch.manual_seed(0)
    base, superres = BaseStage(BASE), SuperResolutionStage(SUPERRES)
    segmenter = Segmenter(SEGMENTER)
    for stage in (base, superres, segmenter):
        for parameter in stage.parameters():
            torch.nn.init.normal_(parameter, std=0.05)
    base.template.coefficients[0, 0] = -1.0
    base.template.coefficients[0, 0, :, 1:5, 1:7] = 0.0
    base.template.coefficients[0, 1] = -0.9
    base.template.residual_sd.fill_(0.1)
    assert base.modes is not None
    base.modes.directions.normal_(std=1 / base.modes.directions[0].numel() ** 0.5)
    base.modes.sd.copy_(torch.tensor([6.0, 4.0, 2.0]))
    superres.residual_sd.fill_(0.05)
    return base, superres, segmenter


def tiny_cascade(plan: TilePlan | None = None) -> Cascade:
    """Tiny stages on the CPU in fp32."""
    base, superres, segmenter = tiny_stages()
    return Cascade(
        base,
        superres,
        segmenter,
        base_sampler=StageSampler(steps=3),
        superres_sampler=StageSampler(solver="dpmpp2m", steps=2, sigma_max=15.0),
        augmentation=0.1,
        plan=plan,
        grid=GRID,
        device=torch.device("cpu"),
        precision="fp32",
    )


def write_tiny_model(folder: Path) -> Path:
    """A model folder with card and weights, as ``vct.models.find_model`` reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    stages = zip(("base", "superres", "segmenter"), tiny_stages(), strict=True)
    for name, stage in stages:
        save_stage(stage, folder / f"{name}.safetensors")
    files = {p.name: sha256_of_file(p) for p in sorted(folder.glob("*.safetensors"))}
    card = {
        "name": "tiny",
        "version": "0",
        "summary": "Random weights for tests.",
        "trained_on": "Nothing: random weights for tests.",
        "licence": "Apache-2.0",
        "grid": {
            "shape": list(GRID.shape),
            "spacing_mm": list(GRID.spacing_mm),
            "origin_mm": list(GRID.origin_mm),
        },
        "conditioning_ranges": {
            "age_years": [18.0, 90.0],
            "height_m": [1.45, 2.0],
            "bmi_kg_m2": [17.0, 45.0],
            "weight_kg": [40.0, 150.0],
        },
        "protocol": {"injected_mbq_per_kg": [2.0, 6.0], "uptake_min": [50.0, 75.0]},
        "files": files,
        "base": {
            "file": "base.safetensors",
            "sampler": {"solver": "heun", "steps": 3},
        },
        "superres": {
            "file": "superres.safetensors",
            "sampler": {"solver": "dpmpp2m", "steps": 2, "sigma_max": 15.0},
            "augmentation": 0.1,
            "tile": None,
        },
        "segmenter": {"file": "segmenter.safetensors"},
    }
    with (folder / "card.yaml").open("w") as stream:
        YAML().dump(json.loads(json.dumps(card)), stream)
    return folder
