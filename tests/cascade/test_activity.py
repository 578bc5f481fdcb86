"""No body holds more activity than was injected."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.cascade.tiny import tiny_cascade
from vct.cascade.activity import MOST_IN_FIELD, at_most_injected, share_in_field
from vct.cascade.condition import condition_vector
from vct.cascade.encode import decode, encode
from vct.training.people import Person

SHAPE = (12, 8, 10)
VOXEL_ML = 70.0


def person(weight_kg: float) -> Person:
    return Person(sex="F", age_years=50.0, height_m=1.7, bmi_kg_m2=weight_kg / 1.7**2)


def holding(share: float, weight_kg: float) -> Tensor:
    """A body of water with a hot spot that holds a share of the injected activity."""
    suv = torch.zeros(1, *SHAPE)
    suv[:, 2:10, 2:6, 2:8] = 1.0
    suv[:, 3, 3, 3] = 4.0
    suv *= share * 1000 * weight_kg / (suv.sum() * VOXEL_ML)
    return encode(torch.zeros_like(suv), suv)


@given(share=st.floats(0.05, 2.5), weight_kg=st.floats(40, 120))
def test_never_more_than_was_injected(share: float, weight_kg: float) -> None:
    condition = condition_vector([person(weight_kg)])
    drawn = holding(share, weight_kg)
    before = float(share_in_field(drawn, condition, VOXEL_ML))
    assert before == pytest.approx(share, rel=1e-3)
    kept = at_most_injected(drawn, condition, VOXEL_ML)
    after = float(share_in_field(kept, condition, VOXEL_ML))
    assert after == pytest.approx(min(before, MOST_IN_FIELD), rel=1e-3)
    assert torch.equal(kept[:, 0], drawn[:, 0])
    if before < MOST_IN_FIELD:
        assert torch.equal(kept, drawn)
    else:
        (_, hot), (_, cooled) = decode(drawn), decode(kept)
        torch.testing.assert_close(cooled * before, hot * after, rtol=1e-3, atol=1e-4)


def test_one_too_hot_changes_nobody_else() -> None:
    weights_kg = (50.0, 60.0, 70.0)
    condition = condition_vector([person(weight_kg) for weight_kg in weights_kg])
    drawn = torch.cat([holding(share, 60.0) for share in (0.8, 1.3, 0.8)])
    kept = at_most_injected(drawn, condition, VOXEL_ML)
    assert torch.equal(kept[::2], drawn[::2])
    assert not torch.equal(kept[1], drawn[1])


def test_of_whom_the_weight_is_unknown_nothing_is_changed() -> None:
    condition = condition_vector([person(60.0)], unknown=("bmi_kg_m2",))
    drawn = holding(2.0, 60.0)
    assert torch.equal(at_most_injected(drawn, condition, VOXEL_ML), drawn)


def test_the_cascade_keeps_to_it() -> None:
    cascade = tiny_cascade()
    cascade.base.template.coefficients[0, 1] += 0.6  # hotter than any dose allows
    condition = condition_vector([person(60.0)])
    noise = torch.randn(1, 2, *cascade.base.architecture.shape)
    coarse = cascade.sample_base(condition, noise)
    voxel_ml = cascade.grid.coarsened(2).voxel_ml
    share = float(share_in_field(coarse, condition, voxel_ml))
    assert share == pytest.approx(MOST_IN_FIELD, rel=1e-3)
