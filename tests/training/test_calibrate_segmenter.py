"""Calibration: volumes without bias, and errors that are what was expected."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from vct.anatomy import CURRENT_LIST
from vct.segment.network import Segmenter, SegmenterArchitecture
from vct.training import calibrate_segmenter
from vct.training.calibrate_segmenter import (
    OffsetSearch,
    Volumes,
    calibrated,
    errors_per_doubt,
)
from vct.training.config import CONFIGS, PhantomData

CLASSES = len(CURRENT_LIST.organs) + 1


def volumes(found: float, truth: float, doubt: float) -> Volumes:
    one = torch.ones(3, CLASSES, dtype=torch.float64)
    return Volumes(found * one, truth * one, doubt * one)


def test_what_is_too_large_is_made_less_likely() -> None:
    for found, sign in ((110, -1), (90, 1)):
        search = OffsetSearch(CLASSES)
        search.step(volumes(found, 100, 50))
        assert (search.offsets[1:] * sign > 0).all()
        assert search.offsets[0] == 0


def test_no_step_is_larger_than_half_a_logit() -> None:
    search = OffsetSearch(CLASSES)
    search.step(volumes(0, 1000, 1))
    assert search.offsets.max() == 0.5


def test_an_overshoot_halves_the_pace_and_the_best_round_is_kept() -> None:
    search = OffsetSearch(CLASSES)
    for found in (110, 95):
        search.step(volumes(found, 100, 50))
    first, second = -0.8 * 10 / 75, 0.4 * 5 / 75
    assert float(search.offsets[1]) == pytest.approx(first + second)
    search.step(volumes(140, 100, 50))
    assert float(search.best[1]) == pytest.approx(first)


def test_errors_per_doubt_are_one_sd_of_normal_errors() -> None:
    rng = torch.Generator().manual_seed(5)
    liver = CURRENT_LIST.names.index("liver") + 1
    many = torch.full((2000, CLASSES), 100.0, dtype=torch.float64)
    doubt = 20 + 40 * torch.rand(many.shape, generator=rng, dtype=many.dtype)
    error = torch.randn(many.shape, generator=rng, dtype=many.dtype)
    found = many + 0.25 * doubt * error
    table = errors_per_doubt(Volumes(found, many, doubt), CURRENT_LIST)
    assert table["liver"] == pytest.approx(0.25, rel=0.06)
    assert set(table) == set(CURRENT_LIST.rows)
    found[:20, liver] *= 10  # one in a hundred is read all wrong
    table = errors_per_doubt(Volumes(found, many, doubt), CURRENT_LIST)
    assert table["liver"] == pytest.approx(0.25, rel=0.15)


def test_errors_of_pairs_are_those_of_their_sums() -> None:
    table = errors_per_doubt(volumes(110, 100, 40), CURRENT_LIST)
    assert table["liver"] == pytest.approx(10 / 40 / 2)
    assert table["kidneys"] == pytest.approx(20 / 80 / 2)


def test_an_organ_that_no_phantom_has_expects_nothing() -> None:
    some = volumes(110, 100, 40)
    some.truth[:, CURRENT_LIST.names.index("prostate") + 1] = 0
    assert "prostate" not in errors_per_doubt(some, CURRENT_LIST)


class _Cache:
    """Phantoms of noise, whose labels hold more liver than the network draws."""

    def __init__(self, labels: list[Tensor]) -> None:
        self._labels = labels

    def encoded(self, index: int) -> Tensor:
        rng = torch.Generator().manual_seed(index)
        return torch.rand(2, 64, 32, 32, generator=rng) * 2 - 1

    def labels(self, index: int) -> Tensor:
        return self._labels[index]


def _untrained() -> Segmenter:
    """A small segmenter that finds some of every class."""
    torch.manual_seed(4)
    made = Segmenter(SegmenterArchitecture(patch=2, features=(8,) * 6))
    for parameter in made.network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    made.eval().requires_grad_(False)
    made.network.to(torch.bfloat16)
    return made


def test_calibration_takes_the_bias_out_of_volumes() -> None:
    made = _untrained()
    shift = torch.zeros(made.classes)
    shift[1:] = torch.linspace(-0.3, 0.3, made.classes - 1)
    made.offsets.copy_(shift)
    cache = _Cache([])
    truth = [made.labels(cache.encoded(n)[:1])[0] for n in range(3)]
    cache = _Cache(truth)  # what a network with other offsets would draw
    made.offsets.zero_()
    drawn = [made.labels(cache.encoded(n)[:1])[0].flatten().int() for n in range(3)]
    before = torch.bincount(torch.cat(drawn), minlength=made.classes).double()
    again = calibrated(made, cache, range(3), "cpu")  # type: ignore[arg-type]
    mine, theirs = (
        torch.stack([torch.bincount(v.flatten().int(), minlength=made.classes)
                     for v in labels]).sum(dim=0).double()
        for labels in ([again.labels(cache.encoded(n)[:1])[0] for n in range(3)], truth)
    )  # fmt: skip
    wrong = [
        float((v - theirs)[1:].abs().sum() / theirs[1:].sum()) for v in (before, mine)
    ]
    assert wrong[0] > 0.3
    assert wrong[1] < wrong[0] / 3
    assert len(again.architecture.logit_offsets) == made.classes
    assert set(again.architecture.error_per_doubt) <= set(CURRENT_LIST.rows)


def test_errors_are_those_of_phantoms_that_the_stages_drew_over() -> None:
    """Offsets stay those of the phantoms as they are."""
    made = _untrained()
    cache = _Cache([])
    cache = _Cache([made.labels(cache.encoded(n)[:1])[0] for n in range(3)])
    plain = calibrated(made, cache, range(3), "cpu").architecture  # type: ignore[arg-type]
    drawn = [cache.encoded(n)[0].flip(0) * 0.5 for n in range(3)]
    seen = calibrated(made, cache, range(3), "cpu", drawn).architecture  # type: ignore[arg-type]
    assert seen.logit_offsets == plain.logit_offsets
    assert seen.error_per_doubt["liver"] > 3 * plain.error_per_doubt["liver"]


def test_errors_can_be_measured_anew_under_the_offsets_there_are() -> None:
    made = _untrained()
    cache = _Cache([])
    cache = _Cache([made.labels(cache.encoded(n)[:1])[0] for n in range(3)])
    offsets = tuple(n / 100 for n in range(made.classes))
    made.offsets.copy_(torch.tensor(offsets))
    made.architecture = replace(made.architecture, logit_offsets=offsets)
    drawn = [cache.encoded(n)[0].flip(0) * 0.5 for n in range(3)]
    again = calibrated(made, cache, range(3), "cpu", drawn, keep_offsets=True)  # type: ignore[arg-type]
    assert again.architecture.logit_offsets == offsets
    assert again.offsets.tolist() == pytest.approx(offsets)
    assert again.architecture.error_per_doubt["liver"] > 0


def test_phantoms_may_lie_elsewhere_than_the_config_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[PhantomData] = []

    def stop(data: PhantomData, **_: object) -> None:
        asked.append(data)
        raise KeyboardInterrupt

    monkeypatch.setattr(calibrate_segmenter, "build_cache", stop)
    config = str(CONFIGS / "segmenter-4mm.yaml")
    words = ["", config, "--weights", "x", "--data", str(tmp_path)]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(KeyboardInterrupt):
        calibrate_segmenter.main()
    assert (asked[0].folder, asked[0].subjects) == (tmp_path, 4000)
