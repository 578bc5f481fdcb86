"""Subgroups: complete, without overlap, with the ends where they belong."""

import numpy as np
import pandas as pd

from vct.validation.groups import cells, groups


def who(**columns) -> pd.DataFrame:
    base = {
        "sex": ["F", "M", "F", "M"],
        "age_years": [49.9, 50.0, 65.0, 65.1],
        "bmi_kg_m2": [24.9, 25.0, 30.0, np.nan],
        "diagnosis": ["", "lymphoma", None, "lymphoma"],
    }
    return pd.DataFrame({**base, **columns})


def test_the_ends_belong_to_the_middle_band():
    found = {g.label: g.mask.tolist() for g in groups(who())}
    assert found["age <50"] == [True, False, False, False]
    assert found["age 50-65"] == [False, True, True, False]
    assert found["age >65"] == [False, False, False, True]
    assert found["BMI 25-30"] == [False, True, True, False]
    assert found["BMI >30"] == [False] * 4  # not known is in no band
    assert found["diagnosis: lymphoma"] == [False, True, False, True]
    assert found["men, age >65"] == [False, False, False, True]


def test_a_diagnosis_is_one_however_it_is_spelled():
    spelled = ["LUNG_CANCER", "lung-cancer", "MELANOMA", None]
    found = {g.label: g.mask.tolist() for g in groups(who(diagnosis=spelled))}
    assert found["diagnosis: lung-cancer"] == [True, True, False, False]
    assert found["diagnosis: melanoma"] == [False, False, True, False]


def test_bands_of_one_kind_share_nobody():
    every = groups(who())
    for kind in ("sex", "age", "bmi", "sex x age", "sex x bmi"):
        masks = np.array([g.mask for g in every if g.kind == kind])
        assert masks.sum(axis=0).max() <= 1


def test_cells_name_what_is_known():
    assert cells(who(), with_bmi=True).tolist() == [
        "F/age <50/BMI <25",
        "M/age 50-65/BMI 25-30",
        "F/age 50-65/BMI 25-30",
        "",
    ]
    assert cells(who(), with_bmi=False)[3] == "M/age >65"
