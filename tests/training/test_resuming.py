"""A run goes on as what it began as, or is refused before anything is written."""

import json
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


@pytest.mark.parametrize(
    ("minutes", "resume"), [(1e-9, True), (None, True), (1e-9, False)]
)  # to go on, at its end, to begin anew
def test_a_run_does_not_go_on_with_other_patients(
    tmp_path: Path, minutes: float | None, resume: bool
) -> None:
    out, config = tmp_path / "run", CONFIGS / "tiny-base.yaml"
    one, other = (
        write_prepared(tmp_path / f"{n}", training=n, held_out=7 - n) for n in (3, 4)
    )
    train("base", config, data=one, out=out, log=quiet, max_minutes=minutes)
    before = (out / "data.json").read_bytes(), (out / "checkpoint.pt").read_bytes()
    words = r"checkpoint\.pt was trained on other studies than .*4 now holds for traini"
    with pytest.raises(SpecError, match=words + r"ng: study-3 is new\. Who was held"):
        train("base", config, data=other, out=out, log=quiet, resume=resume)
    after = (out / "data.json").read_bytes(), (out / "checkpoint.pt").read_bytes()
    assert after == before


def test_it_goes_on_where_the_folder_lies_elsewhere_and_holds_out_more(
    tmp_path: Path,
) -> None:
    out, config = tmp_path / "run", CONFIGS / "tiny-base.yaml"
    folders = [
        write_prepared(tmp_path / f"{n}", training=3, held_out=n) for n in (1, 2)
    ]
    train("base", config, data=folders[0], out=out, log=quiet, max_minutes=1e-9)
    train("base", config, data=folders[1], out=out, log=quiet, max_minutes=1e-9)
    assert json.loads((out / "data.json").read_text())["held_out_studies"] == 2


def test_another_age_is_another_study(tmp_path: Path) -> None:
    out, config = tmp_path / "run", CONFIGS / "tiny-base.yaml"
    ages = [50.0, 60.0, 70.0, 80.0]
    data = write_prepared(tmp_path / "data", training=3, held_out=1, age_years=ages)
    train("base", config, data=data, out=out, log=quiet, max_minutes=1e-9)
    ages[1] = 61.0
    now = write_prepared(tmp_path / "now", training=3, held_out=1, age_years=ages)
    with pytest.raises(SpecError, match=r"study-1 is of another patient, age, sex, h"):
        train("base", config, data=now, out=out, log=quiet)


def test_a_checkpoint_that_does_not_tell_its_patients_goes_on_and_says_so(
    tmp_path: Path,
) -> None:
    out, config = tmp_path / "run", CONFIGS / "tiny-base.yaml"
    data = write_prepared(tmp_path / "data", training=3, held_out=1)
    train("base", config, data=data, out=out, log=quiet, max_minutes=1e-9)
    saved = torch.load(out / "checkpoint.pt", weights_only=True)
    del saved["config"]["studies"]
    torch.save(saved, out / "checkpoint.pt")
    said: list[str] = []
    train("base", config, data=data, out=out, log=said.append, max_minutes=1e-9)
    assert any("does not tell which studies it was trained on" in s for s in said)
    assert len(state_of(out)["config"]["studies"]) == 3


@pytest.mark.parametrize("resume", [True, False])
def test_phantoms_need_another_folder_than_patients(
    tmp_path: Path, resume: bool
) -> None:
    out = tmp_path / "run"
    data = write_prepared(tmp_path / "data", training=3, held_out=1)
    config = CONFIGS / "tiny-base.yaml"
    train("base", config, data=data, out=out, log=quiet, max_minutes=1e-9)
    words = "of a run on patients, and" if not resume else "with another config"
    with pytest.raises(SpecError, match=words):
        train("base", base_config(tmp_path), out=out, log=quiet, resume=resume)


def test_a_step_may_be_divided_otherwise_and_end_later(tmp_path: Path) -> None:
    config, out = base_config(tmp_path, batch=4), tmp_path / "run"
    train("base", config, out=out, log=quiet, max_minutes=1e-9)
    text = config.read_text().replace("batch_size: 4", "batch_size: 2\n  accumulate: 2")
    config.write_text(text)
    train("base", config, out=out, log=quiet)
    assert state_of(out)["samples"] == 2 * STEPS
