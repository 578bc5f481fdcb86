"""Models are found by name or folder, and a damaged one is refused without torch."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cascade.tiny import write_tiny_model
from vct.errors import ModelError
from vct.models import find_model, list_models


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "tiny"))


def test_a_model_folder_is_found_and_in_order(folder: Path) -> None:
    card = find_model(folder)
    card.check_files()
    assert card.name == "tiny"
    assert card.ranges["age_years"] == (18.0, 90.0)
    assert card.folder == folder
    assert [c.name for c in list_models(folder.parent)] == ["tiny"]


@pytest.mark.parametrize(
    ("change", "is_another"),
    [
        ({"files": {"base.safetensors": "0" * 64}}, True),
        ({"base": {"file": "base.safetensors", "sampler": {"steps": 3}}}, True),
        ({"superres": {"file": "superres.safetensors", "augmentation": 0.3}}, True),
        ({"trained_on": "Somebody else."}, True),
        ({"metrics": {"seconds_per_subject": 1.0}}, False),
        ({"training": {"machine": "an abacus"}}, False),
        ({"folder": Path("elsewhere")}, False),
    ],
)
def test_the_hash_of_a_model_is_of_what_decides_its_images(
    folder: Path, change: dict[str, Any], is_another: bool
) -> None:
    card = find_model(folder)
    assert (card.sha256 != card.model_copy(update=change).sha256) == is_another


def test_truncated_weights_are_refused(folder: Path) -> None:
    weights = folder / "base.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(ModelError, match=r"base\.safetensors is damaged or truncated"):
        find_model(folder).check_files()


def test_missing_weights_are_refused(folder: Path) -> None:
    (folder / "superres.safetensors").unlink()
    with pytest.raises(ModelError, match=r"superres\.safetensors is missing, but"):
        find_model(folder).check_files()


def test_weights_that_cannot_be_read_are_told_as_such(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("vct.models.sha256_of_file", refuse)
    with pytest.raises(ModelError, match=r"cannot be read \(Permission denied\)"):
        find_model(folder).check_files()


def test_an_unknown_name_offers_the_nearest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vct.models.bundled_folder", lambda _: folder.parent)
    with pytest.raises(
        ModelError, match=r"unknown model 'tinny'\. Did you mean 'tiny'"
    ):
        find_model("tinny")


def test_a_bundled_model_is_itself_whatever_lies_in_the_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, folder.parent / "whole-body-4mm")
    monkeypatch.chdir(folder.parent)
    assert find_model("whole-body-4mm").name == "whole-body-4mm"
    assert find_model("./whole-body-4mm").name == find_model(folder).name
    assert find_model(folder.name).name == find_model(folder).name


def test_a_folder_without_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no card\.yaml here"):
        find_model(tmp_path)


def test_every_problem_of_a_card_is_named(folder: Path) -> None:
    card = folder / "card.yaml"
    text = card.read_text().replace("summary:", "sumary:").replace("18.0", "95.0")
    card.write_text(text)
    with pytest.raises(ModelError) as refusal:
        find_model(folder)
    message = str(refusal.value)
    assert "summary: Field required" in message
    assert "sumary: Extra inputs are not permitted" in message
    assert "must be [low, high] with low <= high" in message


@pytest.mark.parametrize(
    ("said", "instead", "words"),
    [
        ("steps:", "stepps:", r"base: .*sampler\.stepps: Extra inputs are not perm"),
        ("steps: ", "steps: -", r"base: .*sampler\.steps: .*greater than or equal"),
        ("solver: heun", "solver: huen", r"sampler\.solver: Input should be 'heun'"),
        ("sigma_max: 15.0", "sigma_max: 0.01", "sigma_min must lie below sigma_max"),
        ("file: base.", "file: bas.", r"base\.file is 'bas\.safetensors', which is"),
    ],
)
def test_a_stage_that_cannot_be_sampled_is_refused(
    folder: Path, said: str, instead: str, words: str
) -> None:
    card = folder / "card.yaml"
    text = card.read_text()
    assert said in text
    card.write_text(text.replace(said, instead, 1))
    with pytest.raises(ModelError, match=words):
        find_model(folder)


def test_a_card_that_is_no_yaml_is_told(folder: Path) -> None:
    (folder / "card.yaml").write_text("{")
    with pytest.raises(ModelError, match=r"card\.yaml cannot be read"):
        find_model(folder)


def test_models_that_share_a_segmenter_measure_with_one_instrument() -> None:
    one, other = (find_model(f"whole-body-{mm}mm") for mm in (2, 4))
    assert one.instrument == other.instrument
    assert one.instrument.startswith("bundled segmenter ")
