"""What a command says when it is stopped, by Ctrl-C or by a scheduler."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from vct.cli.console import say
from vct.errors import EXIT_INTERRUPTED


@contextmanager
def interruptible(stopped: str) -> Iterator[None]:
    """End with 130 and the words ``stopped`` on Ctrl-C, and on SIGTERM.

    SIGTERM is what SLURM sends before it kills. Afterwards it is handled as before.

    Raises
    ------
    typer.Exit
        If the block was interrupted.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except KeyboardInterrupt:
        say(stopped)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
