"""What a build would do, in words: whom the model was not made for, and how far."""

import os

import numpy as np
import pytest

from vct.build.plan import describe_outside, plan_cohort, protocol_outside
from vct.models import find_model
from vct.spec import cohorts_folder

CARD = find_model("whole-body-4mm")


def test_a_share_that_is_some_is_never_told_as_none() -> None:
    told = describe_outside({"weight_kg": 1 / 5000}, CARD)
    assert told == (
        "less than 0.1 % of the subjects have weight_kg outside 40 to 150 of "
        "whole-body-4mm"
    )


def test_a_spec_may_come_through_a_pipe() -> None:
    """As of ``vct build <(generate)``, which can be read once."""
    written = (cohorts_folder() / "quickstart.yaml").read_bytes()
    there, here = os.pipe()
    with os.fdopen(here, "wb") as pipe:
        pipe.write(written)
    try:
        assert plan_cohort(f"/dev/fd/{there}").spec_bytes == written
    finally:
        os.close(there)


@pytest.mark.parametrize(
    ("uptake_min", "told"),
    [
        ([62.0, 75.0], ()),
        ([62.0, 75.0321], ("62 to 75.03",)),
        ([49.98, 62.0], ("49.98 to 62",)),
        ([61.234, 120.4], ("61.2 to 120",)),
    ],
)
def test_a_protocol_is_told_apart_from_the_bounds_it_passes(
    uptake_min: list[float], told: tuple[str, ...]
) -> None:
    people = {
        "injected_mbq": np.array([240.0, 240.0]),
        "weight_kg": np.array([80.0, 80.0]),
        "uptake_min": np.array(uptake_min),
    }
    expected = [
        f"protocol: uptake_min runs from {ends}, but whole-body-4mm was trained at "
        "50 to 75"
        for ends in told
    ]
    assert list(protocol_outside(people, CARD)) == expected
