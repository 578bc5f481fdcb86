"""A run is the same run however often it stops, and however many share it."""

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.test_train import config_file, draw_box, losses, quiet
from vct.cascade.checkpoint import save_stage
from vct.cascade.instrument import read_segmenter
from vct.cascade.stage import load_base
from vct.cli import main
from vct.errors import SpecError, VctError
from vct.training import cache as cache_module
from vct.training import train
from vct.training.base import BaseTask
from vct.training.cache import build_cache
from vct.training.calibrate_base import with_innovations
from vct.training.config import Optimization, load_config
from vct.training.draws import Draws
from vct.training.loop import _Run
from vct.training.parallel import Place
from vct.training.schedule import RunState, Schedule
from vct.training.stopping import stop_request

STEPS = 20
OF_THE_MACHINE = ("minutes", "samples_per_second", "peak_memory_mib")


@pytest.fixture(autouse=True)
def _boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "render_subject", draw_box)


def lines(run: Path) -> list[dict[str, Any]]:
    """The log, without what the machine has to do with."""
    read = [json.loads(line) for line in (run / "stats.jsonl").open()]
    return [{k: v for k, v in r.items() if k not in OF_THE_MACHINE} for r in read]


def state_of(run: Path) -> dict[str, Any]:
    saved = torch.load(run / "checkpoint.pt", weights_only=True)
    del saved["minutes"]
    return saved


def assert_same(a: Any, b: Any) -> None:
    """Bitwise, however deep."""
    if isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, list | tuple):
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
    else:
        assert a == b


def base_config(folder: Path, *, batch: int = 2, every: int = 1, **text: str) -> Path:
    path = config_file(folder, "base", samples=2 * STEPS)
    yaml = path.read_text().replace("batch_size: 2", f"batch_size: {batch}")
    yaml = yaml.replace("log_every_steps: 1", f"log_every_steps: {every}")
    for old, new in text.items():
        yaml = yaml.replace(f"{old}:", f"{new}\n  {old}:")
    path = folder / f"base-{batch}-{every}-{len(text)}.yaml"
    path.write_text(yaml)
    return path


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_killed_run_goes_on_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    """Killed after step 12, with a checkpoint of step 9, amid a line of the log."""
    config = base_config(tmp_path, every=4, batch_size=f"optimizer: {optimizer}")
    train("base", config, out=tmp_path / "whole", log=quiet)

    class Killed(Exception):  # noqa: N818
        pass

    def kill(message: str) -> None:
        if "24 samples" in message:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(
            Schedule,
            "due",
            lambda self, name, _: name == "checkpoint" and self._state.steps == 9,
        )
        with pytest.raises(Killed):
            train("base", config, out=tmp_path / "cut", log=kill)
    assert [line["samples"] for line in lines(tmp_path / "cut")] == [8, 16, 24]
    with (tmp_path / "cut" / "stats.jsonl").open("a") as stream:
        stream.write('{"samples": 3')
    train("base", config, out=tmp_path / "cut", log=quiet)
    assert lines(tmp_path / "cut") == lines(tmp_path / "whole")
    assert_same(state_of(tmp_path / "cut"), state_of(tmp_path / "whole"))
    name = "base.safetensors"
    weights = [(tmp_path / run / name).read_bytes() for run in ("cut", "whole")]
    assert weights[0] == weights[1]


def test_what_the_optimizer_counts_on_the_cpu_stays_there(tmp_path: Path) -> None:
    """On a GPU's tensors AdamW would wait for the GPU at every step.

    The device ``meta`` stands for one: what is moved there loses its values.
    """
    config, out = base_config(tmp_path), tmp_path / "run"
    train("base", config, out=out, log=quiet)
    settings = load_config(config, "base")
    task = BaseTask(settings, build_cache(settings.phantoms, device="cpu"), "cpu")
    run = _Run(task, settings, out, place=Place(0, 1, "meta"), studies=None)
    run.load()
    for state in run.optimizers[0].state.values():
        assert state["step"].device.type == "cpu"
        assert state["step"] == STEPS


def test_sigterm_saves_and_ends_with_the_documented_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, out = base_config(tmp_path), tmp_path / "run"
    said = []

    def say(message: str) -> None:
        said.append(message)
        if message.startswith("       8 samples"):
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("vct.cli.training.say", say)
    with pytest.raises(SystemExit) as ended:
        main(f"train base --config {config} -o {out} --device cpu".split())
    assert ended.value.code == 130
    assert said[-1] == (
        "Stopped, saved at 8 samples: run the same command again to go on."
    )
    assert state_of(out)["samples"] == 8
    assert not (out / "base.safetensors").exists()
    assert signal.getsignal(signal.SIGTERM) == before
    train("base", config, out=out, log=quiet)
    assert len(losses(out)) == STEPS


def test_a_run_that_ends_before_a_line_is_due_writes_one(tmp_path: Path) -> None:
    config, out = base_config(tmp_path, every=1000), tmp_path / "run"
    train("base", config, out=out, log=quiet)
    [line] = lines(out)
    assert line["samples"] == 2 * STEPS
    train("base", config, out=out, log=quiet)  # trains nothing
    assert lines(out) == [line]


