"""What a fine stage draws, beside the phantoms it was to draw."""

import math
import sys
from pathlib import Path

import matplotlib.image
import pytest
import torch
from torch import Tensor

from tests.cascade.tiny import tiny_cascade, write_tiny_model
from vct.anatomy import LABEL_OF
from vct.errors import ModelError
from vct.grid import Grid
from vct.training import cache as cache_module
from vct.training import texture as texture_module
from vct.training.cache import PhantomCache, build_cache
from vct.training.config import PhantomData
from vct.training.people import Person
from vct.training.texture import (
    DrawnAgain,
    drawn_again,
    spread_inside,
    table,
    texture_of,
)

LIVER = (slice(30, 42), slice(8, 14), slice(8, 16))


def boxes(
    person: Person, seed: int, index: int, grid: Grid, device: str
) -> tuple[Tensor, Tensor]:
    """A body of muscle with a liver in it, all in noise."""
    rng = torch.Generator().manual_seed(index)
    encoded = -0.2 + 0.01 * torch.randn(2, *grid.shape, generator=rng)
    labels = torch.zeros(grid.shape, dtype=torch.uint8)
    labels[10:60, 4:20, 4:28] = LABEL_OF["other_muscle"]
    labels[LIVER] = LABEL_OF["liver"]
    return encoded, labels


@pytest.fixture(autouse=True)
def _boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "render_subject", boxes)


def cache_of(folder: Path, spacing_mm: float = 16.0) -> PhantomCache:
    data = PhantomData(
        folder=folder, subjects=1, held_out=2, seed=3, spacing_mm=spacing_mm
    )
    return build_cache(data, device="cpu", held_out_only=True)


@pytest.mark.parametrize("factor", [2, 4])
def test_what_coarse_voxels_tell_is_no_spread(factor: int) -> None:
    rng = torch.Generator().manual_seed(0)
    coarse = 100 * torch.randn(8, 8, 8, generator=rng)
    for axis in range(3):
        coarse = coarse.repeat_interleave(factor, dim=axis)
    noise = 7 * torch.randn(coarse.shape, generator=rng)
    everywhere = torch.ones_like(coarse, dtype=torch.bool)
    assert spread_inside(coarse, everywhere, factor) == pytest.approx(0, abs=1e-3)
    spread = spread_inside(coarse + noise, everywhere, factor)
    assert spread == pytest.approx(7, rel=0.05)


def test_edges_of_a_region_are_left_out() -> None:
    image = torch.zeros(8, 8, 8)
    inside = torch.zeros(8, 8, 8, dtype=torch.bool)
    inside[1:7, 1:7, 1:7] = True
    image[~inside] = 1000.0
    image[1] = 500.0  # in the region, in coarse voxels that reach over its edge
    assert spread_inside(image, inside, 2) == 0
    assert math.isnan(spread_inside(image, inside, 4))


def test_what_is_drawn_as_it_was_has_no_error(tmp_path: Path) -> None:
    cache = cache_of(tmp_path)
    true, labels = cache.encoded(1), cache.labels(1)
    coarse = true[:, ::2, ::2, ::2]
    same = texture_of(DrawnAgain(coarse, true, true, labels))
    assert same.ct_error_hu["body"] == 0
    assert math.isnan(same.ct_error_hu["bone"])
    true_sd, drawn_sd = same.ct_sd_hu["liver"]
    assert true_sd == drawn_sd > 0
    brighter = true.float()
    brighter[0][LIVER] += 0.1
    other = texture_of(DrawnAgain(coarse, brighter, true, labels))
    assert other.ct_error_hu["body"] > 0
    assert other.ct_sd_hu["liver"] == pytest.approx((true_sd, true_sd), rel=0.01)


def test_a_model_draws_held_out_phantoms_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_tiny_model(tmp_path / "model")
    config = tmp_path / "config.yaml"
    config.write_text(
        "stage: superres\narchitecture: {factor: 2}\n"
        f"data: {{folder: {tmp_path / 'cache'}, subjects: 1, held_out: 2, seed: 3, "
        "spacing_mm: 16.0}\n"
    )
    words = ["texture", str(config), "--model", str(model), "--phantoms", "1"]
    words += ["--picture", str(tmp_path / "views.png")]
    monkeypatch.setattr(sys, "argv", words)
    texture_module.main()
    cache = PhantomCache(
        PhantomData(folder=tmp_path / "cache", subjects=1, seed=3, spacing_mm=16.0)
    )
    figures = [texture_of(pair) for pair in drawn_again(tiny_cascade(), cache, [1])]
    assert figures[0].ct_error_hu["body"] > 0
    lines = table(figures).splitlines()
    assert "| mean error, CT, bone [HU] | | nan |" in lines
    told = capsys.readouterr().out.splitlines()
    assert [row.split("|")[1] for row in told] == [row.split("|")[1] for row in lines]
    assert matplotlib.image.imread(tmp_path / "views.png").std() > 0
    # The second held-out phantom was not asked for.
    assert not list((tmp_path / "cache").glob("000002*"))


def test_phantoms_of_other_voxels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="draws voxels of 16 mm and the config's ph"):
        next(drawn_again(tiny_cascade(), cache_of(tmp_path, 32.0), [1]))
