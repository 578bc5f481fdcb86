"""A reference made like a cohort: its people weighted by sex, age and BMI band."""

import numpy as np

from vct.errors import CohortError
from vct.validation.groups import cells
from vct.validation.people import People

FEWEST_COMPARED = 2  # people a side below which there is no comparison
_CELLS_OF = {True: "sex, age band and BMI band", False: "sex and age band"}  # with BMI


def standardized(
    cohort: People, reference: People, *, weighted: bool
) -> tuple[np.ndarray, np.ndarray, str]:
    """How a reference is made like a cohort.

    Parameters
    ----------
    weighted
        Weight the reference's people by cells of demographics; else all count one.

    Returns
    -------
    tuple
        Subjects of the cohort that are kept, bool (n,); weights of the reference's
        people (m,); and what was done, in words.
    """
    everyone, alike = np.ones(len(cohort), bool), np.ones(len(reference))
    if not weighted:
        return everyone, alike, "Demographics are not adjusted for."
    with_bmi = _with_bmi(reference)
    ours = cells(cohort.who, with_bmi=with_bmi)
    theirs = cells(reference.who, with_bmi=with_bmi)
    names, counts = np.unique(theirs[theirs != ""], return_counts=True)
    available = dict(zip(names.tolist(), counts.tolist(), strict=True))
    keep = np.array([cell in available for cell in ours], bool)
    asked, wanted = np.unique(ours[keep], return_counts=True)
    share = {
        cell: n / available[cell]
        for cell, n in zip(asked.tolist(), wanted.tolist(), strict=True)
    }
    weights = np.array([share.get(cell, 0.0) for cell in theirs])
    note = f"Reference weighted to the cohort's {_CELLS_OF[with_bmi]}."
    if not keep.all():
        note += f" Left out: {int((~keep).sum())} subjects like whom it has nobody."
    return keep, weights, note


def standardized_within(
    cohort: People,
    reference: People,
    ours: np.ndarray,
    theirs: np.ndarray,
    *,
    weighted: bool,
) -> tuple[np.ndarray, np.ndarray, str]:
    """As ``standardized``, of a part of both; nobody outside of it is kept.

    Weights of the whole make the parts alike only where these are bands of the very
    demographics: of one diagnosis, the sexes and ages may be others in the reference.

    Parameters
    ----------
    ours, theirs
        The part, bool (n,) and (m,).
    """
    keep, weights = np.zeros(len(cohort), bool), np.zeros(len(reference))
    keep[ours], weights[theirs], note = standardized(
        cohort.part(ours), reference.part(theirs), weighted=weighted
    )
    return keep, weights, note


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
    keep, weights, _ = standardized(cohort, reference, weighted=weighted)
    kept, counterparts = int(keep.sum()), int((weights > 0).sum())
    if min(kept, counterparts) < FEWEST_COMPARED:
        raise CohortError(
            f"{name}: by {_CELLS_OF[_with_bmi(reference)]}, {kept} of "
            f"{len(cohort)} subjects have counterparts in it, {counterparts} of its "
            f"{len(reference)} people; {FEWEST_COMPARED} a side are needed. Name a "
            "reference of such people, or take all as they are with 'vct compare "
            "--unweighted'."
        )
