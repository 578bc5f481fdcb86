"""Cohort directory → findings, read from the manifests alone."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vct.errors import SpecError
from vct.manifest import Cohort, load_cohort
from vct.seeds import stream
from vct.validation.against import Asked, comparison_tables, judged_findings
from vct.validation.comparison import BOUND_PERCENT
from vct.validation.comparison_tables import write_tables
from vct.validation.consistency import file_findings, image_findings
from vct.validation.demographics import POOL_SIZE, demographic_findings
from vct.validation.evidence import built_in_kind, learned_phantoms
from vct.validation.finding import Finding, write_findings
from vct.validation.groups import SEXES
from vct.validation.headers import header_findings
from vct.validation.organs import organ_findings
from vct.validation.registration import shift_finding

if TYPE_CHECKING:
    import pandas as pd


def validate_cohort(
    out: str | Path,
    *,
    hashes: bool = False,
    reference: Sequence[str | Path] | None = None,
    bound_percent: float = BOUND_PERCENT,
    any_instrument: bool = False,
) -> list[Finding]:
    """Judge a cohort; write ``findings.json`` and the tables in ``validation``.

    Parameters
    ----------
    out
        Cohort folder of ``vct build``.
    hashes
        Also compare the SHA-256 of every file.
    reference
        Names of built-in references, or files of ``vct autopet reference``, to judge
        by; None shows the built-in ones and judges by none.
    bound_percent
        Bound of equivalence of means.
    any_instrument
        Compare also with what another instrument measured.

    Raises
    ------
    CohortError
        If the folder is not a readable cohort, or a reference cannot be used.
    """
    cohort = load_cohort(out)
    asked = Asked(tuple(map(str, reference or ())), bound_percent, any_instrument)
    references = organ_references()
    references["kind"] = [
        built_in_kind(cohort.run, source) for source in references["source"]
    ]
    tables = comparison_tables(cohort, asked)
    findings = [
        *file_findings(cohort, hashes=hashes),
        *header_findings(cohort),
        *_demographics(cohort),
        *organ_findings(cohort, references),
        *judged_findings(tables, asked),
        *image_findings(cohort, of_phantoms=learned_phantoms(cohort.run)),
        *filter(None, [shift_finding(cohort.images)]),
    ]
    write_tables(cohort.path, tables)
    write_findings(findings, cohort.path)
    return findings


def organ_references() -> "pd.DataFrame":
    """All references by sex, with ``primary`` set on the one a value is judged by."""
    import pandas as pd

    from vct.validation.references import (
        autopet_published,
        hedypet_fit,
        reference_for,
    )

    df = pd.concat([autopet_published(), hedypet_fit()], ignore_index=True)
    df = df[df["group"].isin(SEXES)].reset_index(drop=True)
    chosen = [
        reference_for(str(organ), str(quantity), str(sex))
        for organ, quantity, sex in zip(
            df["organ"], df["quantity"], df["sex"], strict=True
        )
    ]
    df["primary"] = [
        reference is not None and reference.source == source
        for reference, source in zip(chosen, df["source"], strict=True)
    ]
    return df


class SpecSamples(NamedTuple):
    """The spec sampled under another seed, about POOL_SIZE strong, and as built.

    ``drawn`` tells people that are drawn from the rows of a table; ``own_copy`` says
    that this table is the cohort's own ``subjects.parquet``.
    """

    pool: "pd.DataFrame"
    planned: "pd.DataFrame"
    drawn: bool
    own_copy: bool


def spec_samples(cohort: Cohort) -> SpecSamples:
    """Sample the spec of a cohort again.

    Raises
    ------
    SpecError
        If ``cohort.yaml``, or a table it names, is no longer readable.
    """
    from vct.spec import load_spec
    from vct.subjects import sample_subjects

    spec = load_spec(cohort.path / "cohort.yaml")
    seed = int(cohort.run.get("seed", spec.seed))  # 'vct build --seed' wins
    other = int(stream(seed, "validation", "pool").generate_state(1)[0])
    planned = sample_subjects(spec, seed=seed)
    drawn = spec.subjects_file is None
    # Of a table every row stands in the pool as often.
    size = POOL_SIZE if drawn else len(planned) * max(1, POOL_SIZE // len(planned))
    pool = sample_subjects(spec, seed=other, size=size)
    own_copy = spec.subjects_file == cohort.path / "subjects.parquet"
    return SpecSamples(pool, planned, drawn, own_copy)


def _demographics(cohort: Cohort) -> list[Finding]:
    """Findings on the demographics; a spec that cannot be sampled again is stated."""
    try:
        samples = spec_samples(cohort)
    except SpecError as error:
        return [
            Finding(
                id="demographics/subjects/count",
                title="subjects sampled again from cohort.yaml",
                quantity="subjects",
                n=len(cohort.subjects),
                value=None,
                verdict="inconclusive",
                source="cohort.yaml",
                kind="spec",
                statistic="count",
                note=f"The spec could not be sampled again: {error}",
            )
        ]
    findings = demographic_findings(
        cohort, samples.pool, samples.planned, drawn=samples.drawn
    )
    return [*map(_held_against_itself, findings)] if samples.own_copy else findings


def _held_against_itself(finding: Finding) -> Finding:
    """A finding on people whose table is not there: that it passes shows nothing."""
    if finding.verdict != "pass":
        return finding
    note = (
        f"{finding.note} The table that cohort.yaml names is not there: "
        "subjects.parquet was held against itself."
    )
    return replace(finding, verdict="inconclusive", note=note.lstrip())
