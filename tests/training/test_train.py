"""Training runs: every stage learns, bad configs are refused."""

import json
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML
from torch import Tensor

from vct.cascade.architecture import BaseArchitecture, SuperResolutionArchitecture
from vct.cascade.checkpoint import architecture_from
from vct.cascade.stage import BaseStage, SuperResolutionStage
from vct.errors import SpecError, VctError
from vct.grid import Grid, whole_body_grid
from vct.training import cache as cache_module
from vct.training import train
from vct.training.coarse import factor_to
from vct.training.config import (
    CONFIGS,
    PhantomData,
    PreparedData,
    StageName,
    find_config,
    load_config,
)
from vct.training.people import CONDITIONING_RANGES, Person, draw_person, inside

SPACING_MM = 16.0
COMMON = """
data: {{folder: {folder}, subjects: 4, held_out: 3, seed: 3, spacing_mm: 16.0}}
optimization:
  batch_size: 2
  max_samples: {samples}
  warmup_steps: 2
  precision: fp32
  ema_decay: 0.9
reporting: {{log_every_steps: 1, pictures_minutes: 1000, checkpoint_minutes: 1000}}
"""
ARCHITECTURES = {
    "base": "{shape: [36, 12, 16], patch: 2, channels: [8, 16], blocks: [1, 1]}",
    "superres": "{factor: 2, patch: 4, channels: [8, 16], blocks: [1, 1]}",
    "segmenter": "{patch: 1, features: [8, 8, 8, 8, 8, 8]}",
}


def draw_box(
    person: Person, seed: int, index: int, grid: Grid, device: str
) -> tuple[Tensor, Tensor]:
    """A stand-in for a phantom: a warm box in air, wider for heavier people."""
    rng = torch.Generator().manual_seed(index)
    encoded = torch.full((2, *grid.shape), -1.0)
    labels = torch.zeros(grid.shape, dtype=torch.uint8)
    half = int(4 + person.bmi_kg_m2 / 10)
    box = (slice(10, 60), slice(6, 18), slice(16 - half, 16 + half))
    encoded[0][box], encoded[1][box], labels[box] = 0.1, -0.5, 14
    encoded += 0.02 * torch.randn(encoded.shape, generator=rng)
    return encoded, labels


@pytest.fixture(autouse=True)
def _boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "render_subject", draw_box)


def config_file(folder: Path, stage: str, *, samples: int, extra: str = "") -> Path:
    path = folder / f"{stage}-{samples}.yaml"
    text = f"stage: {stage}\narchitecture: {ARCHITECTURES[stage]}\n{extra}"
    path.write_text(text + COMMON.format(folder=folder / "cache", samples=samples))
    return path


def losses(run: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (run / "stats.jsonl").open()]


def quiet(message: str) -> None:
    pass


def test_the_cascade_trains_stage_after_stage(tmp_path: Path) -> None:
    base = train(
        "base", config_file(tmp_path, "base", samples=40), out=tmp_path / "base",
        log=quiet,
    )  # fmt: skip
    # A network that knows nothing has loss 1.
    learned = losses(tmp_path / "base")[10:]
    assert sum(learned) / len(learned) < 0.9
    extra = f"patch_slices: 24\nbase_weights: {base}\nbase_pass_share: 0.5\n"
    fine = train(
        "superres", config_file(tmp_path, "superres", samples=12, extra=extra),
        out=tmp_path / "superres", log=quiet,
    )  # fmt: skip
    organs = train(
        "segmenter", config_file(tmp_path, "segmenter", samples=24),
        out=tmp_path / "segmenter", log=quiet,
    )  # fmt: skip
    assert base.is_file()
    assert fine.is_file()
    assert organs.is_file()
    early, late = losses(tmp_path / "segmenter")[:6], losses(tmp_path / "segmenter")[6:]
    assert sum(late) < sum(early)
    assert list((tmp_path / "base").glob("samples-*.png"))


def test_a_config_of_another_stage_is_refused(tmp_path: Path) -> None:
    path = config_file(tmp_path, "base", samples=4)
    with pytest.raises(SpecError, match="trains stage 'base', but 'superres'"):
        train("superres", path, out=tmp_path / "out")


