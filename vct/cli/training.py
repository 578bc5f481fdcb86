"""``vct train``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from vct.cli.console import say


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command("train")(train)


def train(
    stage: Annotated[
        Literal["base", "superres", "segmenter"], typer.Argument(help="What to train.")
    ],
    config: Annotated[Path, typer.Option(help="Training configuration, YAML.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the run.")],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    resume: Annotated[
        bool, typer.Option(help="Go on from the last checkpoint in the folder.")
    ] = True,
    max_minutes: Annotated[
        float | None, typer.Option(help="Stop by the wall clock.")
    ] = None,
) -> None:
    """Train one stage of a model. Under torchrun, all its GPUs train together."""
    from vct.device import resolve_device
    from vct.training import train as run

    weights = run(
        stage,
        config,
        out=out,
        device=resolve_device(device),
        resume=resume,
        max_minutes=max_minutes,
        log=say,
    )
    say(f"The averaged weights are in {weights}")
