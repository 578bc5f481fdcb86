"""A run goes on as what it began as, or is refused before anything is written."""

from pathlib import Path

import pytest
import torch

from tests.training.prepared_folder import write_prepared
from tests.training.test_loop import STEPS, base_config, state_of
from tests.training.test_train import draw_box, quiet
from vct.errors import SpecError
from vct.training import cache as cache_module
from vct.training import train
from vct.training.config import CONFIGS


@pytest.fixture(autouse=True)
def _boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "render_subject", draw_box)


def test_a_checkpoint_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    config, out = base_config(tmp_path), tmp_path / "run"
    train("base", config, out=out, log=quiet)
    saved = torch.load(out / "checkpoint.pt", weights_only=True)
    saved["optimizer"] = saved.pop("optimizers")[0]
    torch.save(saved, out / "checkpoint.pt")
    with pytest.raises(SpecError, match=r"checkpoint\.pt is of an earlier version of"):
        train("base", config, out=out, log=quiet)


def test_a_run_does_not_go_on_as_another(tmp_path: Path) -> None:
    config, out = base_config(tmp_path), tmp_path / "run"
    train("base", config, out=out, log=quiet, max_minutes=1e-9)
    before = (out / "checkpoint.pt").read_bytes()
    other = tmp_path / "other.yaml"
    text = config.read_text().replace("batch_size: 2", "batch_size: 4")
    other.write_text(text.replace("optimization:", "p_mean: 0.5\noptimization:"))
    words = r"p_mean was 0\.0, now 0\.5; samples of a step was 2, now 4\. Go on with"
    with pytest.raises(SpecError, match=words):
        train("base", other, out=out, log=quiet)
    assert (out / "checkpoint.pt").read_bytes() == before


def test_a_run_does_not_go_on_with_what_it_left_at_its_default(tmp_path: Path) -> None:
    config, out = base_config(tmp_path), tmp_path / "run"
    train("base", config, out=out, log=quiet, max_minutes=1e-9)
    text = config.read_text()
    config.write_text(
        text.replace("patch: 2", "patch: 2, modes: 0, template_factor: 2")
    )
    train("base", config, out=out, log=quiet, max_minutes=1e-9)  # the defaults
    config.write_text(text.replace("patch: 2", "patch: 2, haar: true"))
    with pytest.raises(SpecError, match=r"architecture\.haar was False, now True\. Go"):
        train("base", config, out=out, log=quiet)


def test_a_refused_run_leaves_the_record_of_its_patients(tmp_path: Path) -> None:
    out = tmp_path / "run"
    data = [write_prepared(tmp_path / f"{n}", training=n, held_out=1) for n in (3, 4)]
    train("base", CONFIGS / "tiny-base.yaml", data=data[0], out=out, log=quiet)
    before = (out / "data.json").read_bytes()
    other = tmp_path / "other.yaml"
    text = (CONFIGS / "tiny-base.yaml").read_text()
    other.write_text(text.replace("optimization:", "p_mean: 0.5\noptimization:"))
    with pytest.raises(SpecError, match=r"p_mean was .*, now 0\.5"):
        train("base", other, data=data[1], out=out, log=quiet)
    assert (out / "data.json").read_bytes() == before


def test_a_step_may_be_divided_otherwise_and_end_later(tmp_path: Path) -> None:
    config, out = base_config(tmp_path, batch=4), tmp_path / "run"
    train("base", config, out=out, log=quiet, max_minutes=1e-9)
    text = config.read_text().replace("batch_size: 4", "batch_size: 2\n  accumulate: 2")
    config.write_text(text)
    train("base", config, out=out, log=quiet)
    assert state_of(out)["samples"] == 2 * STEPS
