"""Planted shifts are named by the finding, unshifted cohorts never."""

import pytest

from vct.validation.shift_ruler import SHIFT_FAULTS, shift_rates


@pytest.mark.parametrize("n", [16, 300])
def test_shifts_are_named_and_nothing_else(n: int) -> None:
    rates = shift_rates(n, repetitions=20, seed=3)
    assert set(rates) == set(SHIFT_FAULTS)
    assert rates["PET shifted by a slice of 4 mm"] == 1
    assert rates["PET shifted by a slice of 2 mm"] == 1
    assert rates["half of the PETs shifted by a slice of 4 mm up, half down"] == 1
    assert rates["PET of one subject shifted by a slice of 4 mm"] == 1
    assert rates["shifted PET named without a fault"] == 0


def test_the_same_seed_gives_the_same_rates() -> None:
    """Also of a fault that is found in some cohorts only."""
    fault = "PET of one subject shifted by a slice of 2 mm"
    rates = shift_rates(32, repetitions=40, seed=5)
    assert 0 < rates[fault] < 1
    assert rates == shift_rates(32, repetitions=40, seed=5)
