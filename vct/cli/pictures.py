"""``vct preview`` and ``contact-sheet``: a cohort as people look at it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vct.cli.console import say
from vct.cli.unwritable import told_as_unwritable
from vct.errors import CohortError
from vct.partial import written_beside

if TYPE_CHECKING:
    from vct.manifest import Cohort

_Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a cohort.")]
SortKey = Literal[
    "subject_id", "age_years", "bmi_kg_m2", "weight_kg", "height_m", "sex"
]


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("preview")(preview)
    app.command("contact-sheet")(contact_sheet)


def preview(
    out: _Folder,
    only: Annotated[
        list[str] | None,
        typer.Option(help="This subject only, such as S0017; may be repeated."),
    ] = None,
) -> None:
    """Draw the pictures of subjects anew, from their DICOM files."""
    from vct.dicom import read_series
    from vct.manifest import load_cohort
    from vct.report import write_preview_of_volumes
    from vct.subjects import Subject

    cohort = load_cohort(out)
    folder = out / "previews"
    rows = _chosen(cohort, only)
    advice = "Mend the folder, or draw into a copy that you may write to."
    with told_as_unwritable(folder, advice):
        folder.mkdir(exist_ok=True)
    for number, row in enumerate(rows, start=1):
        subject = Subject.from_row(row)
        files = out / "dicom" / subject.subject_id
        path = folder / f"{subject.subject_id}.png"
        ct, pet = read_series(files, "CT"), read_series(files, "PT")
        with told_as_unwritable(path, advice), written_beside(path) as partial:
            write_preview_of_volumes(ct, pet, subject, partial)
        say(f"{number}/{len(rows)} {path}")


def contact_sheet(
    out: _Folder,
    sheet: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="PNG; contact-sheet.png in the folder."),
    ] = None,
    sort_by: Annotated[SortKey, typer.Option(help="Order of the tiles.")] = (
        "subject_id"
    ),
    columns: Annotated[int, typer.Option(min=1, help="Tiles in a row.")] = 6,
) -> None:
    """Draw all subjects of a cohort on one sheet, from their previews.

    More than 400 finished subjects are refused, and one without a preview: 'vct
    preview' draws it.
    """
    from vct.manifest import load_cohort
    from vct.report import write_contact_sheet

    path = sheet or out / "contact-sheet.png"
    cohort = load_cohort(out)
    with told_as_unwritable(path, "Name a PNG that you may write with -o."):
        shown = write_contact_sheet(cohort, path, sort_by=sort_by, columns=columns)
    say(f"{shown} subjects in {path}")


def _chosen(cohort: "Cohort", only: list[str] | None) -> list:
    """Rows of the subjects to draw, in the order of the table."""
    finished = cohort.finished
    unknown = set(only or ()) - set(finished["subject_id"])
    if unknown:
        raise CohortError(
            f"{cohort.path} has no finished subject {', '.join(sorted(unknown))}. "
            f"There are {len(finished)}, such as {finished['subject_id'].iloc[0]}."
            if len(finished)
            else f"{cohort.path} has no finished subject."
        )
    wanted = finished[finished["subject_id"].isin(only)] if only else finished
    return list(wanted.itertuples())
