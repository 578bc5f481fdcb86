"""The PET's shift against its CT is found, in millimeters, with its sign."""

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from vct.anatomy import LABEL_OF
from vct.bundled import bundled_folder
from vct.cascade.encode import decode
from vct.cascade.instrument import read_segmenter, segmented
from vct.grid import Grid, whole_body_grid
from vct.segment.shift import pet_ct_shift_mm
from vct.training.cache import person_of, render_subject

# (organ, SUV, center z y x [mm], half axes [mm]): a made-up patient.
BODY = ("other_muscle", 0.7, (0, 0, 0), (110, 70, 85))
ORGANS = (
    ("subcutaneous_fat", 0.3, (-20, -35, 10), (60, 25, 50)),
    ("brain", 6.0, (70, 5, -5), (25, 30, 24)),
    ("vertebrae", 1.8, (-20, 40, 4), (70, 12, 15)),
    ("liver", 2.4, (-40, 0, -40), (30, 25, 25)),
)
FIELD_MM = (288.0, 192.0, 224.0)


def patient_grid(*spacing_mm: float) -> Grid:
    shape = [round(n / s) for n, s in zip(FIELD_MM, spacing_mm, strict=True)]
    origin = [(s - n) / 2 for n, s in zip(FIELD_MM, spacing_mm, strict=True)]
    return Grid(tuple(shape), spacing_mm, tuple(origin))  # type: ignore[arg-type]


GRID = patient_grid(4.0, 4.0, 4.0)


def inside(organ: tuple, grid: Grid, moved_mm: tuple[float, ...]) -> Tensor:
    """0..1 across the edge of an ellipsoid, some 6 mm wide, as a PET blurs it."""
    _, _, center, half = organ
    axes = np.ix_(*(grid.centers_mm(axis) for axis in range(3)))
    places = zip(axes, center, moved_mm, half, strict=True)
    radius = np.sqrt(sum(((x - c - d) / h) ** 2 for x, c, d, h in places))
    return torch.tensor((1 - radius) * min(half) / 3.0).sigmoid().float()


@cache
def labels_of(grid: Grid) -> Tensor:
    labels = torch.zeros(grid.shape, dtype=torch.uint8)
    for organ in (BODY, *ORGANS):
        labels[inside(organ, grid, (0, 0, 0)) > 0.5] = LABEL_OF[organ[0]]
    return labels


def pet(grid: Grid, shift_mm=(0.0, 0.0, 0.0), breath_mm=0.0, seed=0) -> Tensor:
    """The patient's PET, displaced by ``shift_mm`` (z y x), its liver more."""
    suv = torch.zeros(grid.shape)
    for organ in (BODY, *ORGANS):
        z, y, x = shift_mm
        moved = (z + breath_mm * (organ[0] == "liver"), y, x)
        suv = torch.lerp(suv, torch.tensor(organ[1]), inside(organ, grid, moved))
    noise = torch.randn(grid.shape, generator=torch.Generator().manual_seed(seed))
    return (suv + 0.1 * suv.sqrt() * noise).clamp_min(0)


def found(suv: Tensor, labels: Tensor | None = None, grid: Grid = GRID) -> np.ndarray:
    labels = labels_of(grid) if labels is None else labels
    return pet_ct_shift_mm(suv, labels, grid).numpy()


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.floats(-12.0, 12.0)] * 3), st.integers(0, 100))
@example((12.0, 12.0, 12.0), 0)
def test_a_shift_is_found_with_its_sign(shift_mm, seed: int) -> None:
    """Positive is superior, posterior, left: towards higher k, j, i."""
    apart = found(pet(GRID, shift_mm, seed=seed)) - found(pet(GRID))
    assert apart == pytest.approx(shift_mm, abs=0.35)  # 3 % of the furthest


def test_a_pet_in_its_place_is_found_there() -> None:
    assert found(pet(GRID)) == pytest.approx([0, 0, 0], abs=0.6)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("slices", [-1, 1])
def test_one_slice_is_found(axis: int, slices: int) -> None:
    suv = pet(GRID)
    apart = found(suv.roll(slices, axis)) - found(suv)
    wanted = 4.0 * slices * (np.arange(3) == axis)
    assert apart == pytest.approx(wanted, abs=0.4)


