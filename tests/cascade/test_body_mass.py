"""A body weighs what was asked for, or is told by how much it does not."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from vct.cascade.body_mass import BodyMass
from vct.cascade.condition import condition_vector, height_and_weight
from vct.cascade.encode import encode
from vct.training.people import Person

SHAPE = (16, 16, 16)


def person(height_m: float = 1.7, weight_kg: float = 70.0) -> Person:
    bmi = weight_kg / height_m**2
    return Person(sex="F", age_years=50.0, height_m=height_m, bmi_kg_m2=bmi)


def of_size(share: float) -> Tensor:
    """Encoded volume of which water fills a share."""
    hu = torch.full((1, *SHAPE), -1000.0)
    hu[:, :, : round(share * SHAPE[1])] = 0.0
    return encode(hu, torch.zeros_like(hu))


def weighed() -> BodyMass:
    """Knows 32 people, who fill a quarter of the field at 40 kg and half at 80 kg."""
    rng = np.random.default_rng(5)
    some = [person(h, w) for h, w in rng.uniform((1.5, 40), (1.9, 80), size=(32, 2))]
    made = BodyMass()
    density = torch.tensor([p.weight_kg / 160 for p in some])
    made.fit(density, condition_vector(some))
    return made


def test_overweight_is_mass_beyond_what_was_asked_for() -> None:
    made = weighed()
    for weight_kg, share in ((40.0, 0.25), (80.0, 0.5), (60.0, 0.5), (80.0, 0.25)):
        condition = condition_vector([person(weight_kg=weight_kg)])
        beyond = float(made(of_size(share), condition))
        assert beyond == pytest.approx(math.log(share * 160 / weight_kg), abs=0.02)


def test_of_whom_little_is_known_or_seen_nobody_says_overweight() -> None:
    made, volume = weighed(), of_size(0.5)
    asked = person(weight_kg=40.0)
    known = condition_vector([asked])
    assert made(volume, known) > 0.5
    unknown = condition_vector([asked], unknown=("bmi_kg_m2",))
    assert made(volume, unknown) == 0
    coverage = torch.ones(1, 1, *SHAPE)
    assert made(volume, known, coverage) > 0.5
    coverage[:, :, -1] = 0
    assert made(volume, known, coverage) == 0


def test_mass_is_predicted_from_no_fewer_than_20_people() -> None:
    made = BodyMass()
    made.fit(torch.full((19,), 0.2), condition_vector([person()] * 19))
    assert made.coefficients.abs().max() == 0


def test_nothing_is_said_before_anything_is_fitted() -> None:
    assert BodyMass()(of_size(0.5), condition_vector([person()])) == 0


def test_height_and_weight_are_those_of_the_person() -> None:
    some = [person(1.5, 45.0), person(1.93, 110.0)]
    height_m, weight_kg = height_and_weight(condition_vector(some))
    assert height_m.tolist() == pytest.approx([1.5, 1.93])
    assert weight_kg.tolist() == pytest.approx([45.0, 110.0], rel=1e-5)
