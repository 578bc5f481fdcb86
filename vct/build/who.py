"""Whose cohort a folder is: one table of subjects, written once, for all its builds."""

from pathlib import Path
from typing import TYPE_CHECKING

from vct.errors import CohortError
from vct.manifest import read_cohort_subjects
from vct.partial import written_once

if TYPE_CHECKING:
    import pandas as pd

_NAME = "subjects.parquet"
_SHOWN = 5  # subjects in a message


def agreed_subjects(out: Path, planned: "pd.DataFrame") -> "pd.DataFrame":
    """Table of a cohort folder: the planned one, written unless one is there.

    A build that goes on takes the numbers that are there, so that one begun on another
    CPU, where drawn numbers differ in the last bit, stays one cohort.

    Raises
    ------
    CohortError
        If the table that is there is damaged, of other subjects, or of another order.
    """
    from vct.subjects import write_subjects

    path = out / _NAME
    if written_once(path, lambda partial: write_subjects(planned, partial)):
        return planned
    there = read_cohort_subjects(out)
    _require_same(out, there, planned)
    return there


def require_same_subjects(out: Path, planned: "pd.DataFrame") -> None:
    """Refuse a folder whose table ``agreed_subjects`` refuses; write nothing.

    Raises
    ------
    CohortError
        As ``agreed_subjects``.
    """
    path = out / _NAME
    if path.exists():
        _require_same(out, read_cohort_subjects(out), planned)


def _require_same(out: Path, there: "pd.DataFrame", planned: "pd.DataFrame") -> None:
    from vct.subjects import differing_subjects

    differ = differing_subjects(there, planned)
    if differ:
        more = f" and {len(differ) - _SHOWN} more" if len(differ) > _SHOWN else ""
        raise CohortError(
            f"{out} was begun with other subjects: {', '.join(differ[:_SHOWN])}{more} "
            f"differ from {_NAME} there. Give the same table of subjects to "
            "resume, choose another folder with -o, or replace it with "
            "'--on-existing overwrite'."
        )
    if there["subject_id"].tolist() != planned["subject_id"].tolist():
        raise CohortError(
            f"{out} was begun with these subjects in another order, by which shards "
            f"divide them. Put the table into the order of {_NAME} there to "
            "resume, or choose another folder with -o."
        )