def test_the_line_of_a_stop_gives_way_to_the_one_that_was_due(tmp_path: Path) -> None:
    """Stopped after step 6 of lines of 4 steps, and after step 7."""
    config = base_config(tmp_path, every=4)
    train("base", config, out=tmp_path / "whole", log=quiet)
    out = tmp_path / "cut"
    for samples in (12, 14):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                Schedule, "ended", lambda self, at=samples: self._state.samples >= at
            )
            train("base", config, out=out, log=quiet)
        assert [line["samples"] for line in lines(out)] == [8, samples]
    train("base", config, out=out, log=quiet)
    assert lines(out) == lines(tmp_path / "whole")


def test_minutes_stop_a_run_of_samples_without_bending_its_rate(
    tmp_path: Path,
) -> None:
    config = base_config(tmp_path)
    train("base", config, out=tmp_path / "run", max_minutes=1e-9, log=quiet)
    assert losses_or_none(tmp_path / "run") == []
    how = Optimization(max_samples=100, warmup_steps=0, decay_from=0.5)
    state = RunState(samples=75)
    assert Schedule(how, None, state).rate(0.75) == 0.5
    by_the_clock = Schedule(how, 1e-9, state)
    assert by_the_clock.ended()
    assert by_the_clock.rate(by_the_clock.share()) == 0.5


def losses_or_none(run: Path) -> list[float]:
    return losses(run) if (run / "stats.jsonl").exists() else []


def test_a_sample_has_its_randomness_by_its_number() -> None:
    whole, first, last = (Draws(3, n, b, "cpu") for n, b in ((0, 5), (0, 2), (2, 3)))
    for draw in (
        lambda d: d.normal(2, 3),
        lambda d: d.uniform(),
        lambda d: d.integers(1000),
    ):
        parts = torch.cat([draw(first), draw(last)])
        assert torch.equal(draw(whole), parts)
        assert len(parts.unique()) == parts.numel()
    assert not torch.equal(
        Draws(4, 0, 5, "cpu").normal(), Draws(3, 0, 5, "cpu").normal()
    )


def test_accumulated_batches_are_one_batch(tmp_path: Path) -> None:
    train("base", base_config(tmp_path, batch=4), out=tmp_path / "one", log=quiet)
    halves = base_config(tmp_path, batch=2, max_samples="accumulate: 2")
    train("base", halves, out=tmp_path / "two", log=quiet)
    assert_close(tmp_path / "two", tmp_path / "one")


@pytest.mark.slow
def test_two_processes_give_the_result_of_one(tmp_path: Path) -> None:
    train("base", base_config(tmp_path, batch=4), out=tmp_path / "one", log=quiet)
    worker = Path(__file__).with_name("parallel_worker.py")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    runs = [
        subprocess.Popen(
            [sys.executable, worker, base_config(tmp_path), tmp_path / "two"],
            env={**os.environ, **place, "RANK": str(n), "LOCAL_RANK": str(n)}
            | {"PYTHONPATH": str(Path.cwd())},
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(2)
    ]
    for run in runs:
        _, complaints = run.communicate(timeout=300)
        assert run.returncode == 0, complaints
    assert_close(tmp_path / "two", tmp_path / "one")


def assert_close(run: Path, other: Path) -> None:
    """The same steps and losses; weights and their average within 1e-5 of the norm."""
    logs = lines(run), lines(other)
    assert len(logs[0]) == len(logs[1]) == STEPS // 2
    for mine, theirs in zip(*logs, strict=True):
        assert mine["samples"] == theirs["samples"]
        assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-5, abs=1e-5)
    states = state_of(run), state_of(other)
    for part in ("stage", "ema"):
        for name, value in states[1][part].items():
            error = (states[0][part][name] - value).norm() / value.norm().clamp_min(1)
            assert error < 1e-5, (part, name, float(error))


def test_a_run_without_an_end_is_refused() -> None:
    with pytest.raises(SpecError, match="nothing says when the run ends"):
        Schedule(Optimization(), None, RunState())


def test_asked_twice_it_stops_at_once() -> None:
    with stop_request() as request:
        os.kill(os.getpid(), signal.SIGINT)
        assert request.made
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def saved_at_every_step(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Schedule, "due", lambda self, name, _: name == "checkpoint")


def no_number_after(patch: pytest.MonkeyPatch, steps: int) -> None:
    """The loss is NaN after so many steps."""
    loss, calls = BaseTask.loss, count()

    def ruined(self: BaseTask, draws: Draws) -> tuple[torch.Tensor, torch.Tensor]:
        value, log_sigma = loss(self, draws)
        return value * (1 if next(calls) < steps else torch.nan), log_sigma

    patch.setattr(BaseTask, "loss", ruined)


