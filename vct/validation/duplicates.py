"""Subjects that are one subject twice, by what their organs measure.

Distances are taken between logarithms of the measures in units of their SD. In many
measures two people are never close by chance; a copy, even measured again, is.
"""

import math
from typing import NamedTuple

import numpy as np

from vct.validation.people import People

# A pair is one subject twice if less than this share of two people's usual distance
# parts it. By chance the closest of half a million pairs of 46 measures lies at 0.3.
COPY = 0.1
# The least of many distances is below their root mean square, which is at most √2 of
# the usual one, reached by two subjects.
FARTHEST = math.sqrt(2.0)
FEWEST_MEASURES = 8
FEWEST_SUBJECTS = 12
_LEAST_MEASURED = 0.5


class Pair(NamedTuple):
    """Rows of two subjects, and their distance over two people's usual one."""

    one: int
    other: int
    distance: float


def same_subjects(people: People) -> list[Pair]:
    """Pairs that are one subject twice, closest first."""
    return [pair for pair in nearest_pairs(people) if pair.distance < COPY]


def nearest_pairs(people: People) -> list[Pair]:
    """Each subject with the one nearest to it, closest pair first.

    Measures and subjects of which more than half is missing are left out, and two
    subjects are told apart by what both have. Below eight measures or twelve subjects
    nothing is told.
    """
    from scipy.spatial import KDTree

    rows, table = _measured(people.values)
    if len(table) < FEWEST_SUBJECTS or table.shape[1] < FEWEST_MEASURES:
        return []
    x = _standardized(table)
    # What is missing counts as the mean, to find whom to compare with.
    filled = np.nan_to_num(x)
    _, found = KDTree(filled).query(filled, k=2)
    # Two of everybody: copies without any difference may find themselves second.
    own = found[:, 0] == np.arange(len(x))
    other = np.where(own, found[:, 1], found[:, 0])
    apart = x - x[other]
    enough = np.isfinite(apart).sum(axis=1) >= FEWEST_MEASURES
    # Two people differ in each measure by √2 of its SD, in the root mean square.
    distances = np.sqrt(np.nanmean(apart[enough] ** 2, axis=1) / 2)
    pairs = {
        (int(min(i, j)), int(max(i, j))): float(d)
        for i, j, d in zip(rows[enough], rows[other][enough], distances, strict=True)
    }
    ranked = sorted(pairs.items(), key=lambda item: item[1])
    return [Pair(i, j, d) for (i, j), d in ranked]


def _measured(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of which half is there, and their values of the measures that half have."""
    if not values.size:
        return np.empty(0, int), np.empty((0, 0))
    present = np.isfinite(values)
    columns = np.flatnonzero(present.mean(axis=0) >= _LEAST_MEASURED)
    enough = present[:, columns].sum(axis=1) >= _LEAST_MEASURED * len(columns)
    rows = np.flatnonzero(enough)
    return rows, values[np.ix_(rows, columns)]


def _standardized(table: np.ndarray) -> np.ndarray:
    """Logarithms in units of their SD, (n, measures that vary); HU as they are."""
    positive = ~(table <= 0).any(axis=0)
    y = np.where(positive, np.log(np.where(table > 0, table, 1.0)), table)
    y = np.where(np.isfinite(table), y, np.nan)
    spread = np.nanstd(y, axis=0)
    return (y - np.nanmean(y, axis=0))[:, spread > 0] / spread[spread > 0]
