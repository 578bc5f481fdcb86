"""The comparison in words and tables, Markdown."""

import math
from collections.abc import Iterable, Sequence

from vct.training.agreement.comparison import Comparison, verdict_counts
from vct.training.agreement.memory import copies, not_measured
from vct.training.agreement.row import Row, rows_table
from vct.training.agreement.tables import LISTED, Measured

_MOST_FAILURES = 60


def summary(measured: Measured, result: Comparison) -> str:
    """What was compared, what passed and what did not, and the figures behind it."""
    parts = [
        _head(measured),
        _verdicts(result),
        _moments(measured, result.rows),
        _whole(result.rows),
        _memory(measured, result),
        _failures(result.rows),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(measured: Measured) -> str:
    n = {name: len(measured.of(name)) for name in ("generated", "population", "fresh")}
    plan = measured.plan
    model = str(plan.get("model") or "unnamed model").rsplit(" ", 1)[0]
    spacing = plan.get("spacing_mm")
    return (
        f"{n['generated']} generated subjects of {model}"
        + (f" at {spacing:g} mm" if spacing else "")
        + f" against {n['population']} phantoms; chance: {n['fresh']} fresh phantoms "
        "of the generated subjects' demographics in their place. One segmenter "
        "measured all sets. Phantoms, not people: agreement says that the model "
        "learned what it was shown."
    )


def _verdicts(result: Comparison) -> str:
    counts = verdict_counts(rows_table(result.rows))
    lines = [
        (
            str(row["part"]),
            str(row["statistic"]),
            f"{row['passed']} of {row['judged']}",
            f"{row['chance_passed']} of {row['with_chance']}"
            if row["with_chance"]
            else "",
        )
        for row in counts.to_dict("records")
    ]
    return table_of(("part", "figure", "passed", "passed by fresh phantoms"), lines)


def _moments(measured: Measured, rows: Iterable[Row]) -> str:
    """Listed organs: means, spreads and whole distributions, each beside chance."""
    found = {
        (r.statistic, r.group, r.organ, r.quantity): r
        for r in rows
        if r.part in ("moments", "distribution") and r.organ in LISTED
    }
    lines = []
    for organ in LISTED:
        for quantity in ("volume_ml", "suv_mean"):
            for group in measured.groups:
                mean = found.get(("mean difference", group, organ, quantity))
                ratio = found.get(("SD ratio", group, organ, quantity))
                distance = found.get(("KS distance", group, organ, quantity))
                if mean and ratio and distance:
                    lines.append(
                        (
                            organ,
                            quantity,
                            group,
                            f"{with_interval(mean, '+.1f')}{mark(mean)}",
                            _number(mean.chance, "+.1f"),
                            f"{with_interval(ratio, '.2f')}{mark(ratio)}",
                            _number(ratio.chance, ".2f"),
                            _number(distance.value, ".2f"),
                            _number(distance.chance, ".2f"),
                        )
                    )
    figures = ("mean [%]", "SD ratio", "KS distance")
    beside_chance = [part for figure in figures for part in (figure, "chance")]
    head = ("organ", "measure", "sex", *beside_chance)
    return table_of(head, lines) + "\n\n\\* beyond its bound." if lines else ""


def _whole(rows: Iterable[Row]) -> str:
    lines = [
        (
            row.quantity,
            row.statistic,
            row.group,
            with_interval(row, ".4g") + mark(row),
            _number(row.chance, ".4g"),
            f"{row.bound[0]:.3g} to {row.bound[1]:.3g}" if row.bound else "",
            row.unit,
        )
        for row in rows
        if row.part in ("consistency", "cells", "slopes")
        and row.organ in ("body", "all listed")
        and (row.part == "consistency" or row.organ == "all listed")
    ]
    head = ("measure", "figure", "sex", "value", "chance", "bound", "unit")
    return table_of(head, lines)


def _memory(measured: Measured, result: Comparison) -> str:
    rows = [row for row in result.rows if row.part == "memory"]
    if not rows:
        return ""
    lines = [
        (
            row.statistic,
            f"{row.group} {row.quantity}".removeprefix("all "),
            with_interval(row, ".3g") + mark(row),
            _number(row.chance, ".3g"),
            f"{row.bound[0]:.3g} to {row.bound[1]:.3g}" if row.bound else "",
        )
        for row in rows
    ]
    head = ("figure", "of", "value", "chance", "bound")
    missing = not_measured(measured)
    if missing:
        words = f"Copies were not looked for: {' and '.join(missing)} not measured."
    else:
        found = copies(result.neighbors)
        names = ", ".join(str(copy["subject_id"]) for copy in found[:8])
        words = f"Copies of training phantoms: {len(found)}"
        words += f" ({names})." if found else "."
    return table_of(head, lines) + "\n\n" + words


def _failures(rows: Iterable[Row]) -> str:
    failed = [row for row in rows if row.verdict in ("fail", "inconclusive")]
    failed.sort(key=lambda row: row.verdict == "inconclusive")
    if not failed:
        return "Every judged figure passed."
    lines = [
        f"- {row.id}: {row.verdict}, {with_interval(row, '.3g')} {row.unit}".rstrip()
        + (f", bound {row.bound[0]:.3g} to {row.bound[1]:.3g}" if row.bound else "")
        + (f", fresh phantoms {row.chance:.3g}" if row.chance is not None else "")
        + (f" ({row.chance_verdict})" if row.chance_verdict else "")
        for row in failed
    ]
    if len(lines) > _MOST_FAILURES:
        rest = len(lines) - _MOST_FAILURES
        lines = [*lines[:_MOST_FAILURES], f"- and {rest} more: see figures.csv"]
    return "Not passed:\n\n" + "\n".join(lines)


def with_interval(row: Row, form: str) -> str:
    """Value and its 90 % interval."""
    value = _number(row.value, form)
    if row.interval is None:
        return value
    low, high = (format(x, form) for x in row.interval)
    return f"{value} ({low} to {high})"


def mark(row: Row) -> str:
    """A star where a figure did not pass."""
    return " \\*" if row.verdict == "fail" else ""


def _number(value: float | None, form: str) -> str:
    return "" if value is None or math.isnan(value) else format(value, form)


def table_of(head: tuple[str, ...], lines: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table; empty without lines."""
    if not lines:
        return ""
    rows = [head, ("---",) * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
