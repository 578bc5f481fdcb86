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
_FEWEST_MEASURES = 8
_FEWEST_SUBJECTS = 12


class Pair(NamedTuple):
    """Rows of two subjects, and their distance over two people's usual one."""

    one: int
    other: int
    distance: float


def same_subjects(people: People) -> list[Pair]:
    """Pairs that are one subject twice, closest first.

    A measure that any subject lacks is left out; below eight measures or twelve
    subjects nothing is told.
    """
    distances = nearest(people)
    if distances is None:
        return []
    neighbour, apart = distances
    pairs = {
        (min(i, j), max(i, j)): d
        for i, (j, d) in enumerate(zip(neighbour.tolist(), apart.tolist(), strict=True))
        if d < COPY
    }
    ranked = sorted(pairs.items(), key=lambda item: item[1])
    return [Pair(i, j, d) for (i, j), d in ranked]


def nearest(people: People) -> tuple[np.ndarray, np.ndarray] | None:
    """Nearest other subject of each, and its distance over the root mean square one.

    Returns
    -------
    tuple or None
        Rows (n,) and distances (n,); None where there is too little to go by.
    """
    from scipy.spatial import KDTree

    table = people.values[:, np.isfinite(people.values).all(axis=0)]
    if table.shape[1] < _FEWEST_MEASURES or len(table) < _FEWEST_SUBJECTS:
        return None
    x = _standardized(table)
    found, rows = KDTree(x).query(x, k=2)
    # Two of everybody: copies without any difference may find themselves second.
    own = rows[:, 0] == np.arange(len(x))
    other = np.where(own, rows[:, 1], rows[:, 0])
    apart = np.where(own, found[:, 1], found[:, 0])
    usual = np.sqrt(2 * (x**2).sum(axis=1).mean())
    return other, apart / usual


def _standardized(table: np.ndarray) -> np.ndarray:
    """Logarithms in units of their SD, (n, measures that vary); HU as they are."""
    positive = (table > 0).all(axis=0)
    y = np.where(positive, np.log(np.where(positive, table, 1.0)), table)
    spread = y.std(axis=0)
    return (y - y.mean(axis=0))[:, spread > 0] / spread[spread > 0]
