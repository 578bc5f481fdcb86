"""Boxes of the flow of subjects: every number accounts for the next."""

from itertools import pairwise
from types import SimpleNamespace

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from vct.report.flow import flow


def cohort(planned: int, done: int, measured: int):
    names = [f"S{i}" for i in range(planned)]
    subjects = pd.DataFrame(
        {"subject_id": names, "arm": ["a" if i % 2 else "b" for i in range(planned)]}
    )
    organs = pd.DataFrame(
        {
            "subject_id": names[:done] * 2,
            "source": ["segmenter"] * done + ["threshold"] * done,
            "volume_ml": [1.0] * measured + [None] * (done - measured) + [1.0] * done,
        }
    )
    return SimpleNamespace(subjects=subjects, finished=subjects[:done], organs=organs)


@given(st.data())
def test_a_box_less_its_losses_is_the_next_box(data):
    planned = data.draw(st.integers(1, 20))
    done = data.draw(st.integers(0, planned))
    measured = data.draw(st.integers(0, done))
    names = st.sampled_from(["age_years >= 18", "bmi_kg_m2 < 40"])
    attrition = data.draw(st.dictionaries(names, st.integers(0, 50)))
    steps = flow(cohort(planned, done, measured), attrition)
    for step, following in pairwise(steps):
        assert step.n - step.n_lost == following.n
    assert steps[-1].n == measured
    for step in steps:
        assert not step.parts or sum(step.parts.values()) == step.n


def test_subjects_of_a_table_were_never_candidates():
    titles = [step.title for step in flow(cohort(3, 3, 3), {})]
    assert titles[0] == "Subjects in the plan"
