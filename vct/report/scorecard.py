"""The seven criteria for synthetic medical data, and which finding speaks to which.

Zamzmi et al., Scorecard for synthetic medical data evaluation, Commun Eng 4:130 (2025),
of the FDA's Office of Science and Engineering Laboratories.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from vct.validation.finding import Finding

VERDICTS = ("fail", "inconclusive", "pass", "info")


class Criterion(NamedTuple):
    """One of the seven.

    Attributes
    ----------
    name
        As in the paper; in small letters, the anchor of its section.
    question
        What it asks of this cohort.
    """

    name: str
    question: str

    @property
    def anchor(self) -> str:
        return self.name.lower()


CRITERIA = (
    Criterion("Congruence", "Do organs measure as they do in people?"),
    Criterion("Coverage", "Do subjects differ from one another as people do?"),
    Criterion("Constraint", "Were the people drawn that the specification describes?"),
    Criterion("Completeness", "Is every subject there, and every organ measured?"),
    Criterion("Compliance", "Are the files what they claim to be?"),
    Criterion("Consistency", "Do images follow their subjects, in every subgroup?"),
    Criterion("Comprehension", "Can a reader tell how the cohort was made?"),
)

# The longest beginning of an id wins.
_BY_BEGINNING = {
    "organ/": "Congruence",
    "compare/": "Congruence",
    "instrument/": "Completeness",
    "conformance/subjects": "Completeness",
    "conformance/": "Compliance",
    "demographics/": "Constraint",
    "image/copies": "Coverage",
    "image/": "Consistency",
    "slope/": "Consistency",
}


def criterion_of(finding: Finding) -> str:
    """Name of the criterion a finding speaks to; empty for none."""
    if finding.statistic == "sd" and finding.id.startswith(("organ/", "compare/")):
        return "Coverage"
    fitting = [start for start in _BY_BEGINNING if finding.id.startswith(start)]
    return _BY_BEGINNING[max(fitting, key=len)] if fitting else ""


def counts(findings: Sequence[Finding]) -> dict[str, Counter[str]]:
    """Verdicts of each criterion, in the order of ``CRITERIA``.

    Findings that speak to none of the seven come last, as ``Other``.
    """
    found = {criterion.name: Counter[str]() for criterion in CRITERIA}
    for finding in findings:
        name = criterion_of(finding) or "Other"
        found.setdefault(name, Counter())[finding.verdict] += 1
    return found
