"""A tiny model, a spec for it, and one cohort that the other tests compare with."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cascade.tiny import write_tiny_model
from vct.build import build_cohort

# Wall-clock times stand in these only.
TIMED = ("run.json", "events.jsonl")

SPEC = """\
version: 1
name: tiny
seed: 7
reference_date: 2025-01-15
size: 4
population:
  sex: {{kind: categorical, weights: {{F: 0.5, M: 0.5}}}}
  age_years: {{kind: uniform, low: 40, high: 60}}
  bmi_kg_m2: {{kind: uniform, low: 22, high: 30}}
  height_m: {{kind: uniform, low: 1.6, high: 1.8}}
protocol:
  injected_mbq_per_kg: 4.0
  uptake_min: 60
model:
  name: {model}
"""

WriteSpec = Callable[..., Path]


def digests(out: Path) -> dict[str, str]:
    """SHA-256 of everything in a cohort that must not depend on the clock."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in TIMED and path.suffix != ".html"
    }


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def spec(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "tiny.yaml"
    path.write_text(SPEC.format(model=model))
    return path


@pytest.fixture
def write_spec(model: Path, tmp_path: Path) -> WriteSpec:
    """Write the spec with one line replaced."""

    def write(old: str = "", new: str = "", *, model: Path = model) -> Path:
        text = SPEC.format(model=model)
        assert old in text
        path = tmp_path / "changed.yaml"
        path.write_text(text.replace(old, new) if old else text)
        return path

    return write


@pytest.fixture(scope="session")
def cohort(spec: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny cohort, built in one go in this process; not to be changed."""
    out = tmp_path_factory.mktemp("cohort") / "out"
    assert [s.status for s in build_cohort(spec, out, workers=0)] == ["written"] * 4
    return out
