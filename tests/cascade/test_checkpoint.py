"""Weights files: whole or not there, and told from others."""

from pathlib import Path

import torch

from tests.cascade.tiny import tiny_stages
from vct.cascade.checkpoint import holds_stage, save_stage


def test_a_file_holds_the_stage_it_was_written_from(tmp_path: Path) -> None:
    stage, _, _ = tiny_stages()
    path = tmp_path / "base.safetensors"
    assert not holds_stage(path, stage)
    save_stage(stage, path)
    assert holds_stage(path, stage)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    with torch.no_grad():
        next(stage.parameters()).add_(1.0)
    assert not holds_stage(path, stage)


def test_a_damaged_file_holds_nothing_and_is_written_anew(tmp_path: Path) -> None:
    stage, _, _ = tiny_stages()
    path = tmp_path / "base.safetensors"
    save_stage(stage, path)
    path.write_bytes(path.read_bytes()[:-100])
    assert not holds_stage(path, stage)
    save_stage(stage, path)
    assert holds_stage(path, stage)
