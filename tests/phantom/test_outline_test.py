"""The outline test: fits return what was planted, girths are those of known shapes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vct.errors import SpecError
from vct.phantom.composition import ANSUR, build_frame
from vct.phantom.demographics import Demographics
from vct.phantom.outline_test import (
    HIP_BONES,
    NAVEL,
    ansur_fits,
    main,
    phantom_waists,
    waist_table,
    waists_cm,
)
from vct.phantom.population import draw_anatomy

ANSUR_COLUMNS = (
    "chestbreadth", "chestdepth", "waistbreadth", "waistdepth", "hipbreadth",
    "buttockdepth", "biacromialbreadth", "neckcircumference", "thighcircumference",
    "bicepscircumferenceflexed", "bicristalbreadth",
)  # fmt: skip


def soldiers(n: int = 60) -> pd.DataFrame:
    """Whose sizes are those in use, to the millimeter."""
    rng = np.random.default_rng(0)
    height_cm, bmi = rng.normal(172, 8, n), rng.normal(27, 4, n)
    sex = np.where(np.arange(n) % 2, "F", "M")
    sizes = {
        column: [
            float(np.dot(ANSUR[s][size], (1, h - 170, b - 26)))
            for s, h, b in zip(sex, height_cm, bmi, strict=True)
        ]
        for column, size in zip(ANSUR_COLUMNS, ANSUR["F"], strict=True)
    }
    people = {"sex": sex, "stature": 10 * height_cm}
    weight_kg = bmi * (height_cm / 100) ** 2
    return pd.DataFrame({**people, "weight_kg": weight_kg, **sizes})


def people(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "sex": np.where(np.arange(n) % 2, "F", "M"),
            "age_years": rng.uniform(20, 79, n),
            "height_m": rng.normal(1.7, 0.08, n),
            "bmi_kg_m2": rng.uniform(18, 44, n),
        }
    )
    waist = 0.2 * table["age_years"] + 2 * table["bmi_kg_m2"] + 30 * table["height_m"]
    return table.assign(waist_cm=waist)


def test_fits_return_what_was_planted() -> None:
    for row in ansur_fits(soldiers()):
        for sex in "FM":
            assert row[f"{sex}, fitted"] == row[f"{sex}, in use"]
            assert row[f"{sex}, SD beside"] == "0"


def test_a_round_trunk_has_the_girth_of_a_circle() -> None:
    person = Demographics("F", 50.0, 1.65, 25.0)
    frame = build_frame(draw_anatomy(person, np.random.default_rng(2)))
    outline = frame.outline
    outline.a[:], outline.b[:], outline.n[:] = 100.0, 100.0, 2.0
    girths = waists_cm(frame)
    assert girths[NAVEL] == girths[HIP_BONES] == pytest.approx(20 * np.pi, rel=1e-4)


def test_the_table_tells_slopes_and_spread_of_people() -> None:
    table = people()
    waists = pd.DataFrame({NAVEL: table["waist_cm"], HIP_BONES: table["waist_cm"] + 7})
    rows = {(row["sex"], row[""]): row for row in waist_table(table, waists)}
    for sex in "FM":
        for name, expected in (
            ("per 10 years", 2), ("per kg/m²", 2), ("per 10 cm of height", 3),
            ("SD beside", 0),
        ):  # fmt: skip
            row = rows[sex, name]
            assert row["people"] == row["phantoms, navel"] == f"{expected:.1f}"
        mean = rows[sex, "mean, BMI 25 to 30"]
        assert int(mean["phantoms, hip bones"]) - int(mean["people"]) == 7


def test_heavier_phantoms_have_wider_waists() -> None:
    one = people(2).assign(bmi_kg_m2=22.0)
    slim, heavy = (phantom_waists(one.assign(bmi_kg_m2=bmi), 0) for bmi in (22.0, 35.0))
    assert (heavy - slim).min(axis=None) > 15


def test_missing_data_are_said(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"ansur_2\.csv is missing: DATA must hold"):
        main([str(tmp_path)])
