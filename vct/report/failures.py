"""What failed, in lines short enough for the first page."""

from collections.abc import Sequence

from vct.report.tables import signed
from vct.validation.finding import Finding
from vct.validation.organs import QUANTITIES

MOST_GROUPS = 4  # named in a line; the others are counted


def failure_lines(findings: Sequence[Finding]) -> list[str]:
    """One line a failed finding; groups of one organ and quantity share a line."""
    lines: dict[str, list[str]] = {}
    for finding in findings:
        if finding.verdict != "fail":
            continue
        off = f"{signed(finding.difference_percent)} %"
        if finding.id.startswith("compare/"):
            lines.setdefault(_measure(finding), []).append(f"{finding.group} {off}")
        elif finding.difference_percent is not None:
            lines.setdefault(finding.title, []).append(off)
        else:
            lines.setdefault(finding.title, []).append(finding.note)
    return [_line(title, parts) for title, parts in lines.items()]


def _measure(finding: Finding) -> str:
    quantity = QUANTITIES.get(finding.quantity, finding.quantity)
    statistic = {"mean": "mean", "sd": "standard deviation"}[finding.statistic]
    organ = finding.organ.replace("_", " ")
    return f"{organ}, {quantity}, {statistic}, against {finding.source}"


def _line(title: str, parts: Sequence[str]) -> str:
    told = ", ".join(part for part in parts[:MOST_GROUPS] if part)
    more = len(parts) - MOST_GROUPS
    words = f"{title}: {told}" if told else title
    return f"{words}, and in {more} more groups" if more > 0 else words
