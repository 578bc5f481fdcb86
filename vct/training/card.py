"""The card of a model: what its runs say of themselves, in one YAML."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vct.cascade import StageSampler
from vct.cascade.architecture import SuperResolutionArchitecture
from vct.cascade.stage import load_superres
from vct.errors import ModelError
from vct.grid import Grid, whole_body_grid
from vct.models import CARD_NAME, load_card
from vct.provenance import sha256_of_file
from vct.training.base import SIGMA_MAX
from vct.training.config import PhantomData, PreparedData, StageName, TrainingConfig
from vct.training.people import CONDITIONING_RANGES
from vct.training.provenance import RECORD, read_record, sentence_of

PHANTOMS = (
    "Digital phantoms: computer-drawn anatomy whose organ volumes and uptake follow "
    "measured people (hedyPET fits, published AutoPET means); no patient image was "
    "used."
)
UNVALIDATED = "unvalidated: trained on digital phantoms, never tried on patients"
TRAINED_ON_PHANTOMS = "Trained on digital phantoms, not on patients."
# Steps: docs/explanation/ablation.md, "Steps of each stage"
# Ends with the mean of what noise of level 0.2 leaves open: the fine stage sees its
# input under noise nearly as strong, and a young network adds blotches below.
BASE_SAMPLER = StageSampler("dpmpp2m", 16, 0.2, SIGMA_MAX)
# So does the fine stage: down to 0.02 it made a third too much CT noise of true coarse
# volumes (docs/benchmarks-history.md, "Why sampling ends at σ = 0.2"). Its steps by
# kind of network: docs/explanation/ablation.md, "Steps of each stage".
SUPERRES_SAMPLER = StageSampler("dpmpp2m", 4, 0.2, 15.0)
GATED_SUPERRES_SAMPLER = replace(SUPERRES_SAMPLER, steps=6)
# Over voxels of 8 mm it goes on: of the noise of 2 mm CT, which is weak in that
# residual's unit, an end at 0.2 leaves two thirds (docs/explanation/cascade.md, "What
# sampling leaves of noise at 2 mm").
FOURFOLD_SUPERRES_SAMPLER = replace(SUPERRES_SAMPLER, sigma_min=0.05)
AUGMENTATION = 0.1
_CURVE_POINTS = 13
_PHANTOM_PROTOCOL = {
    "injected_mbq_per_kg": [2.0, 6.0],
    "uptake_min": [50.0, 75.0],
    "scanner": "PET resolution 5-6 mm FWHM, 120 kV portal-venous CT",
    "contrast": "portal-venous",
}


@dataclass(frozen=True)
class FinishedStage:
    """One finished run: its config, its record, and its weights as the card names."""

    name: StageName
    config: TrainingConfig
    run: Path
    file: str

    @property
    def patients(self) -> dict[str, Any] | None:
        """Whom it was trained on, if on prepared studies."""
        prepared = isinstance(self.config.data, PreparedData)
        return read_record(self.run) if prepared else None

    @property
    def began_on_patients(self) -> bool:
        """Whether its initial weights are of a run, or of a model, on patients."""
        weights = self.config.initial_weights
        if weights is None:
            return False
        if not (weights.parent / CARD_NAME).is_file():
            return (weights.parent / RECORD).exists()
        training = load_card(weights.parent).training.get(self.name, {})
        return "training_studies" in training


def card_of(
    out: Path,
    base: FinishedStage,
    superres: FinishedStage,
    segmenter: dict[str, Any],
    *,
    version: str,
    machine: str,
    notes: list[str],
    licence: str | None,
) -> dict[str, Any]:
    """What ``card.yaml`` says, without metrics.

    Parameters
    ----------
    out
        The model's folder, with its weights; its name is the model's.
    segmenter
        The card's part of that name; its ``file`` lies in ``out`` or beside it.
    version
        The model's.
    machine
        What the stages were trained on.
    notes
        What the runs' own records do not say.
    licence
        Of a model of patients; one of phantoms is Apache-2.0.

    Raises
    ------
    ModelError
        If a model of patients has no licence, if the stages were trained on different
        fields, or if a run wrote no log.
    """
    _check_field(base, superres)
    fine = load_superres(out / superres.file)
    stages = [base, superres]
    people = base.patients or {}
    return {
        "name": out.name,
        "version": version,
        "summary": _summary(stages, fine.architecture.factor),
        "grid": {k: list(v) for k, v in asdict(_images_grid(superres)).items()},
        **provenance_of(stages, licence),
        "conditioning_ranges": people.get("conditioning_ranges")
        or {k: list(v) for k, v in CONDITIONING_RANGES.items()},
        "protocol": people.get("protocol", _PHANTOM_PROTOCOL),
        "files": {
            file: sha256_of_file(out / file)
            for file in (base.file, superres.file, segmenter["file"])
        },
        "base": {
            "file": base.file,
            "sampler": asdict(BASE_SAMPLER),
            **({"unknown": people["unknown"]} if people.get("unknown") else {}),
        },
        "superres": {
            "file": superres.file,
            "sampler": asdict(superres_sampler(fine.architecture)),
            "augmentation": AUGMENTATION,
            "tile": None,
        },
        "segmenter": segmenter,
        "training": {
            "machine": machine,
            **{stage.name: training_of(stage) for stage in stages},
            "notes": notes,
        },
    }


def superres_sampler(architecture: SuperResolutionArchitecture) -> StageSampler:
    """How a fine stage is sampled, by its kind.

    One whose tokens need a gate takes more steps; one that divides voxels by four goes
    down to less noise.
    """
    if architecture.gated:
        return GATED_SUPERRES_SAMPLER
    return FOURFOLD_SUPERRES_SAMPLER if architecture.factor == 4 else SUPERRES_SAMPLER


def _summary(stages: list[FinishedStage], factor: int) -> str:
    """What a list of models says of one; what it was trained on, if not on people."""
    spacing_mm = _images_grid(stages[-1]).spacing_mm[0]
    made = (
        f"Whole-body FDG PET and CT at {spacing_mm:g} mm from age, sex, height and "
        f"BMI; base stage at {spacing_mm * factor:g} mm."
    )
    of_phantoms = all(stage.patients is None for stage in stages)
    return f"{made} {TRAINED_ON_PHANTOMS}" if of_phantoms else made


def _images_grid(stage: FinishedStage) -> Grid:
    """Grid of the images that a stage was trained on."""
    patients, data = stage.patients, stage.config.data
    if patients is not None:
        return Grid(**{k: tuple(v) for k, v in patients["grid"].items()})
    assert isinstance(data, PhantomData)
    return whole_body_grid(data.spacing_mm)


def _check_field(base: FinishedStage, superres: FinishedStage) -> None:
    """Refuse stages of different fields: the card's place is the fine stage's."""
    coarse, fine = (_edges_mm(_images_grid(stage)) for stage in (base, superres))
    if np.allclose(coarse, fine, rtol=0, atol=0.01):
        return
    words = [
        ", ".join(
            f"{axis} {low:g} to {high:g}"
            for axis, (low, high) in zip(*named, strict=True)
        )
        for named in (("zyx", coarse), ("zyx", fine))
    ]
    raise ModelError(
        f"{base.run} was trained on the field {words[0]} mm, and {superres.run} on "
        f"{words[1]} mm. Publish stages of one field (data.window_mm)."
    )


def _edges_mm(grid: Grid) -> list[tuple[float, float]]:
    low = [o - d / 2 for o, d in zip(grid.origin_mm, grid.spacing_mm, strict=True)]
    return [(edge, edge + fov) for edge, fov in zip(low, grid.fov_mm, strict=True)]


def provenance_of(stages: list[FinishedStage], licence: str | None) -> dict[str, str]:
    """On whom the stages were trained, said once where it is the same; the licence.

    Raises
    ------
    ModelError
        If a model of patients has no licence, or a stage trained on phantoms began
        with weights of patients.
    """
    for stage in stages:
        if stage.patients is None and stage.began_on_patients:
            raise ModelError(
                f"{stage.run} was trained on phantoms, but began with "
                f"{stage.config.initial_weights}, which was trained on patients: its "
                "card cannot say that no patient image was used. Train it from other "
                "weights, or on patients."
            )
    records = [stage.patients for stage in stages]
    told = [sentence_of(r) if r is not None else PHANTOMS for r in records]
    if all(record is None for record in records):
        return {"trained_on": PHANTOMS, "licence": licence or "Apache-2.0"}
    if not licence:
        raise ModelError(
            "a model trained on patients needs --licence: one sentence that says under "
            "which licence their images are, and whether the model may be given away"
        )
    if len(set(told)) > 1:
        named = zip(stages, told, strict=True)
        told = [f"{stage.name} stage: {sentence}" for stage, sentence in named]
    sentences = [*dict.fromkeys(told), f"Licence: {licence.rstrip('.')}."]
    return {"trained_on": " ".join(sentences), "licence": licence}


def training_of(stage: FinishedStage) -> dict[str, Any]:
    """How a stage was trained, as the card tells it.

    Raises
    ------
    ModelError
        If the run's log holds no line.
    """
    config, patients = stage.config, stage.patients
    data: dict[str, Any]
    if patients is not None:
        keep = (
            "training_studies",
            "training_patients",
            "held_out_studies",
            "height_unknown",
            "weight_unknown",
            "subjects_per_slice",
            "min_subjects_per_slice",
            "written_slices",
        )
        data = {key: patients[key] for key in keep}
    else:
        data = {"phantoms": len(config.phantoms.training)}
    logged = _logged(stage)
    last = logged[-1]
    reached = ("samples", "minutes", "loss", "loss_by_log_sigma")
    return {
        "config": stage.run.name,
        **data,
        **_weights_used(config),
        **{key: last[key] for key in reached},
        "curve": learning_curve(logged),
        "architecture": config.architecture,
        "optimization": config.optimization.model_dump(exclude_none=True),
    }


def _weights_used(config: TrainingConfig) -> dict[str, str]:
    """Weights that a training began with or passed its images through.

    Named by file and folder alone: where that lies is nobody else's concern.
    """
    used = {"initial_weights": config.initial_weights}
    if config.base_pass_share:
        used["base_weights"] = config.base_weights
        used["superres_weights"] = config.superres_weights
    return {
        name: f"{path.absolute().parent.name}/{path.name}"
        for name, path in used.items()
        if path is not None
    }


def _logged(stage: FinishedStage) -> list[dict[str, Any]]:
    """Lines of the run's log."""
    path = stage.run / "stats.jsonl"
    lines = path.read_text().splitlines() if path.is_file() else []
    if not lines:
        raise ModelError(
            f"{path} holds no line, so that nothing tells what the run has learned: it "
            "made no step, or an earlier vct ended it before the first line. Train it "
            "longer, or begin it anew with --no-resume."
        )
    return [json.loads(line) for line in lines]


def learning_curve(logged: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Samples, minutes and loss of a run, at most 13 points that end with its last."""
    step = -(-len(logged) // _CURVE_POINTS)
    chosen = logged[::-1][::step][::-1]
    return {key: [at[key] for at in chosen] for key in ("samples", "minutes", "loss")}


def write_card(card: dict[str, Any], out: Path) -> None:
    """Write ``card.yaml``."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 88
    with (out / CARD_NAME).open("w") as stream:
        yaml.dump(_laid_out(json.loads(json.dumps(card))), stream)


def _laid_out(value: Any) -> Any:
    """The same, with lists of numbers on one line."""
    from ruamel.yaml.comments import CommentedSeq

    if isinstance(value, dict):
        return {key: _laid_out(held) for key, held in value.items()}
    if not isinstance(value, list):
        return value
    held = CommentedSeq(_laid_out(one) for one in value)
    if all(isinstance(one, int | float) for one in value):
        held.fa.set_flow_style()
    return held
