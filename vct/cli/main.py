"""The application: commands gathered, errors turned into words and exit codes."""

import io
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

import vct
from vct.cli import autopet, build, cohorts, compare, look, pictures, training
from vct.cli.console import say, show
from vct.errors import EXIT_BUG, VctError

app = typer.Typer(
    name="vct",
    help="Virtual PET/CT patient cohorts: demographics in, paired FDG PET/CT in DICOM "
    "out. Not for clinical use.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
build.register(app)
cohorts.register(app)
look.register(app)
compare.register(app)
pictures.register(app)
training.register(app)
autopet.register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        show(f"vct {vct.__version__}")
        raise typer.Exit()


@app.callback()
def _global(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
) -> None:
    """Options of every command; ``--debug`` is read by ``main``, wherever it stands."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; ends with one of the documented exit codes."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [argument for argument in given if argument != "--debug"]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    try:
        app(given, prog_name="vct")
    except VctError as error:
        if debug:
            traceback.print_exc()
        say(f"error: {error}")
        sys.exit(error.exit_code)
    except Exception:
        traceback.print_exc()
        say(
            "error: this is a bug of vct, not of your input. Please report it with "
            "the lines above and the output of 'vct doctor'."
        )
        sys.exit(EXIT_BUG)
