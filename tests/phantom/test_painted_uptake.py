"""From readings to paint: whole organs average to what was asked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vct.phantom.painted_uptake import (
    COLDEST_WALL_TO_BLOOD,
    GREY_SHARE,
    MYOCARDIUM_SHARE,
    RENAL_PELVIS_SHARE,
    UPTAKE_FROM,
    corrected,
    painted_uptake,
    structures_read,
)
from vct.phantom.population import fitted_table
from vct.phantom.structures import NAMES

QUANTITIES = [
    name.removeprefix("suv/")
    for name in fitted_table()["quantities"]
    if name.startswith("suv/")
]
NO_SPREAD = dict.fromkeys(NAMES, 0.0)


def paint(**readings: float) -> dict[str, float]:
    return painted_uptake(dict.fromkeys(QUANTITIES, 2.0) | readings, NO_SPREAD)


@given(heart=st.floats(0.5, 8.0), blood=st.floats(1.0, 3.0))
def test_wall_and_blood_average_to_the_heart(heart: float, blood: float) -> None:
    suv = paint(heart=heart, aorta=blood)
    wall, pool = suv["myocardium"], suv["blood_pool_left"]
    whole = MYOCARDIUM_SHARE * wall + (1 - MYOCARDIUM_SHARE) * pool
    assert whole == pytest.approx(heart)
    assert pool <= blood
    assert wall >= COLDEST_WALL_TO_BLOOD * pool - 1e-9


@given(brain=st.floats(2.0, 15.0))
def test_grey_and_white_average_to_the_brain(brain: float) -> None:
    suv = paint(brain=brain)
    whole = GREY_SHARE * suv["brain_grey"] + (1 - GREY_SHARE) * suv["brain_white"]
    assert whole == pytest.approx(brain)


@given(kidney=st.floats(1.5, 5.0))
def test_cortex_and_urine_average_to_the_kidney(kidney: float) -> None:
    suv = paint(kidney_left=kidney)
    share, urine = RENAL_PELVIS_SHARE, suv["renal_pelvis_left"]
    whole = share * urine + (1 - share) * suv["kidney_cortex_left"]
    assert whole == pytest.approx(kidney)


def test_every_structure_is_painted_and_every_source_is_fitted() -> None:
    assert set(paint()) == set(NAMES)
    assert {quantity for quantity, _ in UPTAKE_FROM.values()} <= set(QUANTITIES)


def test_every_fitted_uptake_is_painted_somewhere() -> None:
    assert set(structures_read()) == set(QUANTITIES)
    assert {s for group in structures_read().values() for s in group} <= set(NAMES)


def test_a_correction_stretches_about_its_middle() -> None:
    row = {"factor": {"F": 1.1, "M": 1.2}, "exponent": 1.5, "at": 2.0}
    at_middle = corrected({"liver": 2.0, "brain": 7.0}, "M", {"liver": row})
    assert at_middle == {"liver": pytest.approx(2.4), "brain": 7.0}
    above = corrected({"liver": 4.0}, "F", {"liver": row})
    assert above["liver"] == pytest.approx(1.1 * 2.0 * 2**1.5)


def test_committed_corrections_are_of_fitted_organs_and_moderate() -> None:
    for name, row in fitted_table()["reading_correction"].items():
        assert name in QUANTITIES
        assert 0.5 < min(row["factor"].values()) <= max(row["factor"].values()) < 2.5
        assert 0.9 <= row["exponent"] <= 2.0
        assert np.isfinite(row["at"])
