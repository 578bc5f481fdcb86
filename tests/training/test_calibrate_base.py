"""A calibrated base stage misses less of people whom it has not seen."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.cascade.tiny import BASE
from tests.training.prepared_folder import write_prepared
from vct.cascade.checkpoint import save_stage
from vct.cascade.condition import condition_vector, template_features
from vct.cascade.encode import encode
from vct.cascade.innovations import LEVELS
from vct.cascade.resample import coarsen
from vct.cascade.stage import BaseStage, load_base
from vct.errors import SpecError
from vct.grid import Grid, whole_body_grid
from vct.training.base import load_initial
from vct.training.calibrate_base import (
    calibrated,
    refuse_people_of_training,
    unseen,
)
from vct.training.config import PhantomData, PreparedData
from vct.training.people import Person
from vct.training.prepared import PreparedCache
from vct.training.provenance import record_of, write_record

SIGMA = LEVELS[2]


class People:
    """Blocks of water in air, whose uptake is everybody's own."""

    grid: Grid = whole_body_grid(16.0)
    training = range(0)

    def __init__(self, held_out: range, covered: int | None = None) -> None:
        self.held_out, self.covered = held_out, covered

    def condition(self, indices: range) -> Tensor:
        person = Person(sex="F", age_years=50.0, height_m=1.7, bmi_kg_m2=24.0)
        return condition_vector([person for _ in indices])

    def encoded(self, index: int) -> Tensor:
        rng = torch.Generator().manual_seed(index)
        return self.block(0.7 + 0.4 * float(torch.rand(1, generator=rng)))

    def block(self, suv_inside: float) -> Tensor:
        hu, suv = torch.full((2, *self.grid.shape), -1000.0)
        suv[:] = 0.0
        hu[:, 4:20, 4:28], suv[:, 4:20, 4:28] = 20.0, suv_inside
        return encode(hu, suv)

    def coverage(self, index: int) -> Tensor | None:
        if self.covered is None:
            return None
        seen = torch.zeros(self.grid.shape, dtype=torch.bool)
        seen[: self.covered] = True
        return seen


def ignorant() -> BaseStage:
    """A stage that knows the mean person and takes noise away voxel by voxel."""
    stage = BaseStage(replace(BASE, modes=0, template_factor=1))
    stage.template.coefficients[0] = coarsen(People(range(0)).block(0.9)[None], 2)[0]
    stage.template.residual_sd.fill_(0.02)
    return stage


@torch.no_grad()
def missed(stage: BaseStage, people: People) -> float:
    """RMS over new people of the body's mean error in PET, at one noise level."""
    errors = []
    for index in people.held_out:
        condition = people.condition(range(1))
        features = template_features(condition)
        coarse = coarsen(people.encoded(index)[None], 2)
        clean = stage.template.to_residual(coarse, features)
        rng = torch.Generator().manual_seed(7 * index)
        x = clean + SIGMA * torch.randn(clean.shape, generator=rng)
        sigma = torch.tensor([SIGMA])
        estimate = stage.denoise(
            x, sigma, condition=condition, template=stage.template(features)
        )
        if stage.innovations is not None:
            encoded = stage.template.to_encoded(estimate, features)
            estimate = estimate + stage.innovations(
                x - estimate, sigma, encoded=encoded, condition=condition
            )
        inside = (clean - estimate)[:, 1, 4:-4, 3:9, 3:13]
        errors.append(inside.mean().square())
    return float(torch.stack(errors).mean().sqrt())


def test_calibration_finds_what_people_have_in_common_with_themselves() -> None:
    people, lines = People(range(100, 110)), list[str]()
    before = missed(ignorant(), people)
    stage = calibrated(ignorant(), People(range(30)), device="cpu", told=lines.append)
    assert missed(stage, people) < 0.3 * before
    assert lines == ["10 of 30 people", "20 of 30 people", "30 of 30 people"]


def test_it_depends_on_what_scans_cover_only() -> None:
    class Wild(People):
        def encoded(self, index: int) -> Tensor:
            volume = super().encoded(index)
            volume[:, self.covered :] = 0.9
            return volume

    first, second = (
        calibrated(ignorant(), kind(range(3), covered=40), device="cpu", told=str)
        for kind in (People, Wild)
    )
    assert first.innovations is not None
    assert second.innovations is not None
    assert first.innovations.gains.abs().max() > 0
    assert torch.equal(first.innovations.gains, second.innovations.gains)


def test_what_people_weigh_is_told_by_whole_bodies_only() -> None:
    for covered, told in ((None, True), (40, False), (72, True)):
        stage = calibrated(
            ignorant(), People(range(20), covered), device="cpu", told=str
        )
        assert stage.innovations is not None
        assert bool(stage.innovations.mass.coefficients.any()) == told


def test_the_file_remembers_and_a_new_run_forgets(tmp_path: Path) -> None:
    stage = calibrated(ignorant(), People(range(3)), device="cpu", told=str)
    save_stage(stage, tmp_path / "base.safetensors")
    again = load_base(tmp_path / "base.safetensors")
    assert again.innovations is not None
    assert stage.innovations is not None
    assert torch.equal(again.innovations.gains, stage.innovations.gains)
    fresh = ignorant()
    load_initial(fresh, tmp_path / "base.safetensors")
    assert fresh.innovations is None
    for name, value in fresh.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


def test_phantoms_come_after_those_that_are_held_out(tmp_path: Path) -> None:
    data = PhantomData(folder=tmp_path, subjects=3, held_out=2, spacing_mm=16.0)
    images = unseen(data, 4, device="cpu")
    assert images.held_out == range(5, 9)
    assert sorted(path.name[:6] for path in tmp_path.glob("*.encoded.npy")) == [
        f"{n:06d}" for n in range(5, 9)
    ]


def test_studies_are_those_for_calibration_else_the_held_out_ones(
    tmp_path: Path,
) -> None:
    parts = ["training"] * 3 + ["held_out"] * 2 + ["calibration"]
    write_prepared(tmp_path / "own", training=3, held_out=3, split=parts)
    images = unseen(PreparedData(prepared=tmp_path / "own"), 4, device="cpu")
    assert isinstance(images, PreparedCache)
    assert images.held_out_rows["name"].to_list() == ["study-5"]
    assert len(images.training) == 3
    write_prepared(tmp_path / "some", training=3, held_out=2)
    images = unseen(PreparedData(prepared=tmp_path / "some"), 4, device="cpu")
    assert images.held_out == range(3, 5)
    write_prepared(tmp_path / "none", training=3, held_out=0)
    with pytest.raises(SpecError, match=r"calibration, and none is held out"):
        unseen(PreparedData(prepared=tmp_path / "none"), 4, device="cpu")


def test_patients_whom_the_run_was_trained_on_are_no_held_out_ones(
    tmp_path: Path,
) -> None:
    first = write_prepared(tmp_path / "first", training=4, held_out=2)
    # The same six studies, split otherwise.
    other = write_prepared(tmp_path / "other", training=2, held_out=4)
    weights, images = (
        tmp_path / "run" / "base.safetensors",
        [unseen(PreparedData(prepared=at), 4, device="cpu") for at in (first, other)],
    )
    refuse_people_of_training(images[1], weights)  # not recorded
    assert isinstance(images[0], PreparedCache)
    write_record(record_of(images[0]), weights.parent)
    refuse_people_of_training(images[0], weights)
    words = r"other: 2 of 4 held_out studies are of patients whom .*run was trained on"
    with pytest.raises(SpecError, match=words + r" \(study-2, study-3 \.\.\.\)"):
        refuse_people_of_training(images[1], weights)
