"""The wheel carries models and examples, and works outside the clone."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

CLONE = Path(__file__).parent.parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", folder, CLONE]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("vct-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Environment with the wheel, and the tested environment's libraries behind it."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    command = [python, "-m", "pip", "install", "--no-deps", "--no-index", wheel]
    subprocess.run(command, check=True, capture_output=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "behind.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def vct_in(installed: Path, cwd: Path, *arguments: str) -> str:
    """Output of a command of the installed wheel, run in another folder."""
    done = subprocess.run(
        [installed / "bin" / "vct", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_carries_every_cohort_and_model(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("cohorts", "trained_models"):
        for path in (CLONE / folder).rglob("*"):
            if path.is_file():
                assert f"vct/_bundled/{path.relative_to(CLONE)}" in names
    assert not [n for n in names if n.startswith(("tests/", "docs/", ".ci/"))]


def test_the_installed_wheel_is_the_one_that_runs(
    installed: Path, tmp_path: Path
) -> None:
    code = "import vct; print(vct.__file__)"
    done = subprocess.run(
        [installed / "bin" / "python", "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert Path(done.stdout.strip()).is_relative_to(installed)


def test_examples_and_models_are_found_outside_the_clone(
    installed: Path, tmp_path: Path
) -> None:
    vct_in(installed, tmp_path, "new", "mine.yaml", "--like", "quickstart")
    assert "quickstart" in vct_in(installed, tmp_path, "check", "mine.yaml")
    assert "whole-body-4mm" in vct_in(installed, tmp_path, "models")
    vct_in(installed, tmp_path, "models", "whole-body-4mm")
    plan = vct_in(installed, tmp_path, "build", "mine.yaml", "--dry-run")
    assert "whole-body-4mm" in plan
