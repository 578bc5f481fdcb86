"""A reference made like a cohort: its people weighted by sex, age and BMI band.

Measure by measure, among those who have it: scans that cut an organ do so more often in
some people than in others, and weights of everybody would not make the rest alike.
"""

import re
from typing import NamedTuple

import numpy as np

from vct.errors import CohortError
from vct.validation.groups import cells
from vct.validation.people import People

FEWEST_COMPARED = 2  # people a side below which there is no comparison
_CELLS_OF = {True: "sex, age band and BMI band", False: "sex and age band"}  # with BMI
_GAP = " Left out here: {} more, like whom it has nobody with a number."
GAP = re.compile(_GAP.format(r"\d+"))


class Standardized(NamedTuple):
    """How a reference is made like a cohort, for each of c measures.

    Attributes
    ----------
    keep
        Subjects of the cohort that have counterparts, bool (n, c).
    weights
        Of the reference's people, (m, c); of use where they have the measure.
    left_out
        Subjects like whom the reference has nobody at all.
    gaps
        Further subjects with a number like whom it has nobody with one, (c,).
    note
        What was done, in words; ``notes`` adds the gaps.
    """

    keep: np.ndarray
    weights: np.ndarray
    left_out: int
    gaps: np.ndarray
    note: str

    @property
    def notes(self) -> np.ndarray:
        """What was done for each measure, in words, (c,)."""
        told = [self.note + (_GAP.format(gap) if gap else "") for gap in self.gaps]
        return np.array(told, dtype=object)


def standardized(cohort: People, reference: People, *, weighted: bool) -> Standardized:
    """How a reference is made like a cohort.

    Parameters
    ----------
    weighted
        Weight the reference's people by cells of demographics; else all count one.
    """
    return standardized_among(
        cohort,
        reference,
        np.isfinite(cohort.values),
        np.isfinite(reference.values),
        weighted=weighted,
    )


def standardized_among(
    cohort: People,
    reference: People,
    have: np.ndarray,
    they_have: np.ndarray,
    *,
    weighted: bool,
) -> Standardized:
    """As ``standardized``, of what the subjects are said to have.

    Parameters
    ----------
    have, they_have
        Who has what, bool (n, c) and (m, c). What nobody of a side has is treated
        as if all of that side had it: there is nothing to compare.
    """
    n_measures = have.shape[1]
    if not weighted:
        everyone = np.ones((len(cohort), n_measures), bool)
        alike = np.ones((len(reference), n_measures))
        none = np.zeros(n_measures, int)
        return Standardized(
            everyone, alike, 0, none, "Demographics are not adjusted for."
        )
    with_bmi = _with_bmi(reference)
    theirs = cells(reference.who, with_bmi=with_bmi)
    names = np.unique(theirs[theirs != ""])
    in_cell = cells(cohort.who, with_bmi=with_bmi)[:, None] == names
    they_in_cell = theirs[:, None] == names
    wanted, available = (
        members.T.astype(float) @ (has | ~has.any(axis=0))
        for members, has in ((in_cell, have), (they_in_cell, they_have))
    )
    share = np.divide(wanted, available, out=np.zeros_like(wanted), where=available > 0)
    keep = in_cell.astype(float) @ (available > 0) > 0
    like_some = in_cell.any(axis=1)
    left_out = int((~like_some).sum())
    note = f"Reference weighted to the cohort's {_CELLS_OF[with_bmi]}."
    if left_out:
        note += f" Left out: {left_out} subjects like whom it has nobody."
    gaps = (have & like_some[:, None] & ~keep).sum(axis=0)
    return Standardized(keep, they_in_cell @ share, left_out, gaps, note)


def standardized_within(
    cohort: People,
    reference: People,
    ours: np.ndarray,
    theirs: np.ndarray,
    *,
    weighted: bool,
) -> Standardized:
    """As ``standardized``, of a part of both; nobody outside of it is kept.

    Weights of the whole make the parts alike only where these are bands of the very
    demographics: of one diagnosis, the sexes and ages may be others in the reference.

    Parameters
    ----------
    ours, theirs
        The part, bool (n,) and (m,).
    """
    part = standardized(cohort.part(ours), reference.part(theirs), weighted=weighted)
    keep = np.zeros(cohort.values.shape, bool)
    weights = np.zeros(reference.values.shape)
    keep[ours], weights[theirs] = part.keep, part.weights
    return part._replace(keep=keep, weights=weights)


def _with_bmi(reference: People) -> bool:
    return bool(reference.who["bmi_kg_m2"].notna().mean() > 0.9)


def require_comparable(
    cohort: People, reference: People, name: str, *, weighted: bool
) -> None:
    """Refuse a comparison of nobody, or of one, and say why it is one.

    ``name`` is the reference's, for the message.

    Raises
    ------
    CohortError
        If fewer than 2 people a side can be compared.
    """
    if min(len(cohort), len(reference)) < FEWEST_COMPARED:
        raise CohortError(
            f"{name}: it has {len(reference)} people, the cohort "
            f"{len(cohort)}; a comparison needs {FEWEST_COMPARED} a side. Build or "
            "name more subjects."
        )
    everyone = (np.ones((len(people), 1), bool) for people in (cohort, reference))
    made = standardized_among(cohort, reference, *everyone, weighted=weighted)
    kept, counterparts = int(made.keep.sum()), int((made.weights > 0).sum())
    if min(kept, counterparts) < FEWEST_COMPARED:
        raise CohortError(
            f"{name}: by {_CELLS_OF[_with_bmi(reference)]}, {kept} of "
            f"{len(cohort)} subjects have counterparts in it, {counterparts} of its "
            f"{len(reference)} people; {FEWEST_COMPARED} a side are needed. Name a "
            "reference of such people, or take all as they are with 'vct compare "
            "--unweighted'."
        )
