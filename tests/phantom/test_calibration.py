"""Calibration: a reading that is a known function of the paint is inverted."""

import numpy as np
import pytest

from vct.phantom.calibration import (
    FACTOR_RANGE,
    calibration_people,
    correction_of,
    corrections,
)
from vct.phantom.demographics import Demographics
from vct.phantom.painted_uptake import corrected
from vct.phantom.reading import Reading

MALE = np.arange(60) % 2 == 1


def test_a_reading_that_loses_level_and_spread_is_brought_back() -> None:
    rng = np.random.default_rng(0)
    drawn = np.exp(rng.normal(0.7, 0.2, 60))
    level = np.where(MALE, 0.9, 0.8)

    def read(painted: np.ndarray) -> np.ndarray:
        return level * painted**0.8 * np.exp(rng.normal(0, 0.01, 60))

    row = correction_of(drawn, drawn, read(drawn), MALE)
    painted = [
        corrected({"liver": d}, "M" if m else "F", {"liver": row})["liver"]
        for d, m in zip(drawn, MALE, strict=True)
    ]
    again = read(np.array(painted))
    assert again == pytest.approx(drawn, rel=0.05)
    assert np.log(again).std() == pytest.approx(np.log(drawn).std(), rel=0.05)


def test_a_perfect_reading_is_left_alone() -> None:
    drawn = np.exp(np.random.default_rng(1).normal(0.7, 0.2, 60))
    row = correction_of(drawn, drawn, drawn, MALE)
    assert row["factor"] == {"F": pytest.approx(1), "M": pytest.approx(1)}
    assert row["exponent"] == pytest.approx(1)


def test_noise_alone_stretches_nothing() -> None:
    rng = np.random.default_rng(2)
    drawn = np.exp(rng.normal(0.7, 0.2, 60))
    row = correction_of(drawn, drawn, drawn * np.exp(rng.normal(0, 0.1, 60)), MALE)
    assert row["exponent"] == pytest.approx(1, abs=0.1)


def test_a_factor_has_bounds() -> None:
    drawn = np.exp(np.random.default_rng(3).normal(0.7, 0.2, 60))
    row = correction_of(drawn, drawn, 0.01 * drawn, MALE)
    assert row["factor"]["F"] == FACTOR_RANGE[1]


def test_an_organ_out_of_the_field_gets_no_correction() -> None:
    readings = []
    for n, suv in enumerate(np.exp(np.random.default_rng(4).normal(0.7, 0.2, 8))):
        readings.append(
            Reading(
                person=Demographics("FM"[n % 2], 50.0, 1.7, 25.0),
                drawn={"suv/liver": suv, "suv/spleen": 2.0},
                painted={"liver": suv, "spleen": 2.0},
                volume_ml={"liver": 1500.0} | dict.fromkeys(_others("liver"), 0.0),
                suv=dict.fromkeys(("liver", *_others("liver")), float(suv) / 1.25),
                hu={},
                myocardium_pattern="none",
                activity_share=0.8,
                scan_volume_ml={},
            )
        )
    table, ratios = corrections(readings)
    assert set(table) == {"liver"}
    assert ratios["liver"] == pytest.approx(0.8)
    assert table["liver"]["factor"]["M"] == pytest.approx(1.25, rel=1e-3)


def _others(name: str) -> list[str]:
    from vct.phantom.structures import NAMES

    return [n for n in NAMES if n != name]


def test_people_of_the_calibration_are_the_same_each_time() -> None:
    first, second = (list(calibration_people(6, seed=1)) for _ in range(2))
    assert first == second
    assert [p.sex for p in first] == list("FMFMFM")
    assert first[:4] == list(calibration_people(4, seed=1))


@pytest.mark.slow
def test_what_is_read_is_what_was_drawn() -> None:
    """Other people than the calibration's, rendered and read."""
    from vct.grid import whole_body_grid
    from vct.phantom.reading import read_phantom

    grid = whole_body_grid(4.0)
    readings = [
        read_phantom(person, grid, 99, "test", n)
        for n, person in enumerate(calibration_people(12, seed=99))
    ]
    _, ratios = corrections(readings)
    for organ in ("liver", "spleen", "kidney_left", "brain", "aorta", "muscle"):
        assert ratios[organ] == pytest.approx(1, abs=0.03), organ
    for organ in ("heart", "lung_left", "lung_right", "subcutaneous_fat"):
        assert ratios[organ] == pytest.approx(1, abs=0.05), organ
    assert max(r.activity_share for r in readings) < 1
