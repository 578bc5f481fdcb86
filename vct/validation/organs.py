"""Organ volumes, SUVs and HUs by sex, held against measured people.

Reads ``organs.parquet`` only: what made the images is not imported. No bound is judged
in this version: every organ finding is ``info``.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import numpy as np

from vct.manifest import Cohort
from vct.validation.evidence import NOTES
from vct.validation.finding import Finding, Interval, Kind
from vct.validation.statistics import (
    finite,
    mean_difference_interval,
    percent,
    sample_sd,
    sd_difference_interval,
)

if TYPE_CHECKING:
    import pandas as pd

# Order of the tables and plots; names as in organs.parquet.
REPORTED_ORGANS = (
    "liver",
    "spleen",
    "kidneys",
    "heart",
    "lungs",
    "brain",
    "aorta",
    "urinary_bladder",
    "stomach",
    "pancreas",
    "gallbladder",
    "bowel",
    "spine",
    "bone",
    "muscle",
    "subcutaneous_fat",
    "visceral_fat",
)

# Tissues that every field of view cuts: their volume is not compared, and a cut does
# not take them out of the means of SUV and HU.
CUT_BY_EVERY_FIELD = frozenset(
    {"spine", "bone", "muscle", "subcutaneous_fat", "visceral_fat"}
)

QUANTITIES = {"volume_ml": "volume [mL]", "suv_mean": "mean SUV", "hu_mean": "mean HU"}
SEXES = ("F", "M")

NO_BOUND = "No bound is judged in this version."

# Why an organ's numbers are missing, as in the column ``status``.
REFUSALS = {
    "cut_by_field": "cut by the field of view",
    "implausible_volume": "of a volume that no adult has",
    "uncertain": "too uncertain by the segmenter's own estimate",
    "not_found": "not found",
}
_BLADDERS_BY_SUV = (
    "What is hot there has numbers without a network: bladder_suv in organs.parquet. "
)


def organ_findings(cohort: Cohort, references: "pd.DataFrame") -> list[Finding]:
    """Means and standard deviations of each organ by sex.

    Parameters
    ----------
    references
        Rows of ``vct.validation.references`` (organ, quantity, sex, mean, sd, n,
        reading_error, source) with columns ``primary``, of the one that a value is
        judged by, and ``kind``, what agreement with it shows.
    """
    table = cohort.organs.query("source == 'segmenter'").merge(
        cohort.subjects[["subject_id", "sex"]], on="subject_id"
    )
    return [
        *refusal_findings(cohort),
        *(
            finding
            for organ in REPORTED_ORGANS
            for quantity in QUANTITIES
            if not (quantity == "volume_ml" and organ in CUT_BY_EVERY_FIELD)
            for sex in SEXES
            for finding in _organ(table, references, organ, quantity, sex)
        ),
    ]


def refusal_findings(cohort: Cohort) -> list[Finding]:
    """How many organs have no numbers, by reason: missing rather than wrong."""
    rows = cohort.organs
    if "status" not in rows:
        return []
    told = rows[rows["status"] != "not_applicable"]
    return [
        Finding(
            id=f"instrument/refused/{reason}",
            title=f"organ measurements left out: {words}",
            quantity="measurements",
            n=len(told),
            value=float((told["status"] == reason).sum()),
            verdict="info",
            source="organs.parquet",
            kind="descriptive",
            statistic="count",
            note=_by_organ(told.loc[told["status"] == reason, "organ"]),
        )
        for reason, words in REFUSALS.items()
    ]


def _by_organ(organs: "pd.Series") -> str:
    """Organs with how often each occurs, the most frequent first."""
    if organs.empty:
        return "Of no organ in no subject."
    counts = organs.value_counts()
    names = sorted(counts.index, key=lambda name: (-counts[name], name))
    return "; ".join(f"{name.replace('_', ' ')}: {counts[name]}" for name in names)


def _left_out(rows: "pd.DataFrame", organ: str) -> str:
    """Why subjects are missing from a mean, as sentences for its note; or nothing."""
    if "status" not in rows:
        return ""
    counts = rows["status"].value_counts()
    reasons = [f"{counts[r]} {words}" for r, words in REFUSALS.items() if r in counts]
    if not reasons:
        return ""
    instead = _BLADDERS_BY_SUV if organ == "urinary_bladder" else ""
    return f"Left out: {', '.join(reasons)}. {instead}"


def _organ(
    table: "pd.DataFrame",
    references: "pd.DataFrame",
    organ: str,
    quantity: str,
    sex: str,
) -> Iterator[Finding]:
    """Findings of one organ, quantity and sex: one pair for each reference."""
    rows = table[(table["organ"] == organ) & (table["sex"] == sex)]
    if rows.empty:
        return
    x = usable(rows, organ, quantity)
    chosen = references[
        (references["organ"] == organ)
        & (references["quantity"] == quantity)
        & (references["sex"] == sex)
    ].sort_values("primary", ascending=False, kind="stable")
    if chosen.empty:
        yield from _pair(x, None, "descriptive", organ, quantity, sex, rows)
    for reference in chosen.itertuples(index=False):
        kind = cast("Kind", reference.kind)
        yield from _pair(x, reference, kind, organ, quantity, sex, rows)


def usable(rows: "pd.DataFrame", organ: str, quantity: str) -> np.ndarray:
    """Values of the subjects whose organ was found and is whole, (n,)."""
    keep = rows["volume_ml"] > 0
    if organ not in CUT_BY_EVERY_FIELD:
        keep &= ~rows["touches_edge"].astype(bool)
    return finite(rows.loc[keep, quantity].to_numpy())


def _pair(
    x: np.ndarray,
    reference: object | None,
    kind: Kind,
    organ: str,
    quantity: str,
    sex: str,
    rows: "pd.DataFrame",
) -> Iterator[Finding]:
    """The finding on the mean and the finding on the standard deviation."""
    mean, sd, n, reading_error, source, primary = _summary(reference)
    own = {"mean": float(np.mean(x)) if len(x) else None, "sd": sample_sd(x)}
    path = f"organ/{organ}/{quantity}/{sex}"
    intervals: dict[str, Interval | None] = {"mean": None, "sd": None}
    if mean is not None and len(x):
        intervals = {
            "mean": mean_difference_interval(x, mean, sd or 0.0, n, reading_error),
            "sd": sd_difference_interval(x, sd or 0.0, n, name=path),
        }
    for statistic, target in (("mean", mean), ("sd", sd)):
        words = {"mean": "mean", "sd": "standard deviation"}[statistic]
        difference = percent(own[statistic], target)
        yield Finding(
            id=f"{path}/{statistic}" + ("" if primary else f"/{_slug(source)}"),
            title=f"{organ.replace('_', ' ')}, {QUANTITIES[quantity]}, {sex}: {words}",
            quantity=quantity,
            group=sex,
            n=len(x),
            value=own[statistic],
            reference=target,
            difference_percent=difference,
            interval=None if difference is None else intervals[statistic],
            verdict="info",
            source=source,
            kind=kind,
            statistic=statistic,
            organ=organ,
            excluded=len(rows) - len(x),
            note=NOTES.get(kind, "") + _left_out(rows, organ) + NO_BOUND,
        )


def _summary(
    row: object | None,
) -> tuple[float | None, float | None, int, float, str, bool]:
    """Mean, SD, n, reading error, source and primacy of a reference row."""
    if row is None:
        return None, None, 0, 0.0, "no reference", True
    values = row._asdict()  # type: ignore[attr-defined]

    def number(name: str) -> float | None:
        value = values[name]
        return None if value is None or not np.isfinite(value) else float(value)

    return (
        number("mean"),
        number("sd"),
        int(number("n") or 0),
        number("reading_error") or 0.0,
        str(values["source"]),
        bool(values["primary"]),
    )


def _slug(source: str) -> str:
    """First word of a source, for an id."""
    return source.split()[0].strip(",;:").lower()
