"""Is the cohort what was asked for, and how does it compare with people."""

from vct.validation.finding import Finding, read_findings, verdict_of, write_findings
from vct.validation.run import validate_cohort

__all__ = [
    "Finding",
    "read_findings",
    "validate_cohort",
    "verdict_of",
    "write_findings",
]
