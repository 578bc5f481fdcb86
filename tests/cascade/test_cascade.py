"""The cascade: subjects are independent, repeatable, and stay on the device."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.cascade.tiny import tiny_cascade, write_tiny_model
from vct.cascade import Cascade
from vct.cascade.clock import StageClock
from vct.cascade.condition import condition_vector
from vct.cascade.encode import SUV_MAX, encode_suv
from vct.errors import ModelError
from vct.grid import Grid, whole_body_grid
from vct.models import load_card


@dataclass(frozen=True)
class Someone:
    subject_id: str
    age_years: float = 50.0
    sex: str = "F"
    height_m: float = 1.7
    bmi_kg_m2: float = 25.0


FOUR = [Someone(f"S{n:04d}", age_years=40.0 + n) for n in range(1, 5)]


def test_a_subject_alone_is_the_subject_in_the_cohort() -> None:
    cascade = tiny_cascade()
    together = list(cascade.generate(FOUR, seed=7))
    alone = next(iter(cascade.generate(FOUR[2:3], seed=7)))
    same = together[2].images
    assert np.array_equal(alone.images.ct_stored, same.ct_stored)
    assert np.array_equal(alone.images.pet_stored, same.pet_stored)
    assert np.array_equal(alone.images.pet_suv_per_step, same.pet_suv_per_step)
    assert repr(alone.measured) == repr(together[2].measured)


def test_batches_of_four_agree_with_batches_of_one() -> None:
    cascade = tiny_cascade()
    ones = list(cascade.generate(FOUR, seed=7, batch_size=1))
    four = list(cascade.generate(FOUR, seed=7, batch_size=4))
    for a, b in zip(ones, four, strict=True):
        assert np.abs(a.images.ct_hu() - b.images.ct_hu()).max() <= 2  # HU, fp32
        np.testing.assert_allclose(a.images.suv(), b.images.suv(), rtol=2e-3, atol=1e-3)


def test_a_short_batch_is_padded_to_the_same_numbers() -> None:
    cascade = tiny_cascade()
    full = list(cascade.generate(FOUR, seed=7, batch_size=2))
    short = list(cascade.generate(FOUR[:3], seed=7, batch_size=2))
    assert len(short) == 3
    assert np.array_equal(full[2].images.ct_stored, short[2].images.ct_stored)


def test_what_a_model_never_saw_changes_no_picture() -> None:
    tall = Someone("S0001", height_m=1.9), Someone("S0001", height_m=1.5)
    heavy = Someone("S0001", bmi_kg_m2=40.0), Someone("S0001", bmi_kg_m2=20.0)
    for unknown, pair, same in (
        ((), tall, False),
        (("height_m",), tall, True),
        (("height_m",), heavy, False),
        (("height_m", "bmi_kg_m2"), heavy, True),
    ):
        cascade = tiny_cascade()
        cascade.unknown = unknown
        one, other = (next(iter(cascade.generate([p], seed=7))).images for p in pair)
        assert np.array_equal(one.ct_stored, other.ct_stored) == same


def test_seed_and_subject_pick_the_noise() -> None:
    cascade = tiny_cascade()
    first = next(iter(cascade.generate(FOUR[:1], seed=7)))
    other_seed = next(iter(cascade.generate(FOUR[:1], seed=8)))
    renamed = Someone("S9999", age_years=41.0)
    other_name = next(iter(cascade.generate([renamed], seed=7)))
    for other in (other_seed, other_name):
        assert not np.array_equal(first.images.ct_stored, other.images.ct_stored)


def test_the_table_says_what_the_stored_integers_say() -> None:
    made = next(iter(tiny_cascade().generate(FOUR[:1], seed=7)))
    rows = {row["organ"]: row for row in made.measured.organs}
    labels, grid = made.images.labels, made.images.grid
    assert labels is not None
    inside = labels > 0
    assert rows["body"]["volume_ml"] == pytest.approx(inside.sum() * grid.voxel_ml)
    assert rows["body"]["suv_mean"] == pytest.approx(
        made.images.suv()[inside].mean(dtype=float), rel=1e-5
    )
    assert rows["body"]["hu_mean"] == pytest.approx(made.images.ct_hu()[inside].mean())


def test_voxels_at_the_end_of_the_pet_encoding_are_counted() -> None:
    cascade = tiny_cascade()
    fine = torch.zeros(1, 2, *cascade.grid.shape)
    fine[0, 1, 0, 0, :3] = encode_suv(torch.tensor([SUV_MAX, 2 * SUV_MAX, 149.9]))
    assert cascade._integers(fine).clipped.tolist() == [[2]]


class _Recorder(TorchDispatchMode):
    """Names of the operations a block runs, and of those that leave the device."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[str] = []
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        name = str(func)
        self.count += 1
        waits = ("_local_scalar_dense", "nonzero", "is_nonzero", "masked_select")
        if any(word in name for word in waits):
            self.left.append(name)
        if "_to_copy" in name and (kwargs or {}).get("device") is not None:
            self.left.append(name)
        if "copy_" in name.split(".") and args[0].device != args[1].device:
            self.left.append(name)
        return func(*args, **(kwargs or {}))


def test_nothing_leaves_the_device_between_noise_and_integers() -> None:
    cascade = tiny_cascade()
    condition = condition_vector(FOUR[:2])
    noise = [
        cascade._noise(purpose, FOUR[:2], 7)
        for purpose in ("noise/base", "noise/augmentation", "noise/superres")
    ]
    clock = StageClock(torch.device("cpu"))
    with torch.inference_mode(), _Recorder() as recorder:
        packed = cascade.run(condition, noise, None, clock)
    assert recorder.count > 100
    assert recorder.left == []
    assert packed.dtype == torch.uint8
    assert packed.shape[0] == 2


def test_the_recorder_would_notice() -> None:
    with _Recorder() as recorder:
        torch.ones(3).sum().item()
    assert recorder.left == ["aten._local_scalar_dense.default"]


def test_the_grid_is_what_the_card_says() -> None:
    cascade = tiny_cascade()
    assert isinstance(cascade.grid, Grid)
    made = next(iter(cascade.generate(FOUR[:1], seed=7)))
    assert made.images.ct_stored.shape == cascade.grid.shape


def test_the_road_runs_without_any_data_to_look_at() -> None:
    """On the meta device ``.item()``, ``.cpu()`` and ``.numpy()`` are errors."""
    cascade = tiny_cascade()
    assert cascade.segmenter is not None
    for stage in (cascade.base, cascade.superres, cascade.segmenter):
        stage.to("meta")
    coarse = (2, 2, *cascade.base.architecture.shape)
    shapes = [coarse, coarse, (2, 2, *cascade.grid.shape)]
    noise = [torch.empty(shape, device="meta") for shape in shapes]
    condition = torch.empty(2, 6, device="meta")
    packed = cascade.run(condition, noise, None, StageClock(torch.device("cpu")))
    assert packed.device.type == "meta"
    assert packed.shape[0] == 2


def test_stages_that_do_not_make_the_grid_of_the_card_are_refused(
    tmp_path: Path,
) -> None:
    card = load_card(write_tiny_model(tmp_path))
    assert Cascade.load(card).grid == whole_body_grid(16.0)
    path = tmp_path / "card.yaml"
    path.write_text(path.read_text().replace("- 72", "- 64"))
    words = (
        r"base stage makes \(36, 12, 16\) voxels and the fine stage 2 times as many "
        r"along each axis, but the card's grid has \(64, 24, 32\)"
    )
    with pytest.raises(ModelError, match=words):
        Cascade.load(load_card(tmp_path))
