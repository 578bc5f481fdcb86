"""Modules with a command line of their own end as ``vct`` does."""

import errno
from importlib import import_module
from pathlib import Path

import pytest

from vct.training.command_line import told_in_one_line

WORDS = {
    "publish": "--superres tiny-superres --base tiny-base --device-name x -o out",
    "evaluate": "none.yaml --model none",
    "calibrate_base": "none.yaml --weights none",
    "calibrate_segmenter": "none.yaml --weights none",
    "agreement.__main__": "measure --model none -o out",
    "ablation.__main__": "--data none --out out --rows none",
}


@pytest.mark.parametrize("module", WORDS)
def test_what_the_user_can_mend_is_told_in_a_line(
    module: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [module, *WORDS[module].split()])
    with pytest.raises(SystemExit) as stopped:
        import_module(f"vct.training.{module}").main()
    assert stopped.value.code in (2, 3)
    assert capsys.readouterr().err.startswith("error: ")


def test_a_full_disk_is_told_with_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    @told_in_one_line
    def main() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "runs/base.safetensors")

    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith(
        "error: runs/base.safetensors: cannot be read or written (No space left"
    )
