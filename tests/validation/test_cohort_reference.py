"""A cohort in the place of a reference loses no subject and changes no number."""

from pathlib import Path

import pandas as pd
import pytest

from tests.validation.fake_cohort import SPEC, write_fake_cohort
from vct.errors import CohortError
from vct.manifest import Cohort, load_cohort
from vct.validation.cohort_reference import cohort_as_reference
from vct.validation.reference_file import read_reference, write_reference

ARMS = "\narms:\n  - {name: treated}\n  - {name: control}\n"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    out = tmp_path_factory.mktemp("cohort") / "out"
    return load_cohort(write_fake_cohort(out, SPEC.format(size=8) + ARMS))


def test_every_measurement_is_there_with_its_person(cohort: Cohort) -> None:
    rows = cohort_as_reference(cohort).rows
    assert len(rows) == len(cohort.organs)
    own = cohort.organs.merge(cohort.subjects, on="subject_id")
    keys = ["subject_id", "source", "organ"]
    both = rows.merge(own, on=keys, suffixes=("", "_own"))
    for column in ("suv_mean", "volume_ml", "age_years", "bmi_kg_m2", "sex"):
        pd.testing.assert_series_equal(
            both[column], both[f"{column}_own"], check_names=False
        )


def test_an_arm_is_a_part(cohort: Cohort) -> None:
    parts = [cohort_as_reference(cohort, arm=arm) for arm in ("treated", "control")]
    names = [set(part.rows["subject_id"]) for part in parts]
    assert not names[0] & names[1]
    assert names[0] | names[1] == set(cohort.subjects["subject_id"])
    assert parts[0].source.endswith(", arm treated")


def test_it_can_be_written_as_a_reference(cohort: Cohort, tmp_path: Path) -> None:
    written = cohort_as_reference(cohort)
    read = read_reference(write_reference(written, tmp_path / "r.parquet"))
    assert len(read.rows) == len(written.rows)


def test_an_arm_that_is_not_there_is_refused(cohort: Cohort) -> None:
    with pytest.raises(CohortError, match="no arm 'placebo'; its arms are control, tr"):
        cohort_as_reference(cohort, arm="placebo")
