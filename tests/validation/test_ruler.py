"""The ruler judges as it should: faults by name, faultless cohorts hardly ever."""

import numpy as np
import pandas as pd
import pytest

from vct.validation.ruler import FAULTS, draw_people, judge, markdown


@pytest.fixture(scope="module")
def reference():
    return draw_people(np.random.default_rng(0), 600)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_named_where_it_is(fault, reference):
    rng = np.random.default_rng(3)
    planted = fault.plant(draw_people(rng, 500), rng)
    assert fault.named(judge(planted, reference))


def test_a_faultless_cohort_has_none_of_the_faults(reference):
    judged = judge(draw_people(np.random.default_rng(4), 500), reference)
    assert [fault.name for fault in FAULTS if fault.named(judged)] == []


def test_rates_are_told_as_a_table():
    df = pd.DataFrame(
        [{"n": 64, "a": 0.255, "b": 0.0}, {"n": 256, "a": 1.0, "b": 1e-3}]
    )
    assert markdown(df).splitlines() == [
        "| | n = 64 | n = 256 |",
        "|---|---|---|",
        "| a | 25.5 % | 100 % |",
        "| b | 0 % | 0.1 % |",
    ]
