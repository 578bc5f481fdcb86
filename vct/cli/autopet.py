"""``vct autopet``: a user's own copy of AutoPET."""

from pathlib import Path
from typing import Annotated

import typer

from vct.cli.console import say, show, show_json


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.command("inspect")(inspect)

    @group.callback()
    def _group() -> None:
        """Read a copy of AutoPET, in any of its layouts."""

    app.add_typer(group, name="autopet")


def inspect(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of a copy of AutoPET.")
    ],
    demographics: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Table: subject_id, height_m, weight_kg …"),
    ] = None,
    dicom: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="DICOM tree of the same studies, for heights, weights."
        ),
    ] = None,
    voxels: Annotated[
        bool, typer.Option("--voxels", help="Read every voxel too; needs time.")
    ] = False,
    psma: Annotated[
        bool, typer.Option("--psma", help="Take PSMA studies too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """Show what is there, what is usable, and why the rest is not."""
    from vct.autopet.inspect import as_json as told
    from vct.autopet.inspect import describe_all, describe_study
    from vct.autopet.survey import Survey, with_voxels

    survey = Survey(folder, demographics=demographics, dicom=dicom, include_psma=psma)
    say(f"{len(survey)} studies to look at in {folder}")
    reports = []
    for report in survey:
        checked = with_voxels(report) if voxels else report
        reports.append(checked)
        if not as_json:
            show("\n".join(describe_study(checked)))
    for words in [*survey.absurd, *map(str, survey.problems)]:
        say(f"left out: {words}")
    if as_json:
        show_json([told(report) for report in reports])
    else:
        show("\n".join(describe_all(reports)))
