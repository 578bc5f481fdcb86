"""One cohort against another: arms of a trial, models, seeds."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vct.errors import CohortError
from vct.manifest import Cohort, load_cohort
from vct.validation.comparison import (
    BOUND_PERCENT,
    Against,
    check_bound,
    compare,
)
from vct.validation.comparison_tables import COMPARISONS
from vct.validation.histograms import overlay, shares_of_cohort
from vct.validation.people import People, people_of_rows
from vct.validation.reference_file import (
    cohort_instrument,
    require_same_instrument,
)
from vct.validation.slopes import compare_slopes
from vct.validation.standardization import require_comparable

if TYPE_CHECKING:
    import pandas as pd

EVIDENCE = "other cohort"


@dataclass(frozen=True)
class Side:
    """A cohort, or one of its arms."""

    folder: Path
    arm: str | None = None


def names_of(one: Side, other: Side) -> tuple[str, str]:
    """Names for tables: folder and arm, and folders above where these are the same.

    Examples
    --------
    >>> names_of(Side(Path("new")), Side(Path("old"), "treated"))
    ('new', 'old, arm treated')
    >>> names_of(Side(Path("may/out")), Side(Path("june/out")))
    ('may/out', 'june/out')
    """
    parts = [Path(os.path.abspath(side.folder)).parts for side in (one, other)]
    depth = 1
    while parts[0] != parts[1] and parts[0][-depth:] == parts[1][-depth:]:
        depth += 1
    folders = (Path(*of[-depth:]).as_posix() for of in parts)
    a, b = (
        f"{folder}, arm {side.arm}" if side.arm else folder
        for folder, side in zip(folders, (one, other), strict=True)
    )
    return a, b


def compare_cohorts(
    one: Side,
    other: Side,
    *,
    bound_percent: float = BOUND_PERCENT,
    any_instrument: bool = False,
    weighted: bool = True,
) -> "dict[str, pd.DataFrame]":
    """Compare a cohort with another, which plays the reference.

    Parameters
    ----------
    bound_percent
        Bound of equivalence of means.
    any_instrument
        Compare also what two instruments measured.
    weighted
        Weight the other's subjects to the first one's sex, age and BMI bands, and
        leave out whom it has nobody like; else all count as they are.

    Returns
    -------
    dict
        ``comparisons``, ``slopes`` and ``histograms`` of ``comparison_tables``; the
        last is empty where a cohort is of a vct that kept none.

    Raises
    ------
    CohortError
        If a folder is no cohort or has no such arm, both sides share people, or organs
        were measured by two instruments and ``any_instrument`` is not set; if the
        bound is none; or if fewer than 2 subjects a side can be compared.
    """
    check_bound(bound_percent)
    cohorts = load_cohort(one.folder), load_cohort(other.folder)
    remark = require_same_instrument(
        cohort_instrument(cohorts[0].run),
        cohort_instrument(cohorts[1].run),
        any_instrument=any_instrument,
    )
    own = people_of_arm(cohorts[0], one.arm)
    theirs = people_of_arm(cohorts[1], other.arm)
    _require_two(one, other)
    _, name = names_of(one, other)
    source = f"cohort {other.folder}" + (f", arm {other.arm}" if other.arm else "")
    against = Against(name, EVIDENCE, source, bound_percent, weighted)
    require_comparable(own, theirs, name, weighted=weighted)
    told = compare(own, theirs, against).assign(primary=True)[list(COMPARISONS)]
    slopes = compare_slopes(own, theirs, against)
    for df in (told, slopes) if remark else ():
        df["note"] = (df["note"] + f" {remark}").str.strip()
    histograms = overlay(
        (_names(cohorts[0], one.arm), own, shares_of_cohort(cohorts[0])),
        (_names(cohorts[1], other.arm), theirs, shares_of_cohort(cohorts[1])),
        against,
    )
    return {"comparisons": told, "slopes": slopes, "histograms": histograms}


def _require_two(one: Side, other: Side) -> None:
    """Refuse sides that share people: every test takes them for two samples.

    Raises
    ------
    CohortError
        If both are one folder, and one arm or, of a side, no arm.
    """
    if one.folder.resolve() != other.folder.resolve():
        return
    if one.arm == other.arm:
        sides = f"{one.folder} would be compared with itself"
    elif one.arm and other.arm:
        return
    else:
        arm = one.arm or other.arm
        sides = (
            f"Arm {arm!r} would be compared with the whole of {one.folder}, which "
            "contains it"
        )
    raise CohortError(
        f"{sides}. Name another cohort, or two arms with --arm-a and --arm-b."
    )


def people_of_arm(cohort: Cohort, arm: str | None) -> People:
    """Finished subjects of an arm, or of all.

    Raises
    ------
    CohortError
        If there is no such arm.
    """
    arms = sorted(set(cohort.subjects["arm"].dropna()))
    if arm is not None and arm not in arms:
        raise CohortError(
            f"{cohort.path} has no arm {arm!r}; its arms are {', '.join(arms)}."
        )
    return people_of_rows(cohort.organs, subjects_of(cohort, arm))


def subjects_of(cohort: Cohort, arm: str | None) -> "pd.DataFrame":
    """Rows of the finished subjects of an arm, or of all."""
    people = cohort.finished
    return people if arm is None else people[people["arm"] == arm]


def _names(cohort: Cohort, arm: str | None) -> list[str]:
    return subjects_of(cohort, arm)["subject_id"].tolist()
