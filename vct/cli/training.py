"""``vct train``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from vct.cli.console import say
from vct.errors import EXIT_INTERRUPTED


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command("train")(train)


def train(
    stage: Annotated[
        Literal["base", "superres", "segmenter"], typer.Argument(help="What to train.")
    ],
    config: Annotated[
        str,
        typer.Option(
            metavar="FILE|NAME",
            help="Training configuration: a YAML file, or a preset such as h100-base.",
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the run.")],
    data: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Data, instead of the configuration's."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    resume: Annotated[
        bool, typer.Option(help="Go on from the last checkpoint in the folder.")
    ] = True,
    max_minutes: Annotated[
        float | None, typer.Option(help="Stop after so many minutes of this command.")
    ] = None,
) -> None:
    """Train one stage of a model. Under torchrun, all its GPUs train together."""
    from vct.device import resolve_device
    from vct.training import train as run
    from vct.training.config import find_config
    from vct.training.stopping import TrainingStopped

    try:
        weights = run(
            stage,
            find_config(config),
            out=out,
            data=data,
            device=resolve_device(device),
            resume=resume,
            max_minutes=max_minutes,
            log=say,
        )
    except TrainingStopped as stopped:
        say(f"Stopped, {stopped}: run the same command again to go on.")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    say(f"The averaged weights are in {weights}")
