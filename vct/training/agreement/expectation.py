"""What phantoms of the same demographics have, person by person.

Generated subjects are some of the population's people, and those who come first are not
the mean of all: means and spreads of two sets can differ by their people alone.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from vct.training.agreement.regression import fit, smooth_design
from vct.training.agreement.tables import Measured


class Found(NamedTuple):
    """Values of some subjects that were told, in two parts that add up, (n,) each.

    ``expected`` is what the population predicts from the subject's demographics,
    ``residual`` what is found beside it; in the measure's unit.
    """

    expected: np.ndarray
    residual: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """What was found."""
        return self.expected + self.residual


class Expectation:
    """Expectation of one measure in one group, by a quadratic in the demographics.

    Parameters
    ----------
    measured
        All sets; the fit is to the population.
    group
        As in ``Measured.groups``.
    key
        (organ, quantity).

    ``known`` is False where the population holds too few values for a fit; nothing is
    found then.
    """

    def __init__(self, measured: Measured, group: str, key: tuple[str, str]) -> None:
        self._measured, self._group, self._key = measured, group, key
        self._with_sex = group == "all"
        population = measured.of("population", group)
        reference = fit(self._design(population.index), self._found(population.index))
        self.known = reference is not None
        self._coefficients = reference.coefficients if reference else np.zeros(0)

    def of_set(self, name: str) -> Found:
        """Values of a whole set, of this group."""
        return self.of(self._measured.of(name, self._group).index)

    def of(self, subjects: pd.Index) -> Found:
        """Values of those subjects who have one."""
        found = self._found(subjects)
        told = np.isfinite(found) & self.known
        if not told.any():
            return Found(np.zeros(0), np.zeros(0))
        expected = self._design(subjects[told]) @ self._coefficients
        return Found(expected, found[told] - expected)

    def _found(self, subjects: pd.Index) -> np.ndarray:
        return self._measured.found(subjects, self._key)

    def _design(self, subjects: pd.Index) -> np.ndarray:
        people = self._measured.subjects.loc[subjects]
        return smooth_design(people, with_sex=self._with_sex)