@pytest.mark.parametrize("spacing_mm", [(2.0, 2.0, 2.0), (3.0, 4.0, 4.0), (8.0,) * 3])
def test_millimeters_are_those_of_any_grid(spacing_mm) -> None:
    grid = patient_grid(*spacing_mm)
    shift = (4.0, -3.0, 2.0)
    apart = found(pet(grid, shift), grid=grid) - found(pet(grid), grid=grid)
    assert apart == pytest.approx(shift, abs=0.4)


@settings(max_examples=10, deadline=None)
@given(st.floats(1e-3, 1e5))
def test_the_unit_of_the_pet_does_not_matter(factor: float) -> None:
    suv = pet(GRID, (3.0, 0.0, -2.0))
    assert found(factor * suv) == pytest.approx(found(suv), abs=1e-3)


def test_what_breathes_takes_no_part() -> None:
    """A liver 12 mm off moves the result by a hundredth of that at most."""
    apart = found(pet(GRID, breath_mm=12.0)) - found(pet(GRID))
    assert apart == pytest.approx([0, 0, 0], abs=0.12)


def test_what_a_segmenter_calls_its_organs_does_not_matter() -> None:
    """Voxel values of the first organ list lie beyond 100."""
    suv, labels = pet(GRID, (4.0, 0.0, 0.0)), labels_of(GRID)
    first = labels.clone()
    first[labels == LABEL_OF["other_muscle"]] = LABEL_OF["muscle"]
    first[labels == LABEL_OF["vertebrae"]] = LABEL_OF["spine"]
    assert found(suv, first) == pytest.approx(found(suv, labels), abs=1e-6)


def test_nothing_is_said_without_a_body_or_a_pet() -> None:
    suv, labels = pet(GRID), labels_of(GRID)
    assert np.isnan(found(suv, torch.zeros_like(labels))).all()
    assert np.isnan(found(torch.zeros_like(suv), labels)).all()


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.integers(1, 9)] * 3))
def test_nothing_is_said_of_a_field_of_few_voxels(shape) -> None:
    grid = Grid(shape, (4.0, 4.0, 4.0), (0.0, 0.0, 0.0))
    labels = torch.full(shape, LABEL_OF["brain"], dtype=torch.uint8)
    assert np.isnan(found(torch.rand(shape), labels, grid)).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_nothing_is_said_along_a_body_that_looks_the_same(axis: int) -> None:
    middle = GRID.shape[axis] // 2
    body = labels_of(GRID).narrow(axis, middle, 1).expand(GRID.shape) > 0
    labels = (body * LABEL_OF["other_muscle"]).to(torch.uint8)
    shift = found(body.float().roll((1, 1, 1), (0, 1, 2)), labels)
    others = np.delete(shift, axis)
    assert np.isnan(shift[axis])
    assert others == pytest.approx([4.0, 4.0], abs=0.4)


def test_nothing_waits_for_the_device() -> None:
    """On the meta device a look at the data is an error."""
    suv, labels = (x.to("meta") for x in (pet(GRID), labels_of(GRID)))
    shift = pet_ct_shift_mm(suv, labels, GRID)
    assert shift.shape == (3,)
    assert shift.dtype == torch.float64


@pytest.mark.slow
def test_a_slice_is_found_in_phantoms_by_the_bundled_segmenter() -> None:
    grid = whole_body_grid(4.0)
    model = bundled_folder("trained_models") / "whole-body-4mm"
    segmenter = read_segmenter(model / "segmenter.safetensors").eval()
    shifts = []
    for index in range(3):
        encoded, _ = render_subject(person_of(91, index), 91, index, grid, "cpu")
        hu, suv = decode(encoded)
        with torch.inference_mode():
            labels = segmented(segmenter, hu[None]).labels[0]
        as_made = found(suv, labels, grid)
        one_up = found(suv.roll(1, 0), labels, grid)
        assert one_up - as_made == pytest.approx([4.0, 0.0, 0.0], abs=0.6)
        shifts.append(as_made)
    # Five SDs of 48 held-out phantoms, about the largest of their means, 0.08 mm.
    assert np.abs(shifts) == pytest.approx(np.zeros((3, 3)), abs=0.9)
