"""``vct validate``, ``models`` and ``doctor``: what is there, and is it well."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vct.cli.console import say, show, show_json
from vct.cli.unwritable import told_as_unwritable
from vct.errors import EXIT_FINDINGS_FAILED

if TYPE_CHECKING:
    from vct.models import ModelCard
    from vct.validation import Finding

_Json = Annotated[bool, typer.Option("--json", help="For a program.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("validate")(validate)
    app.command("models")(models)
    app.command("doctor")(doctor)


def validate(
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a cohort.")],
    hashes: Annotated[
        bool, typer.Option("--hashes", help="Compare every file with its SHA-256.")
    ] = False,
    remeasure: Annotated[
        bool,
        typer.Option("--remeasure", help="Segment the DICOM files anew; needs time."),
    ] = False,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            help="Judge by it: autopet-published, hedypet-fit, or a file of "
            "'vct autopet reference'; may be repeated."
        ),
    ] = None,
    bound_percent: Annotated[
        float,
        typer.Option(
            "--bound", min=0.1, max=99, help="Bound of equivalence of means, percent."
        ),
    ] = 5.0,
    any_instrument: Annotated[
        bool,
        typer.Option("--any-instrument", help="Also by what another one measured."),
    ] = False,
    as_json: _Json = False,
) -> None:
    """Judge a cohort and write its findings and report anew."""
    from vct.report import write_report
    from vct.validation import validate_cohort

    advice = (
        "Findings and report are written into the cohort: mend its folder, or validate "
        "a copy that you may write to."
    )
    with told_as_unwritable(out, advice, failed="read or written"):
        if remeasure:
            from vct.cli.remeasure import remeasure_organs
            from vct.validation.against import Asked

            Asked(tuple(reference or ()), bound_percent).check_readable()
            remeasure_organs(out, say)
        findings = validate_cohort(
            out,
            hashes=hashes,
            reference=reference,
            bound_percent=bound_percent,
            any_instrument=any_instrument,
        )
        page = write_report(out, findings)
    if as_json:
        show_json([asdict(finding) for finding in findings])
    else:
        judged = [finding for finding in findings if finding.verdict != "info"]
        for finding in judged:
            show(_line(finding))
        say(f"{len(findings) - len(judged)} more are shown, not judged, in {page}")
    if any(finding.verdict == "fail" for finding in findings):
        raise typer.Exit(EXIT_FINDINGS_FAILED)


def models(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A model, or its folder.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """List the models, or print the card of one and check its files."""
    from vct.models import CARD_NAME, find_model, list_models

    if name is None:
        cards = list_models()
        if as_json:
            show_json([_summary(card) for card in cards])
            return
        for card in cards:
            show(f"{card.name}  {card.version}  {card.summary}")
        if not cards:
            say("No model is bundled with this installation.")
        return
    card = find_model(name)
    card.check_files()
    if as_json:
        show_json({**card.model_dump(mode="json"), "sha256": card.sha256})
    else:
        show((card.folder / CARD_NAME).read_text("utf-8").rstrip())


def doctor(as_json: _Json = False) -> None:
    """Say what this machine can do; copy it into an issue."""
    from vct.doctor import describe, diagnose

    diagnosis = diagnose()
    if as_json:
        show_json(diagnosis)
    else:
        show(describe(diagnosis))


def _summary(card: "ModelCard") -> dict[str, object]:
    return {
        "name": card.name,
        "version": card.version,
        "summary": card.summary,
        "folder": str(card.folder),
        "sha256": card.sha256,
    }


def _line(finding: "Finding") -> str:
    told = f"{finding.verdict:13s} {finding.title}"
    if finding.verdict == "fail" and finding.note:
        told += f". {finding.note}"
    return told
