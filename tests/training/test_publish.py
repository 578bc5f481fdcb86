"""From prepared studies to a model that draws a subject, and says whom it learned from.

The road of the tiny presets, in seconds: what ``vct train`` and ``publish`` do at the
paper's scale, a ten thousandth of the size.
"""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.cascade.tiny import tiny_stages, write_tiny_model
from tests.training.prepared_folder import phantom, write_prepared
from vct.cascade import Cascade, StageSampler
from vct.cascade.architecture import SuperResolutionArchitecture
from vct.cascade.checkpoint import read_architecture, save_stage
from vct.cascade.encode import CT_RANGE_HU
from vct.cascade.stage import load_base
from vct.cli import app
from vct.errors import ModelError
from vct.manifest import Cohort
from vct.models import ModelCard, find_model
from vct.report.methods import statements
from vct.training.calibrate_base import with_innovations
from vct.training.card import (
    BASE_SAMPLER,
    PHANTOMS,
    FinishedStage,
    learning_curve,
    provenance_of,
    superres_sampler,
)
from vct.training.config import CONFIGS, StageName, load_config
from vct.training.provenance import read_record, write_record
from vct.training.publish import CALIBRATED_ON_HELD_OUT, publish
from vct.validation.evidence import learned_phantoms

CHANGES = Path(__file__).parents[2] / "CHANGELOG.md"
LICENCE = "AutoPET is CC BY 4.0; this model may be given away with its card"


