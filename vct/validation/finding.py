"""One statement about a cohort: a number, what it is held against, and a verdict."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

from vct.errors import CohortError
from vct.partial import written_beside

FINDINGS_NAME = "findings.json"

Verdict = Literal["pass", "fail", "inconclusive", "info"]
Kind = Literal["calibrated", "seen", "published", "spec", "conformance", "descriptive"]
Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding.

    Attributes
    ----------
    id
        Stable path, such as ``organ/liver/suv_mean/F/mean``.
    title
        One line for people.
    quantity
        What was measured, with its unit in the name (``volume_ml``, ``age_years``).
    group
        ``F``, ``M``, an arm, a stratum, or ``all``.
    n
        Subjects the value rests on.
    value, reference
        The statistic in the cohort and what it is held against; None if there is none.
    difference_percent
        ``100 (value - reference) / reference``.
    interval
        95 % interval of ``difference_percent`` where that is given, else of ``value``.
    bound
        Range of ``value`` that passes; None where nothing is judged.
    verdict
        ``pass`` or ``fail`` against the bound, ``inconclusive`` where the subjects do
        not suffice, ``info`` where nothing is judged.
    source
        Where reference and bound come from.
    kind
        ``calibrated``: the model's training was fitted to this reference, so agreement
        is no evidence. ``seen``: the people may be among those it was trained on.
        ``published``: a measurement of other people. ``spec``: what the cohort was
        asked to be. ``conformance``: files and tables. ``descriptive``: no reference.
    statistic
        ``mean``, ``sd``, ``share``, ``count``, ``ks``, ``r``, ``slope``, ``largest``.
    organ
        Organ as in ``organs.parquet``, else empty.
    excluded
        Subjects left out: organ cut by the field of view, or not found.
    note
        What a reader must know to read the number.
    """

    id: str
    title: str
    quantity: str
    group: str = "all"
    n: int
    value: float | None
    reference: float | None = None
    difference_percent: float | None = None
    interval: Interval | None = None
    bound: Interval | None = None
    verdict: Verdict
    source: str
    kind: Kind
    statistic: str = "mean"
    organ: str = ""
    excluded: int = 0
    note: str = ""


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """The worst verdict: ``fail``, then ``inconclusive``, then ``pass``, then ``info``.

    ``vct validate`` exits with 5 on ``fail``.
    """
    found = {finding.verdict for finding in findings}
    order: tuple[Verdict, ...] = ("fail", "inconclusive", "pass")
    return next((verdict for verdict in order if verdict in found), "info")


def write_findings(findings: Iterable[Finding], out: Path) -> Path:
    """Write ``findings.json``, beside its place first and then renamed."""
    path = out / FINDINGS_NAME
    rows = [asdict(finding) for finding in findings]
    with written_beside(path) as partial:
        partial.write_text(json.dumps(rows, indent=1, allow_nan=False) + "\n", "utf-8")
    return path


def read_findings(out: Path) -> list[Finding]:
    """Read ``findings.json`` of a cohort.

    Raises
    ------
    CohortError
        If it is missing, damaged or of another version of vct.
    """
    path = out / FINDINGS_NAME
    try:
        rows = json.loads(path.read_text("utf-8"))
        return [_finding(row) for row in rows]
    except (OSError, ValueError, TypeError) as error:
        raise CohortError(
            f"{path} cannot be read ({error}). Run 'vct validate {out}' again."
        ) from error


def _finding(row: dict) -> Finding:
    """Finding of one JSON object, pairs made tuples again."""
    names = {field.name for field in fields(Finding)}
    if set(row) != names:
        raise ValueError(f"findings must have exactly the fields {sorted(names)}")
    for name in ("interval", "bound"):
        row[name] = None if row[name] is None else tuple(row[name])
    return Finding(**row)
