"""Accuracy of the instrument, where found and true labels are both in hand."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.cascade.tiny import tiny_cascade, write_tiny_model
from vct.anatomy import FIRST_LIST, LABEL_OF
from vct.cascade import Cascade
from vct.errors import ModelError
from vct.grid import Grid, whole_body_grid
from vct.models import CARD_NAME, load_card
from vct.segment.network import Segmentation, Segmenter
from vct.training import cache as cache_module
from vct.training.cache import PhantomCache, build_cache
from vct.training.config import PhantomData
from vct.training.evaluate import accuracy_of, remeasure, segmenter_accuracy
from vct.training.people import Person


def boxes(
    person: Person, seed: int, index: int, grid: Grid, device: str
) -> tuple[Tensor, Tensor]:
    """A body of muscle with a liver in it."""
    encoded = torch.full((2, *grid.shape), -0.5)
    labels = torch.zeros(grid.shape, dtype=torch.uint8)
    labels[10:60, 4:20, 4:28] = LABEL_OF["other_muscle"]
    labels[30:38, 8:14, 8:16] = LABEL_OF["liver"]
    return encoded, labels


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PhantomCache:
    monkeypatch.setattr(cache_module, "render_subject", boxes)
    data = PhantomData(folder=tmp_path, subjects=1, held_out=2, seed=3, spacing_mm=16.0)
    return build_cache(data, device="cpu", held_out_only=True)


def seeing(monkeypatch: pytest.MonkeyPatch, labels: Tensor) -> Cascade:
    """A cascade whose segmenter finds these labels, with a little doubt."""
    cascade = tiny_cascade()
    assert cascade.segmenter is not None
    organs = len(cascade.segmenter.organ_list.organs)
    found = Segmentation(labels[None], torch.full((1, organs), 4.0))
    monkeypatch.setattr(cascade, "segment", lambda hu: found)
    architecture = cascade.segmenter.architecture
    cascade.segmenter.architecture = replace(
        architecture, error_per_doubt={"liver": 2.0}
    )
    return cascade


def test_a_perfect_segmenter_is_perfect(
    cache: PhantomCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    cascade = seeing(monkeypatch, cache.labels(1))
    table = segmenter_accuracy(cascade, cache, through_cascade=False)
    assert set(table) == {"liver", "other_muscle", "muscle", "body"}
    for accuracy in table.values():
        assert accuracy.dice == 1
        assert accuracy.volume_bias_percent == 0
        assert accuracy.suv_bias_percent == 0
        assert accuracy.actual_error_percent == 0
    voxels = 8 * 6 * 8
    liver = table["liver"]
    assert liver.mean_volume_ml == pytest.approx(voxels * cache.grid.voxel_ml)
    assert liver.expected_error_percent == pytest.approx(100 * 2.0 * 4 / voxels)
    assert liver.within_twice_share == 1
    assert liver.told_share == 1
    assert math.isnan(table["body"].expected_error_percent)
    assert math.isnan(table["body"].within_twice_share)


@pytest.mark.parametrize("through_cascade", [False, True])
def test_an_organ_drawn_too_large_has_a_bias(
    cache: PhantomCache, monkeypatch: pytest.MonkeyPatch, through_cascade: bool
) -> None:
    found = cache.labels(1).clone()
    found[38:40, 8:14, 8:16] = LABEL_OF["liver"]  # a quarter more
    cascade = seeing(monkeypatch, found)
    table = segmenter_accuracy(cascade, cache, through_cascade=through_cascade)
    assert table["liver"].volume_bias_percent == pytest.approx(25)
    assert table["liver"].actual_error_percent == pytest.approx(25)
    assert table["liver"].within_twice_share == 0
    assert table["liver"].dice == pytest.approx(2 * 8 / (8 + 10))
    assert table["muscle"].volume_bias_percent < 0


def test_a_segmenter_of_other_organs_is_not_judged_on_phantoms(
    cache: PhantomCache,
) -> None:
    cascade = tiny_cascade()
    assert cascade.segmenter is not None
    architecture = replace(cascade.segmenter.architecture, organs=FIRST_LIST.names)
    cascade.segmenter = Segmenter(architecture)
    with pytest.raises(ModelError, match="tells 17 organs apart, the phantoms 37"):
        segmenter_accuracy(cascade, cache, through_cascade=False)


def test_an_organ_never_found_has_no_suv() -> None:
    from vct.training.evaluate import Reading

    missed = Reading(0, 0, 50, math.nan, 2.0, math.nan, 0.0)
    accuracy = accuracy_of([missed, missed], voxel_ml=1.0)
    assert accuracy.dice == 0
    assert accuracy.volume_bias_percent == -100
    assert math.isnan(accuracy.suv_bias_percent)
    assert accuracy.told_share == 0


def test_a_published_model_is_measured_anew(
    cache: PhantomCache, tmp_path: Path
) -> None:
    model = write_tiny_model(tmp_path / "tiny")
    with (model / CARD_NAME).open("a") as card:
        card.write("metrics: {seconds_per_subject: 14.6}\n")
    before = load_card(model)
    remeasure(model, cache, device="cpu")
    after = load_card(model)
    assert after.metrics["held_out_phantoms"] == 2
    assert after.metrics["seconds_per_subject"] == 14.6  # measured by hand: kept
    liver = after.metrics["segmenter_on_held_out_phantoms"]["liver"]
    assert liver["mean_volume_ml"] == pytest.approx(8 * 6 * 8 * cache.grid.voxel_ml)
    assert after.model_copy(update={"metrics": before.metrics}) == before


def test_phantoms_of_another_grid_measure_no_model(
    cache: PhantomCache, tmp_path: Path
) -> None:
    model = write_tiny_model(tmp_path / "tiny")
    before = (model / "card.yaml").read_bytes()
    cache.grid = whole_body_grid(8.0)
    with pytest.raises(ModelError, match=r"voxels of 16 mm .* phantoms have 8 mm"):
        remeasure(model, cache, device="cpu")
    assert (model / "card.yaml").read_bytes() == before
