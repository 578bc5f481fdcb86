"""Columns of made-up people, read and replaced."""

from dataclasses import replace

import numpy as np

from vct.validation.people import MEASURES, Measure, People


def of(people: People, organ: str, quantity: str) -> np.ndarray:
    """One measurement of everybody, (n,)."""
    return people.values[:, MEASURES.index(Measure(organ, quantity))]


def with_column(people: People, organ: str, quantity: str, values) -> People:
    """The people with one measurement replaced."""
    table = people.values.copy()
    table[:, MEASURES.index(Measure(organ, quantity))] = values
    return replace(people, values=table)
