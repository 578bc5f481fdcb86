"""SUV histograms of organs: cohort and reference side by side, subject by subject.

Shares are means over subjects, so that every subject counts once, however large the
organ; a reference is weighted as in ``standardization``, by who has the organ's SUV.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from vct.errors import CohortError
from vct.manifest import Cohort, read_shares
from vct.measured import SUV_BIN_EDGES
from vct.validation.comparison import Against
from vct.validation.comparison_tables import HISTOGRAMS
from vct.validation.groups import groups
from vct.validation.organs import REPORTED_ORGANS
from vct.validation.people import INSTRUMENTS, People
from vct.validation.reference_file import HISTOGRAM, ReferenceFile
from vct.validation.standardization import standardized

if TYPE_CHECKING:
    import pandas as pd

NO_REFERENCE = "none"
_KINDS = ("all", "sex")

# Subject, organ, share of its voxels in each bin.
Shares = Iterable[tuple[str, str, np.ndarray]]
# Group → subject → organ's weight.
Weights = Mapping[str, Mapping[str, Mapping[str, float]]]


def shares_of_cohort(cohort: Cohort) -> Shares:
    """Of the organs that reports show."""
    return read_shares(cohort.path, REPORTED_ORGANS)


def shares_of_reference(reference: ReferenceFile) -> Shares:
    """Of the organs that reports show.

    Raises
    ------
    CohortError
        If the file has other bins than this vct.
    """
    if not np.array_equal(reference.suv_bin_edges, SUV_BIN_EDGES):
        raise CohortError(
            f"The reference of {reference.created_by} has other SUV bins than this "
            "vct. Run 'vct autopet reference' again."
        )
    rows = reference.rows
    shown = rows["organ"].isin(REPORTED_ORGANS) & rows["source"].isin(INSTRUMENTS)
    rows = rows[shown & rows[HISTOGRAM].notna()]
    return zip(rows["subject_id"], rows["organ"], rows[HISTOGRAM], strict=True)


def overlay(
    people: tuple[list[str], People, Shares],
    others: tuple[list[str], People, Shares] | None,
    against: Against,
) -> "pd.DataFrame":
    """Table ``histograms``: everybody, and by sex.

    Parameters
    ----------
    people, others
        Names of the subjects in the order of the second, who and what they are, and
        their shares. Without others, only the cohort is told.
    """
    names, who, shares = people
    if others is None:
        keep = np.ones(who.values.shape)
        return _table(_means(shares, _weights(names, who, keep)), {}, NO_REFERENCE)
    their_names, they, their_shares = others
    made = standardized(who, they, weighted=against.standardize)
    return _table(
        _means(shares, _weights(names, who, made.keep)),
        _means(their_shares, _weights(their_names, they, made.weights)),
        against.name,
    )


def _weights(names: list[str], people: People, weights: np.ndarray) -> Weights:
    """Of weights of every measure, (n, c), those of mean SUVs, by group."""
    columns = {
        measure.organ: column
        for column, measure in enumerate(people.measures)
        if measure.quantity == "suv_mean"
    }
    of_organs = [
        {organ: float(row[column]) for organ, column in columns.items()}
        for row in weights
    ]
    return {
        group.label: {
            name: of_organ
            for name, of_organ, inside in zip(names, of_organs, group.mask, strict=True)
            if inside
        }
        for group in groups(people.who)
        if group.kind in _KINDS
    }


def _means(shares: Shares, weights: Weights) -> dict[tuple[str, str], np.ndarray]:
    """Group and organ → weighted mean share of its voxels in each bin."""
    sums: dict[tuple[str, str], np.ndarray | float] = defaultdict(float)
    totals: dict[tuple[str, str], float] = defaultdict(float)
    for subject, organ, share in shares:
        for group, members in weights.items():
            if weight := members.get(subject, {}).get(organ):
                sums[group, organ] = sums[group, organ] + weight * share
                totals[group, organ] += weight
    return {key: np.asarray(total) / totals[key] for key, total in sums.items()}


def _table(
    own: dict[tuple[str, str], np.ndarray],
    theirs: dict[tuple[str, str], np.ndarray],
    reference: str,
) -> "pd.DataFrame":
    import pandas as pd

    nothing = np.full(len(SUV_BIN_EDGES), np.nan)
    parts = [
        pd.DataFrame(
            {
                "organ": organ,
                "group": group,
                "low_suv": SUV_BIN_EDGES,
                "high_suv": [*SUV_BIN_EDGES[1:], np.inf],
                "share": share,
                "reference_share": theirs.get((group, organ), nothing),
                "reference": reference,
            }
        )
        for (group, organ), share in sorted(own.items())
    ]
    if not parts:
        return pd.DataFrame(columns=list(HISTOGRAMS))
    return pd.concat(parts, ignore_index=True)
