"""A cohort in the place of a reference: what another cohort is compared with."""

import math
from typing import TYPE_CHECKING

from vct.errors import CohortError
from vct.manifest import Cohort
from vct.validation.reference_file import (
    COLUMNS,
    HISTOGRAM,
    SUV_BIN_EDGES,
    ReferenceFile,
    cohort_instrument,
)

if TYPE_CHECKING:
    import pandas as pd

_PERSON = (
    "subject_id", "age_years", "sex", "height_m", "weight_kg", "bmi_kg_m2", "diagnosis",
)  # fmt: skip


def cohort_as_reference(cohort: Cohort, *, arm: str | None = None) -> ReferenceFile:
    """Organs and people of a cohort, as a reference holds them.

    Percentiles of SUV are NaN and histograms missing: a cohort's tables have none.

    Parameters
    ----------
    arm
        Only the subjects of this arm.

    Raises
    ------
    CohortError
        If the cohort has no such arm.
    """
    people = subjects_of(cohort, arm)
    persons = people[list(_PERSON)].assign(subject_key=people["subject_id"])
    rows = cohort.organs.merge(persons, on="subject_id")
    absent = [name for name in COLUMNS if name not in rows]
    rows = rows.assign(**dict.fromkeys(absent, math.nan), **{HISTOGRAM: None})
    part = f", arm {arm}" if arm else ""
    return ReferenceFile(
        rows=rows[[*COLUMNS, HISTOGRAM]],
        instrument=cohort_instrument(cohort.run),
        source=f"cohort {cohort.path}{part}",
        created_by=f"vct {cohort.run.get('vct_version', 'of unknown version')}",
        suv_bin_edges=SUV_BIN_EDGES,
        left_out={},
    )


def subjects_of(cohort: Cohort, arm: str | None) -> "pd.DataFrame":
    """Subjects of an arm, or all, whose images are written.

    Raises
    ------
    CohortError
        If there is no such arm.
    """
    people = cohort.finished
    if arm is None:
        return people
    arms = sorted(set(people["arm"]))
    if arm not in arms:
        raise CohortError(
            f"{cohort.path} has no arm {arm!r}; its arms are {', '.join(arms)}."
        )
    return people[people["arm"] == arm].reset_index(drop=True)
