"""Subjects in words: ages as the headers have them."""

from dataclasses import replace

import pytest

from tests.validation.fake_cohort import FakeSubject
from vct.report.words import sex_and_age, stature


@pytest.mark.parametrize(("age_years", "told"), [(76.0, "76"), (76.97, "76")])
def test_ages_are_completed_years_as_in_the_headers(age_years, told):
    subject = replace(FakeSubject(), age_years=age_years)
    assert sex_and_age(subject) == f"woman, {told} years"


def test_stature_has_its_units():
    assert stature(FakeSubject()) == "1.64 m, BMI 27.3 kg/m²"