def test_an_unknown_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "base.yaml"
    path.write_text(
        "stage: base\ndata: {folder: x, subjects: 2}\noptimization: {batchsize: 3}\n"
    )
    with pytest.raises(SpecError, match=r"optimization\.batchsize: Extra inputs"):
        train("base", path, out=tmp_path / "out")


def test_data_are_phantoms_or_prepared_studies(tmp_path: Path) -> None:
    path = tmp_path / "base.yaml"
    for data, message in (
        ("{seed: 3}", "data: name phantoms by 'folder' and 'subjects', or studies"),
        ("{prepared: x, subjects: 3}", r"data\.prepared\.subjects: Extra inputs"),
        ("{folder: x}", r"data\.phantoms\.subjects: Field required"),
    ):
        path.write_text(f"stage: base\ndata: {data}\n")
        with pytest.raises(SpecError, match=message):
            load_config(path, "base")


def test_data_may_lie_elsewhere_than_the_config_says(tmp_path: Path) -> None:
    config = load_config(find_config("h100-base"), "base", data=tmp_path)
    assert config.data == PreparedData(prepared=tmp_path)
    phantoms = load_config(find_config("base-8mm"), "base", data=tmp_path).phantoms
    assert (phantoms.folder, phantoms.subjects) == (tmp_path, 4000)


def test_a_stage_may_train_on_some_of_the_phantoms(tmp_path: Path) -> None:
    path = config_file(tmp_path, "base", samples=4)
    path.write_text(path.read_text().replace("subjects: 4", "subjects: 4, train_on: 3"))
    train("base", path, out=tmp_path / "run", log=quiet)
    rendered = sorted(p.name[:6] for p in tmp_path.rglob("*.encoded.npy"))
    assert rendered == [f"{n:06d}" for n in (0, 1, 2, 4, 5, 6)]
    path.write_text(path.read_text().replace("train_on: 3", "train_on: 5"))
    with pytest.raises(SpecError, match="train_on 5 is more than the 4 subjects"):
        load_config(path, "base")


def test_a_preset_is_found_by_its_name_and_a_typo_is_told(tmp_path: Path) -> None:
    assert find_config("paper-base") == CONFIGS / "paper-base.yaml"
    assert find_config(tmp_path / "mine.yaml") == tmp_path / "mine.yaml"
    with pytest.raises(SpecError, match=r"paper-bas: neither a file nor a preset; pre"):
        find_config("paper-bas")