@dataclass(frozen=True)
class Subject:
    subject_id: str
    age_years: float
    sex: str
    height_m: float
    bmi_kg_m2: float


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both tiny presets trained, one after the other, by the command line."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("road")
    data = write_prepared(
        folder / "autopet-16mm",
        images=phantom,
        covered=[(8, 72), (0, 64)],
        diagnosis=None,
        weight_kg=[70.0, None, 60.0, 90.0, 75.0, 80.0],
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in ("base", "superres"):
            name = f"tiny-{stage}"
            words = f"train {stage} --config {name} --data {data} -o runs/{name}"
            done = CliRunner().invoke(app, [*words.split(), "--device", "cpu"])
            assert done.exit_code == 0, done.output
    torch.set_num_threads(before)
    return folder / "runs"


@pytest.fixture(scope="module")
def model(runs: Path) -> ModelCard:
    write_tiny_model(runs.parent / "tiny")
    return published(runs, LICENCE)


def published(runs: Path, licence: str | None, **options: Any) -> ModelCard:
    names: dict[StageName, str] = {"base": "tiny-base", "superres": "tiny-superres"}
    if "segmenter" in options:
        names["segmenter"] = options.pop("segmenter")
    options.setdefault("segmenter_of", str(runs.parent / "tiny"))
    options.setdefault("configs", CONFIGS)
    return publish(
        runs,
        names,
        runs.parent / "patients-16mm",
        device_name="a laptop",
        device="cpu",
        notes=[],
        licence=licence,
        **options,
    )


@pytest.fixture
def other_runs(runs: Path, model: ModelCard, tmp_path: Path) -> Path:
    """A copy of the runs, to change."""
    shutil.copytree(runs, tmp_path / "runs")
    shutil.copytree(runs.parent / "tiny", tmp_path / "tiny")
    return tmp_path / "runs"


def test_the_model_draws_a_subject(model: ModelCard) -> None:
    find_model(model.folder).check_files()
    cascade = Cascade.load(model, precision="fp32")
    assert cascade.superres.architecture.coverage
    [made] = cascade.generate([Subject("S1", 60.0, "F", 1.65, 25.0)], seed=1)
    images = made.images
    assert images.ct_stored.shape == (72, 24, 32)
    hu = images.ct_stored.astype(float) + CT_RANGE_HU[0]
    # A body in air: neither nothing nor everything.
    assert 0.02 < np.mean(hu > -300) < 0.8
    assert {row["organ"] for row in made.measured.organs} >= {"liver"}


def test_the_card_says_whom_it_learned_from(model: ModelCard) -> None:
    assert model.trained_on == (
        "FDG PET/CT of patients: 4 studies of 2 patients from FDG-PET-CT-Lesions, "
        f"prepared at 16 mm; weight unknown in 1 of 4. Licence: {LICENCE}."
    )
    assert model.licence == LICENCE
    assert model.version == "0.1.0"  # not that of the bundled models
    assert "unvalidated" in model.segmenter["validation"]
    fine, coarse = model.training["superres"], model.training["base"]
    assert fine["subjects_per_slice"] == [[8, 2], [56, 4], [8, 2]]
    assert fine["written_slices"] == [0, 72]
    assert (coarse["config"], coarse["samples"]) == ("tiny-base", 200)
    assert fine["base_weights"] == "tiny-base/base.safetensors"
    assert "initial_weights" not in fine
    assert "studies" not in fine  # names of patients stay in the run's folder
    assert model.ranges["weight_kg"] == (60.0, 90.0)


@pytest.mark.parametrize("lines", [1, 2, 13, 14, 25, 400])
def test_a_curve_has_few_points_and_ends_where_the_run_did(lines: int) -> None:
    logged = [
        {"samples": 8 * n, "minutes": 0.5 * n, "loss": 1 / n, "rate": 1.0}
        for n in range(1, lines + 1)
    ]
    curve = learning_curve(logged)
    samples = curve["samples"]
    assert min(lines, 6) <= len(samples) <= 13
    assert samples[-1] == 8 * lines
    assert samples == sorted(set(samples))
    assert curve["loss"] == [8 / at for at in samples]
    assert curve["minutes"] == [at / 16 for at in samples]


@pytest.mark.parametrize("name", ["whole-body-4mm", "whole-body-2mm"])
def test_bundled_cards_hold_the_curve_of_every_stage(name: str) -> None:
    training = find_model(name).training
    for stage in ("base", "superres", "segmenter"):
        curve = training[stage]["curve"]
        for key in ("samples", "minutes", "loss"):
            assert curve[key][-1] == training[stage][key]


def test_bundled_models_have_the_newest_version_that_the_changes_tell_of() -> None:
    changes = CHANGES.read_text(encoding="utf-8")
    newest = re.findall(r"^\| (\d+\.\d+\.\d+) \|", changes, re.MULTILINE)[-1]
    for name in ("whole-body-4mm", "whole-body-2mm"):
        assert find_model(name).version == newest


@pytest.mark.parametrize("name", ["whole-body-4mm", "whole-body-2mm"])
def test_bundled_models_sample_as_publishing_says(name: str) -> None:
    card = find_model(name)
    assert StageSampler(**card.base["sampler"]) == BASE_SAMPLER
    fine = read_architecture(
        SuperResolutionArchitecture, card.folder / card.superres["file"]
    )
    sampler = StageSampler(**card.superres["sampler"])
    assert sampler == superres_sampler(fine)
    assert sampler.steps == (6 if fine.gated else 4)


def test_the_report_says_so_too(model: ModelCard, tmp_path: Path) -> None:
    """No word of phantoms, and published values are validation, not calibration."""
    run = {"model": model.model_dump(mode="json")}
    cohort = Cohort(tmp_path, "", run, *[pd.DataFrame()] * 4)
    lines = statements(cohort, None, calibrated=learned_phantoms(run), seen=True)
    assert any("4 studies of 2 patients from FDG-PET-CT-Lesions" in s for s in lines)
    assert any("marked seen are no evidence" in line for line in lines)
    assert not any("phantom" in line.lower() for line in lines)


def test_a_model_of_patients_and_phantoms_names_both(runs: Path) -> None:
    stages = [
        FinishedStage(
            stage, load_config(CONFIGS / f"{name}.yaml", stage), runs / name, ""
        )
        for stage, name in (("base", "tiny-base"), ("superres", "superres-4mm"))
    ]
    told = provenance_of(stages, LICENCE)["trained_on"]
    assert told.startswith("base stage: FDG PET/CT of patients: 4 studies of 2")
    assert "superres stage: Digital phantoms" in told
    assert learned_phantoms({"model": {"trained_on": told}})
    phantoms = provenance_of(stages[1:], None)
    assert phantoms == {"trained_on": PHANTOMS, "licence": "Apache-2.0"}


def test_a_model_of_patients_needs_a_licence(runs: Path, model: ModelCard) -> None:
    with pytest.raises(ModelError, match="trained on patients needs --licence"):
        published(runs, None)


def test_a_config_that_is_not_the_runs_is_refused(
    other_runs: Path, tmp_path: Path
) -> None:
    """The card would tell the YAML's architecture, noise and data."""
    configs = tmp_path / "configs"
    shutil.copytree(CONFIGS, configs)
    path = configs / "tiny-base.yaml"
    path.write_text("p_mean: 0.5\n" + path.read_text())
    words = (
        r"checkpoint\.pt was trained with another config than .*tiny-base\.yaml: "
        r"p_mean was 0\.0, now 0\.5\. The card tells"
    )
    with pytest.raises(ModelError, match=words):
        published(other_runs, LICENCE, configs=configs)
    (other_runs / "tiny-base" / "checkpoint.pt").unlink()
    published(other_runs, LICENCE, configs=configs)


def test_a_run_on_patients_is_not_published_as_one_on_phantoms(
    other_runs: Path, tmp_path: Path
) -> None:
    configs = tmp_path / "configs"
    shutil.copytree(CONFIGS, configs)
    path = configs / "tiny-base.yaml"
    text = path.read_text()
    phantoms = "{folder: phantoms, subjects: 4, spacing_mm: 16}"
    path.write_text(re.sub(r"data: \{.*\}", f"data: {phantoms}", text))
    with pytest.raises(ModelError, match="with another config"):
        published(other_runs, LICENCE, configs=configs)
    (other_runs / "tiny-base" / "checkpoint.pt").unlink()
    with pytest.raises(ModelError, match=r"data\.json says that tiny-base was trained"):
        published(other_runs, LICENCE, configs=configs)


def test_a_record_of_other_patients_is_refused(other_runs: Path) -> None:
    record = other_runs / "tiny-base" / "data.json"
    values = json.loads(record.read_text())
    del values["studies"]["study-1"]
    record.write_text(json.dumps(values))
    with pytest.raises(
        ModelError, match=r"data\.json names other studies than .*point"
    ):
        published(other_runs, LICENCE)


def test_phantoms_after_patients_are_no_stage_without_patients(
    runs: Path, model: ModelCard
) -> None:
    config = load_config(CONFIGS / "superres-4mm.yaml", "superres")

    def stage_from(weights: Path) -> FinishedStage:
        begun = config.model_copy(update={"initial_weights": weights})
        return FinishedStage("superres", begun, runs / "superres-4mm", "")

    for folder in (runs / "tiny-superres", model.folder):
        with pytest.raises(ModelError, match=r"began with .* was trained on patients"):
            provenance_of([stage_from(folder / "superres.safetensors")], None)
    bundled = find_model("whole-body-4mm").folder / "superres.safetensors"
    assert provenance_of([stage_from(bundled)], None)["trained_on"] == PHANTOMS


def test_a_run_that_is_not_there_is_named(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"tiny-base.*is missing: train it with 'vct"):
        published(tmp_path / "runs", LICENCE)


def test_a_base_stage_of_another_grid_is_refused(runs: Path, tmp_path: Path) -> None:
    config = tmp_path / "superres.yaml"
    text = (CONFIGS / "tiny-superres.yaml").read_text()
    config.write_text(
        text.replace("prepared: autopet-16mm", "prepared: 8mm").replace(
            "runs/tiny-base", str(runs / "tiny-base")
        )
    )
    data = write_prepared(
        tmp_path / "data", training=2, held_out=0, spacing_mm=8.0, covered=[(0, 144)]
    )
    words = f"train superres --config {config} --data {data} -o {tmp_path / 'run'}"
    done = CliRunner().invoke(app, [*words.split(), "--device", "cpu"])
    assert isinstance(done.exception, ModelError)
    assert "the base stage makes (36, 12, 16) voxels" in str(done.exception)


def test_a_segmenter_that_does_not_fit_is_refused_with_what_to_do(
    other_runs: Path,
) -> None:
    words = (
        r"segmenter of whole-body-4mm .* reads 4 mm, which is no whole multiple of the "
        r"model's 16 mm\. Train one on phantoms \('vct train segmenter', "
        r"data\.spacing_mm: 16 in its config\) and name its run with --segmenter"
    )
    with pytest.raises(ModelError, match=words):
        published(other_runs, LICENCE, segmenter_of="whole-body-4mm")
    assert not (other_runs.parent / "patients-16mm" / "card.yaml").exists()


def test_a_segmenter_of_phantoms_measures_a_model_of_patients(
    other_runs: Path,
) -> None:
    run = other_runs / "tiny-segmenter"
    save_stage(tiny_stages()[2], run / "segmenter.safetensors")
    log = {"samples": 20, "minutes": 0.1, "loss": 1.0, "loss_by_log_sigma": {}}
    (run / "stats.jsonl").write_text(json.dumps(log))
    card = published(other_runs, LICENCE, segmenter="tiny-segmenter", version="1.2.0")
    assert card.version == "1.2.0"
    assert card.segmenter["spacing_mm"] == 16.0
    assert "unvalidated" in card.segmenter["validation"]
    assert card.training["segmenter"]["phantoms"] == 16
    assert Cascade.load(card).segmenter is not None


def test_stages_of_different_fields_are_refused(other_runs: Path) -> None:
    """As many voxels, 160 mm lower: the weights alone do not tell."""
    record = other_runs / "tiny-base" / "data.json"
    values = json.loads(record.read_text())
    values["grid"]["origin_mm"][0] -= 160.0
    record.write_text(json.dumps(values))
    words = (
        r"tiny-base was trained on the field z -992 to 160, y -192 to 192, x -256 to "
        r"256 mm, and .*tiny-superres on z -832 to 320, .* mm\. Publish stages of one"
    )
    with pytest.raises(ModelError, match=words):
        published(other_runs, LICENCE)


def test_a_model_that_cannot_be_loaded_gets_no_card(
    other_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise ModelError("does not fit")

    monkeypatch.setattr(Cascade, "load", refused)
    with pytest.raises(ModelError, match="does not fit"):
        published(other_runs, LICENCE)
    assert not (other_runs.parent / "patients-16mm" / "card.yaml").exists()


def test_a_refused_publication_leaves_the_model_that_is_there(
    other_runs: Path,
) -> None:
    card = published(other_runs, LICENCE)
    weights = other_runs / "tiny-base" / "base.safetensors"
    save_stage(with_innovations(load_base(weights)), weights)
    with pytest.raises(ModelError, match="needs --licence"):
        published(other_runs, None)
    find_model(card.folder).check_files()
    there = {path.name for path in card.folder.parent.iterdir()}
    assert there == {"runs", "tiny", "patients-16mm"}
    assert published(other_runs, LICENCE).sha256 != card.sha256


def test_a_stage_without_its_calibration_is_named(other_runs: Path) -> None:
    said: list[str] = []
    card = published(other_runs, LICENCE, told=said.append)
    assert card.training["notes"] == []
    weights = other_runs / "tiny-base" / "base.safetensors"
    assert said == [
        f"note: {weights} is not calibrated: tissues keep less of their spread between "
        "people. Run 'python -m vct.training.calibrate_base' on it, and publish again."
    ]
    save_stage(with_innovations(load_base(weights)), weights)
    said.clear()
    card = published(other_runs, LICENCE, told=said.append)
    assert said == []
    assert card.training["notes"] == [CALIBRATED_ON_HELD_OUT]
    record = read_record(weights.parent)
    for aside, notes in (
        ("held_out", [CALIBRATED_ON_HELD_OUT]),
        ("calibration", []),
    ):
        write_record({**record, "calibrated_on": aside}, weights.parent)
        assert published(other_runs, LICENCE).training["notes"] == notes


def test_a_run_without_a_line_of_its_log_is_refused(
    other_runs: Path,
) -> None:
    log = other_runs / "tiny-superres" / "stats.jsonl"
    words = (
        r"tiny-superres/stats\.jsonl holds no line, .* made no step, or .*\. Train it"
    )
    log.write_text("")
    with pytest.raises(ModelError, match=words):
        published(other_runs, LICENCE)
    log.unlink()
    with pytest.raises(ModelError, match=words):
        published(other_runs, LICENCE)
