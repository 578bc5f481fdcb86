"""From finished subjects to a finished cohort: tables, verdicts, report."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vct.build.failures import told_as_user_errors
from vct.build.folder import finished, read_identity
from vct.errors import CohortError
from vct.manifest import append_event, collect, merge_runs, read_cohort_subjects

if TYPE_CHECKING:
    from vct.validation import Finding


def utc_now() -> datetime:
    """Wall clock: a default argument, so that tests can set another."""
    return datetime.now(UTC)


def finish_cohort(
    out: str | Path,
    *,
    report: bool | None = None,
    now: Callable[[], datetime] = utc_now,
) -> "list[Finding]":
    """Merge the shards of a cohort: one run.json, tables, findings, report.

    Parameters
    ----------
    out
        Folder all shards were built into.
    report
        Whether to write ``report.html``; as the spec says by default.

    Raises
    ------
    CohortError
        If the folder is no cohort, or a shard or a subject is missing.
    SpecError
        If ``cohort.yaml`` cannot be read, and ``report`` is not given.
    VctError
        If the disk is full or not writable.
    """
    from vct.spec import load_spec

    out = Path(out)
    read_identity(out)
    subjects = read_cohort_subjects(out)["subject_id"]
    absent = [name for name in subjects if not finished(out, name)]
    if absent:
        named = ", ".join(absent[:5]) + (", ..." if len(absent) > 5 else "")
        raise CohortError(
            f"{out}: {len(absent)} of {len(subjects)} subjects are not finished "
            f"({named}). Run the same 'vct build' of their shards again, then "
            "'vct finish'."
        )
    with told_as_user_errors(out):
        if any(out.glob("run-*of*.json")):
            merge_runs(out)
        if report is None:  # a fixed table is found in a folder that has a run.json
            report = load_spec(out / "cohort.yaml").output.report
        findings = summarize(out, report=report)
        append_event(out, "cohort_finished", now=now(), n_subjects=len(subjects))
    return findings


def summarize(out: Path, *, report: bool) -> "list[Finding]":
    """Write tables, findings and report from the subjects that are finished."""
    from vct.validation import validate_cohort

    collect(out)
    findings = validate_cohort(out)
    if report:
        from vct.report import write_report

        write_report(out, findings)
    return findings