def test_a_run_in_a_folder_named_as_its_preset_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "paper-base").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_config("paper-base") == CONFIGS / "paper-base.yaml"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda p: p.stem)
def test_the_networks_of_a_preset_fit_its_grid(path: Path) -> None:
    stage = YAML(typ="safe").load(path.read_text())["stage"]
    config = load_config(path, stage)
    if stage == "segmenter":
        return
    data = config.data
    spacing_mm = data.spacing_mm if isinstance(data, PhantomData) else 2.0
    if path.stem.startswith("tiny"):
        spacing_mm = 16.0
    grid = whole_body_grid(spacing_mm)
    if isinstance(data, PreparedData) and data.window_mm:
        grid = grid.within(grid.window(data.window_mm))
    with torch.device("meta"):
        if stage == "base":
            base = BaseStage(architecture_from(BaseArchitecture, config.architecture))
            assert factor_to(base.architecture.shape, grid) >= 1
            tokens = [n // base.architecture.patch for n in base.architecture.shape]
            stride = base.network.stride
        else:
            fine = SuperResolutionStage(
                architecture_from(SuperResolutionArchitecture, config.architecture)
            )
            tokens = [n // fine.architecture.patch for n in grid.shape]
            stride = fine.network.stride
            assert config.patch_slices % (fine.architecture.patch * stride) == 0
    assert all(n % stride == 0 for n in tokens)


def test_muon_is_not_for_the_segmenter(tmp_path: Path) -> None:
    path = config_file(tmp_path, "segmenter", samples=4)
    path.write_text(
        path.read_text().replace("  batch_size", "  optimizer: muon\n  batch_size")
    )
    with pytest.raises(SpecError, match="train the segmenter with adamw"):
        load_config(path, "segmenter")


@pytest.mark.parametrize(
    ("stage", "key", "words"),
    [
        ("base", "patch_slices: 24", "patch_slices is read by superres alone; the ba"),
        ("base", "base_pass_share: 0.5", "read by superres and segmenter alone"),
        ("superres", "unknown_share: 0.1", "unknown_share is read by base alone; the"),
        ("superres", "superres_weights: a.b", "superres_weights is read by segmenter"),
        ("segmenter", "p_mean: 0.5", "p_mean is read by base and superres alone; the"),
        (
            "superres",
            "base_pass_share: 0.5",
            r"base_pass_share 0\.5 needs base_weights",
        ),
        (
            "segmenter",
            "base_pass_share: 0.5\nbase_weights: a.b",
            r"base_pass_share 0\.5 needs superres_weights",
        ),
        ("superres", "base_weights: a.b", "base_weights is read where base_pass_share"),
    ],
)
def test_a_key_that_would_not_be_read_is_refused(
    tmp_path: Path, stage: StageName, key: str, words: str
) -> None:
    path = config_file(tmp_path, stage, samples=4, extra=f"{key}\n")
    with pytest.raises(SpecError, match=rf"{stage}-4\.yaml: .*{words}"):
        load_config(path, stage)


def test_the_segmenter_is_not_compiled(tmp_path: Path) -> None:
    path = config_file(tmp_path, "segmenter", samples=4)
    text = path.read_text()
    path.write_text(text.replace("  batch_size", "  compile: true\n  batch_size"))
    with pytest.raises(SpecError, match=r"optimization\.compile is for base and sup"):
        load_config(path, "segmenter")
    path.write_text(text.replace("  batch_size", "  compile: false\n  batch_size"))
    load_config(path, "segmenter")


def test_patients_have_no_labels_for_a_segmenter(tmp_path: Path) -> None:
    path = tmp_path / "segmenter.yaml"
    path.write_text("stage: segmenter\ndata: {prepared: x}\n")
    with pytest.raises(SpecError, match="the segmenter needs phantoms, whose organs"):
        train("segmenter", path, out=tmp_path / "out")


def test_a_missing_config_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="there is no such training config"):
        train("base", tmp_path / "none.yaml", out=tmp_path / "out")
    with pytest.raises(SpecError, match=r"cannot be read \(.*Is a directory"):
        train("base", tmp_path, out=tmp_path / "out")


@pytest.mark.parametrize("name", ["initial_weights", "base_weights"])
def test_weights_that_are_not_there_are_named_before_data_are_made(
    name: str, tmp_path: Path
) -> None:
    extra = f"{name}: runs/none.safetensors\n"
    if name == "base_weights":
        extra += "base_pass_share: 0.5\n"
    config = config_file(tmp_path, "superres", samples=4, extra=extra)
    words = rf"{name}: runs/none\.safetensors is missing\. Train that stage first"
    with pytest.raises(SpecError, match=words):
        train("superres", config, out=tmp_path / "run")
    assert not (tmp_path / "cache").exists()


def test_what_cannot_be_written_or_end_is_refused_before_data_are_made(
    tmp_path: Path,
) -> None:
    config, out = config_file(tmp_path, "base", samples=4), tmp_path / "file"
    out.write_text("not a folder")
    with pytest.raises(VctError, match=r"file: cannot be written \(Not a directory\)"):
        train("base", config, out=out)
    config.write_text(config.read_text().replace("  max_samples: 4\n", ""))
    with pytest.raises(SpecError, match="nothing says when the run ends"):
        train("base", config, out=tmp_path / "run")
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "run").exists()


def test_people_cover_the_conditioning_ranges_and_stay_inside() -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    people = [draw_person(rng) for _ in range(3000)]
    assert all(inside(person) for person in people)
    for name, (low, high) in CONDITIONING_RANGES.items():
        values = np.array([getattr(person, name) for person in people])
        assert values.min() < low + 0.1 * (high - low)
        assert values.max() > high - 0.1 * (high - low)
