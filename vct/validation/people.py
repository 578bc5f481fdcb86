"""Measured subjects as a matrix: who they are, and what their organs measure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vct.manifest import Cohort
from vct.validation.organs import (
    CUT_BY_EVERY_FIELD,
    QUANTITIES,
    REFUSALS,
    REPORTED_ORGANS,
)

if TYPE_CHECKING:
    import pandas as pd

WHO = ("sex", "age_years", "height_m", "bmi_kg_m2", "diagnosis")
INSTRUMENTS = ("segmenter", "masks")  # sources of organs that have a border


class Measure(NamedTuple):
    """One quantity of one organ."""

    organ: str
    quantity: str


# What is compared: volumes of what every field cuts depend on where a scan ends.
MEASURES = tuple(
    Measure(organ, quantity)
    for organ in REPORTED_ORGANS
    for quantity in QUANTITIES
    if not (quantity == "volume_ml" and organ in CUT_BY_EVERY_FIELD)
)


@dataclass(frozen=True)
class People:
    """Subjects and their measurements.

    Attributes
    ----------
    who
        Columns ``WHO``, one row a subject; what is not known is NaN or None.
    values
        (n, measures); NaN where an organ was refused.
    measures
        Columns of ``values``.
    """

    who: "pd.DataFrame"
    values: np.ndarray
    measures: tuple[Measure, ...] = MEASURES

    def __len__(self) -> int:
        return len(self.who)

    def part(self, mask: np.ndarray) -> "People":
        """Some of them, mask (n,)."""
        who = self.who[mask].reset_index(drop=True)
        return People(who, self.values[mask], self.measures)


def people_of_cohort(cohort: Cohort) -> People:
    """The finished subjects of a cohort."""
    return people_of_rows(cohort.organs, cohort.finished)


def people_of_rows(
    organs: "pd.DataFrame",
    who: "pd.DataFrame | None" = None,
    measures: Sequence[Measure] = MEASURES,
) -> People:
    """Subjects of a long table: one row a subject and organ.

    Parameters
    ----------
    organs
        Columns ``subject_id organ source status`` and the quantities.
    who
        Columns ``subject_id`` and ``WHO``; taken from ``organs`` if None.
    """
    if who is None:
        who = organs.drop_duplicates("subject_id")
    who = who.set_index("subject_id")
    rows = organs[organs["source"].isin(INSTRUMENTS) & (organs["volume_ml"] > 0)]
    rows = rows[~rows["status"].isin([*REFUSALS, "not_applicable"])]
    if "touches_edge" in rows:  # tables without status
        whole = ~rows["touches_edge"].astype(bool)
        rows = rows[whole | rows["organ"].isin(CUT_BY_EVERY_FIELD)]
    wide = (
        rows.set_index(["subject_id", "organ"])[list(QUANTITIES)]
        .unstack("organ")
        .reindex(who.index)
    )
    empty = np.full(len(who), np.nan)
    columns = [
        wide[m.quantity, m.organ].to_numpy(float)
        if (m.quantity, m.organ) in wide
        else empty
        for m in measures
    ]
    return People(
        who=who.reindex(columns=list(WHO)).reset_index(drop=True),
        values=np.column_stack(columns) if len(who) else np.empty((0, len(measures))),
        measures=tuple(measures),
    )
