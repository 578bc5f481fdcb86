"""A folder of phantoms holds those of one seed and spacing."""

from pathlib import Path

import pytest

from tests.training.test_train import draw_box
from vct.errors import SpecError
from vct.training import cache as cache_module
from vct.training.cache import build_cache
from vct.training.config import PhantomData


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PhantomData:
    """Of a folder with two phantoms."""
    monkeypatch.setattr(cache_module, "render_subject", draw_box)
    data = PhantomData(folder=tmp_path / "phantoms", subjects=1, held_out=1)
    data = data.model_copy(update={"spacing_mm": 16.0})
    build_cache(data, device="cpu")
    return data


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"seed": 2},
            r"seed 1 and 16 mm, and the config asks for seed 2 and 16 mm\.",
        ),
        ({"spacing_mm": 8.0}, "of seed 1 and 16 mm, and .* seed 1 and 8 mm"),
    ],
)
def test_phantoms_of_another_config_are_refused(
    data: PhantomData, change: dict[str, float], words: str
) -> None:
    other = data.model_copy(update=change)
    with pytest.raises(SpecError, match=words):
        build_cache(other, device="cpu")


def test_more_phantoms_of_the_same_may_be_asked_for(data: PhantomData) -> None:
    more = build_cache(data.model_copy(update={"subjects": 3}), device="cpu")
    assert more.labels(more.held_out[-1]).shape == more.grid.shape


def test_a_folder_of_an_earlier_version_is_known_by_its_voxels(
    data: PhantomData,
) -> None:
    (data.folder / "phantoms.json").unlink()
    other = data.model_copy(update={"spacing_mm": 8.0})
    with pytest.raises(SpecError, match="holds phantoms of seed 1 and 16 mm"):
        build_cache(other, device="cpu")
    build_cache(data, device="cpu")
