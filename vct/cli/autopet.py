"""``vct autopet``: a user's own copy of AutoPET."""

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vct.cli.console import duration, say, show, show_json
from vct.cli.interrupt import interruptible

if TYPE_CHECKING:
    from vct.autopet.preparing import Outcome

_Demographics = Annotated[
    Path | None,
    typer.Option(metavar="CSV", help="Table: subject_id, height_m, weight_kg …"),
]
_Dicom = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="DICOM tree of the same studies, for heights, weights."
    ),
]
_Psma = Annotated[bool, typer.Option("--psma", help="Take PSMA studies too.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.command("inspect")(inspect)
    group.command("prepare")(prepare)
    group.command("reference")(reference)

    @group.callback()
    def _group() -> None:
        """Read a copy of AutoPET, in any of its layouts, and prepare it."""

    app.add_typer(group, name="autopet")


def inspect(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of a copy of AutoPET.")
    ],
    demographics: _Demographics = None,
    dicom: _Dicom = None,
    voxels: Annotated[
        bool, typer.Option("--voxels", help="Read every voxel too; needs time.")
    ] = False,
    psma: _Psma = False,
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


def prepare(
    source: Annotated[
        Path, typer.Argument(metavar="SRC", help="Folder of a copy of AutoPET.")
    ],
    out: Annotated[
        Path, typer.Argument(metavar="DST", help="Folder of the prepared studies.")
    ],
    spacing_mm: Annotated[
        float, typer.Option(metavar="MM", help="Voxels of the grid: 2, 4, 8 or 16 mm.")
    ] = 2.0,
    workers: Annotated[
        int,
        typer.Option(min=0, help="Studies side by side, 2 GiB each; 0 starts none."),
    ] = 2,
    held_out_share: Annotated[
        float, typer.Option(help="Share of patients kept to compare a model with.")
    ] = 0.1,
    calibration_share: Annotated[
        float, typer.Option(help="Share of patients kept to calibrate a model on.")
    ] = 0.05,
    seed: Annotated[int, typer.Option(min=0, help="Seed of that split.")] = 0,
    demographics: _Demographics = None,
    dicom: _Dicom = None,
    arms_down: Annotated[
        bool, typer.Option("--arms-down", help="Take studies with arms down too.")
    ] = False,
    psma: _Psma = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Show errors only.")
    ] = False,
) -> None:
    """Bring studies onto the model's grid. To go on, run the same again."""
    from vct.autopet.preparing import Settings, prepare_folder
    from vct.autopet.survey import Survey

    settings = Settings(
        spacing_mm,
        held_out_share,
        calibration_share,
        seed,
        arms_down,
        psma,
        demographics,
        dicom,
    )
    survey = Survey(source, demographics=demographics, dicom=dicom, include_psma=psma)
    follow = _Follow(len(survey), quiet)
    with interruptible(
        "Stopped. Prepared studies are kept: run the same command again to go on."
    ):
        prepare_folder(survey, out, settings, workers=workers, notify=follow)
    if not quiet:
        for words in [*survey.absurd, *map(str, survey.problems)]:
            say(f"left out: {words}")
        say(f"{follow.counted()}: {out}; pictures in {out / 'qc'}")


def reference(
    prepared: Annotated[
        Path, typer.Argument(metavar="DST", help="Folder of 'vct autopet prepare'.")
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Table to write, .parquet.")
    ] = Path("reference.parquet"),
    masks: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Label images, NAME.nii.gz, by the names of DST/studies.",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="YAML",
            help="What the numbers of --masks mean, 'number: organ'; without it they "
            "are TotalSegmentator's.",
        ),
    ] = None,
    totalsegmentator: Annotated[
        bool,
        typer.Option("--totalsegmentator", help="Find organs by TotalSegmentator."),
    ] = False,
    unvalidated: Annotated[
        bool,
        typer.Option(
            "--unvalidated",
            help="Find organs by the bundled segmenter, never tested on patients.",
        ),
    ] = False,
    model: Annotated[
        str, typer.Option(help="Model whose segmenter is used, with --unvalidated.")
    ] = "whole-body-4mm",
    split: Annotated[
        Literal["all", "training", "calibration", "held_out"],
        typer.Option(help="Which of the prepared studies."),
    ] = "all",
    workers: Annotated[int, typer.Option(min=1, help="Studies at a time.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Measure organs of prepared studies: a reference for 'vct validate'."""
    from vct.autopet.prepared import PreparedFolder
    from vct.cli.organ_finder import choose_finder
    from vct.cli.reference import measure_reference
    from vct.device import resolve_device

    folder = PreparedFolder(prepared)
    finder = choose_finder(
        folder,
        masks=masks,
        labels=labels,
        totalsegmentator=totalsegmentator,
        unvalidated=unvalidated,
        model=model,
        device=resolve_device(device),
    )
    say(f"Organs by {finder.instrument}")
    with interruptible(
        "Stopped. Measured studies are kept: run the same command again to go on."
    ):
        written = measure_reference(
            folder, out, finder, split=split, workers=workers, notify=say
        )
    studies = written.rows["subject_id"].nunique()
    say(f"{studies} studies in {out}, {len(written.left_out)} left out")


class _Follow:
    """One line per study on stderr, with the time that remains."""

    def __init__(self, total: int, quiet: bool) -> None:
        self._total, self._quiet = total, quiet
        self._begin, self._counts = time.monotonic(), Counter[str]()

    def __call__(self, outcome: "Outcome") -> None:
        self._counts[outcome.status] += 1
        if self._quiet:
            return
        line = f"{self._counts.total()}/{self._total} {outcome.study_id}"
        line += f" {outcome.status}"
        if outcome.reasons:
            line += f": {'; '.join(outcome.reasons)}"
        if outcome.status == "prepared":
            line += f" in {outcome.seconds:.1f} s"
            passed = time.monotonic() - self._begin
            left = self._total - self._counts.total()
            seconds = passed / self._counts["prepared"] * left
            line += f", {duration(seconds)} remaining" if left else ""
        say(line)

    def counted(self) -> str:
        """How many of each, such as ``3 prepared, 1 left out``."""
        return ", ".join(f"{n} {status}" for status, n in self._counts.items())
