"""A full disk ends a run in the user's words, and spares what was saved before."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from tests.training.test_loop import STEPS, base_config, saved_at_every_step, state_of
from tests.training.test_train import draw_box, quiet
from vct.errors import VctError
from vct.training import cache as cache_module
from vct.training import loop, train
from vct.training.base import BaseTask
from vct.training.disk import told_of_disk
from vct.training.schedule import Schedule


@pytest.fixture(autouse=True)
def _boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "render_subject", draw_box)


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """What a disk with so many bytes left does to one file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(tmp_path: Path) -> None:
    config, out = base_config(tmp_path), tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        saved_at_every_step(patch)
        patch.setattr(Schedule, "ended", lambda self: self._state.samples >= 8)
        train("base", config, out=out, log=quiet)
    before = (out / "checkpoint.pt").read_bytes()
    words = r"run: cannot be read or written \(File too large\)\. Free some space"
    with no_file_above(len(before) // 2), pytest.raises(VctError, match=words):
        train("base", config, out=out, log=quiet)
    assert (out / "checkpoint.pt").read_bytes() == before
    assert not list(out.glob(".*.partial"))
    train("base", config, out=out, log=quiet)
    assert state_of(out)["samples"] == 2 * STEPS


def test_so_do_weights_and_phantoms(tmp_path: Path) -> None:
    config, out = base_config(tmp_path), tmp_path / "run"
    with no_file_above(20_000), pytest.raises(VctError, match=r"cache: cannot be read"):
        train("base", config, out=out, log=quiet)
    train("base", config, out=tmp_path / "other", log=quiet, max_minutes=1e-9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop.torch, "save", lambda *_: None)  # only weights are written
        with (
            no_file_above(20_000),
            pytest.raises(VctError, match=r"run: cannot be read or written"),
        ):
            train("base", config, out=out, log=quiet)
    assert not (out / "base.safetensors").exists()


def test_a_picture_and_curves_that_do_not_fit_are_told_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")

    def too_large(self: BaseTask, stage: torch.nn.Module, path: Path) -> None:
        path.write_bytes(b"begun")
        raise OSError(28, "No space left on device")

    def no_events(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(BaseTask, "picture", too_large)
    monkeypatch.setattr("torch.utils.tensorboard.SummaryWriter.add_scalar", no_events)
    config, out, said = base_config(tmp_path), tmp_path / "run", list[str]()
    train("base", config, out=out, log=said.append)
    assert said.count("note: no more TensorBoard files (No space left on device)") == 1
    picture = out / f"samples-{2 * STEPS:08d}.png"
    assert f"note: {picture} cannot be written (No space left on device)" in said
    assert not picture.exists()
    assert (out / "base.safetensors").is_file()


def test_what_is_not_of_the_disk_stays_a_bug(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes"), told_of_disk(tmp_path):
        raise RuntimeError("shapes differ")