def test_a_loss_that_is_no_number_spares_the_checkpoint(tmp_path: Path) -> None:
    """Gone on with from there, at a lower learning rate, as the message says."""
    config, out = base_config(tmp_path, every=1000), tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        saved_at_every_step(patch)
        no_number_after(patch, steps=6)
        with pytest.raises(
            VctError, match=r"no finite number after 14 samples\. Lower opti"
        ):
            train("base", config, out=out, log=quiet)
    saved = state_of(out)
    assert saved["samples"] == 12
    assert all(
        v.isfinite().all() for part in ("stage", "ema") for v in saved[part].values()
    )
    assert not (out / "base.safetensors").exists()
    config.write_text(
        config.read_text().replace("warmup", "learning_rate: 1.0e-4\n  warmup")
    )
    said: list[str] = []
    train("base", config, out=out, log=said.append)
    assert "note: optimization.learning_rate was 0.0005, now 0.0001" in said
    assert state_of(out)["samples"] == 2 * STEPS


def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path) -> None:
    """At a learning rate beyond everything weights are lost before a loss is seen."""
    config, out = base_config(tmp_path, every=1000), tmp_path / "run"
    config.write_text(
        config.read_text().replace("warmup", "learning_rate: 1.0e+36\n  warmup")
    )
    with pytest.MonkeyPatch.context() as patch:
        saved_at_every_step(patch)
        with pytest.raises(VctError, match="begin anew with --no-resume"):
            train("base", config, out=out, log=quiet)
    assert all(v.isfinite().all() for v in state_of(out)["ema"].values())


def test_a_run_begun_again_after_its_end_leaves_its_calibration(tmp_path: Path) -> None:
    config, out = base_config(tmp_path), tmp_path / "run"
    weights = train("base", config, out=out, log=quiet, max_minutes=1e-9)
    train("base", config, out=out, log=quiet)  # other weights are written
    save_stage(with_innovations(load_base(weights)), weights)
    calibrated = weights.read_bytes()
    said: list[str] = []
    train("base", config, out=out, log=said.append)
    assert weights.read_bytes() == calibrated
    assert f"{weights} has these weights already and is left as it is" in said
    weights.unlink()
    train("base", config, out=out, log=quiet)
    assert not load_base(weights).architecture.innovations


def test_so_does_the_segmenter(tmp_path: Path) -> None:
    config, out = config_file(tmp_path, "segmenter", samples=4), tmp_path / "run"
    weights = train("segmenter", config, out=out, log=quiet)
    segmenter = read_segmenter(weights)
    segmenter.architecture = replace(
        segmenter.architecture, error_per_doubt={"liver": 1.0}
    )
    save_stage(segmenter, weights)
    train("segmenter", config, out=out, log=quiet)
    assert read_segmenter(weights).architecture.error_per_doubt == {"liver": 1.0}


def test_the_minutes_of_a_command_are_its_own(tmp_path: Path) -> None:
    """A chain of jobs goes on job by job, and each says how far the run is."""
    before = RunState(steps=5, samples=10, minutes=60.0)
    how = Optimization(max_samples=100)
    assert not Schedule(how, 60.0, before).ended()
    assert Schedule(how, 1e-9, before).ended()
    assert Schedule(how, 60.0, before).told() == (
        "10 of 100 samples in 60.0 minutes: run the same command again to go on"
    )
    whole = Optimization(max_minutes=240)
    first = Schedule(whole, 60.0, before)
    assert first.share() == pytest.approx(0.25, abs=1e-3)
    assert first.told() == (
        "10 samples in 60.0 of 240 minutes: run the same command again to go on"
    )
    assert Schedule(Optimization(max_minutes=60), 60.0, before).ended()
    both = Optimization(max_samples=100, max_minutes=60)
    assert (
        "optimization.max_minutes is used up; raise it"
        in Schedule(both, 60.0, before).told()
    )
    alone = Schedule(Optimization(), 60.0, before)
    assert alone.share() == pytest.approx(0.5, abs=1e-3)
    done = RunState(samples=100, minutes=60.0)
    assert Schedule(how, 60.0, done).told() == "100 samples in 60.0 minutes"
    with pytest.raises(SpecError, match=r"--max-minutes 0: must be above 0"):
        Schedule(how, 0.0, before)


def test_a_second_job_of_the_same_minutes_trains_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock of one minute a step; each job may take five."""
    config, out = base_config(tmp_path), tmp_path / "run"
    monkeypatch.setattr(
        Schedule,
        "minutes",
        lambda self: self._before + self._state.steps - self._steps,
    )
    begin = Schedule.__init__

    def begun(self: Schedule, how: Optimization, max_minutes: Any, state: Any) -> None:
        self._steps = state.steps  # type: ignore[attr-defined]
        begin(self, how, max_minutes, state)

    monkeypatch.setattr(Schedule, "__init__", begun)
    said: list[str] = []
    for job in (1, 2):
        train("base", config, out=out, log=said.append, max_minutes=5.0)
        assert state_of(out)["samples"] == 10 * job
        assert said[-1] == (
            f"{10 * job} of 40 samples in {5 * job}.0 minutes: run the same command "
            "again to go on"
        )
