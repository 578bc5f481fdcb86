"""Training runs: every stage learns, resumes where it stopped, refuses bad configs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from vct.errors import SpecError
from vct.grid import Grid
from vct.training import cache as cache_module
from vct.training import train
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
    assert losses(tmp_path / "base")[-1] < 0.9
    extra = f"patch_slices: 24\nbase_weights: {base}\nbase_pass_share: 0.5\n"
    fine = train(
        "superres", config_file(tmp_path, "superres", samples=12, extra=extra),
        out=tmp_path / "superres", log=quiet,
    )  # fmt: skip
    organs = train(
        "segmenter", config_file(tmp_path, "segmenter", samples=12),
        out=tmp_path / "segmenter", log=quiet,
    )  # fmt: skip
    assert base.is_file()
    assert fine.is_file()
    assert organs.is_file()
    assert losses(tmp_path / "segmenter")[-1] < losses(tmp_path / "segmenter")[0]
    assert list((tmp_path / "base").glob("samples-*.png"))


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    whole = config_file(tmp_path, "base", samples=16)
    train("base", whole, out=tmp_path / "whole", log=quiet)

    (tmp_path / "cut").mkdir()
    torch.manual_seed(0)
    import vct.training.loop as loop

    class StopError(Exception):
        pass

    written = loop._Stats.write

    def stop_after_four(self, state, norm, rate):  # type: ignore[no-untyped-def]
        written(self, state, norm, rate)
        if state.steps == 4:
            raise StopError

    # The run saves as it is stopped, as a preempted job would be asked to.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop._Stats, "write", stop_after_four)
        patch.setattr(
            loop._Budget, "due", lambda self, name, every: name == "checkpoint"
        )
        with pytest.raises(StopError):
            train("base", whole, out=tmp_path / "cut", log=quiet)
    train("base", whole, out=tmp_path / "cut", log=quiet)
    # Step 4 was logged before the stop, after the last checkpoint: it is done again.
    cut = losses(tmp_path / "cut")
    assert cut[:3] + cut[4:] == losses(tmp_path / "whole")


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


def test_a_missing_config_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="there is no such training config"):
        train("base", tmp_path / "none.yaml", out=tmp_path / "out")


def test_people_cover_the_conditioning_ranges_and_stay_inside() -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    people = [draw_person(rng) for _ in range(3000)]
    assert all(inside(person) for person in people)
    for name, (low, high) in CONDITIONING_RANGES.items():
        values = np.array([getattr(person, name) for person in people])
        assert values.min() < low + 0.1 * (high - low)
        assert values.max() > high - 0.1 * (high - low)


@pytest.mark.slow
def test_two_processes_train_together(tmp_path: Path) -> None:
    config = config_file(tmp_path, "base", samples=16)
    worker = Path(__file__).with_name("parallel_worker.py")
    run = subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2",
            "--master-port=29517", str(worker), str(config), str(tmp_path / "run"),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    # Two members a process and step: sixteen samples are four steps.
    assert len(losses(tmp_path / "run")) == 4
    assert (tmp_path / "run" / "base.safetensors").is_file()
