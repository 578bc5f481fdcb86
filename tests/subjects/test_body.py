"""Body measures: published examples and laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vct.subjects.body import (
    bmi_from_weight,
    bsa_du_bois,
    lbm_janmahasatian,
    weight_from_bmi,
)

HEIGHTS = st.floats(1.2, 2.2)
BMIS = st.floats(12, 70)


@given(bmi=BMIS, height=HEIGHTS)
def test_weight_is_the_inverse_of_bmi(bmi: float, height: float) -> None:
    back = bmi_from_weight(weight_from_bmi(bmi, height), height)
    assert float(back) == pytest.approx(bmi, rel=1e-12)


@given(bmi=BMIS, height=HEIGHTS)
def test_lean_mass_is_part_of_the_weight(bmi: float, height: float) -> None:
    weight = weight_from_bmi(bmi, height)
    woman, man = (float(lbm_janmahasatian(weight, bmi, m)) for m in (False, True))
    assert 0 < woman < man < float(weight)


def test_worked_examples() -> None:
    # 70 kg, 170 cm: 0.007184 · 70^0.425 · 170^0.725
    assert float(bsa_du_bois(70, 1.7)) == pytest.approx(1.8097, abs=1e-4)
    # Janmahasatian's own constants at BMI 30 and 90 kg.
    assert float(lbm_janmahasatian(90, 30, True)) == pytest.approx(63.40, abs=0.01)
    assert float(lbm_janmahasatian(90, 30, False)) == pytest.approx(51.81, abs=0.01)


def test_arrays_go_through() -> None:
    lean = lbm_janmahasatian([60, 90], [22, 30], [False, True])
    assert lean.shape == (2,)
    assert np.all(lean > 0)
