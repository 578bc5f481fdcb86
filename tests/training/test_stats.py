"""What a run writes down."""

import json
import sys
from pathlib import Path

import pytest
import torch

from vct.errors import VctError
from vct.training.parallel import Place
from vct.training.schedule import RunState
from vct.training.stats import Stats, forget_after

PLACE = Place(0, 1, "cpu")
LEVELS = torch.tensor([-9.0, -3.5, -3.5, 0.5])
LOSSES = torch.tensor([1.0, 2.0, 4.0, 0.5])


def written(out: Path, state: RunState, said: list[str]) -> dict[str, object]:
    # Once whole and once in parts, the second of which another process goes on from.
    # (Event files of one process and one second are read in no order: two folders.)
    stats = Stats(out / "first", state, PLACE, said.append)
    stats.add(LOSSES[:1], LEVELS[:1])
    again = Stats(out, state, PLACE, said.append)
    again.restore(stats.sums())
    again.add(LOSSES[1:], LEVELS[1:])
    state.samples += 4
    again.write(state, 0.25, 1.0)
    line: dict[str, object] = json.loads((out / "stats.jsonl").read_text())
    return line


def test_a_line_holds_the_mean_loss_by_noise_level(tmp_path: Path) -> None:
    said: list[str] = []
    line = written(tmp_path, RunState(), said)
    assert line["loss"] == LOSSES.mean().item()
    by_level = {"-inf..-4": 1.0, "-4..-3": 3.0, "0..1": 0.5}
    assert line["loss_by_log_sigma"] == by_level
    assert (line["samples"], line["gradient_norm"]) == (4, 0.25)
    # This process and its libraries take tens of megabytes, and not a terabyte.
    assert 50 < line["peak_memory_mib"] < 1e6  # type: ignore[operator]
    assert f"{line['peak_memory_mib']} MiB" in said[-1]
    assert f"{line['samples_per_second']:.1f}/s" in said[-1]  # type: ignore[str-format]


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    stats = Stats(tmp_path, RunState(), PLACE, lambda _: None)
    stats.add(torch.tensor([1.0, torch.nan]), torch.zeros(2))
    with pytest.raises(VctError, match=r"Lower optimization\.learning_rate"):
        stats.write(RunState(samples=2), 1.0, 1.0)


def test_lines_after_the_checkpoint_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "stats.jsonl"
    forget_after(path, 3)
    assert not path.exists()
    lines = [f'{{"samples": {n}}}\n' for n in (2, 4, 6)]
    path.write_text("".join(lines) + '{"sam')
    forget_after(path, 4)
    assert path.read_text() == "".join(lines[:2])


def test_without_tensorboard_the_run_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    said: list[str] = []
    written(tmp_path, RunState(), said)
    assert said[0] == (
        "no TensorBoard files: pip install 'vct[tensorboard]' for curves"
    )
    assert not (tmp_path / "tensorboard").exists()


def test_tensorboard_shows_the_lines(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )

    line = written(tmp_path, RunState(), [])
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    for name in ("loss", "peak_memory_mib", "samples_per_second", "rate"):
        [event] = events.Scalars(name)
        assert (event.step, event.value) == (4, pytest.approx(line[name]))
    [event] = events.Scalars("loss_by_log_sigma/-4..-3")
    assert event.value == 3.0
