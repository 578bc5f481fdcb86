"""Ctrl-C and SIGTERM end a command with words, and leave nothing behind."""

import signal
from collections.abc import Callable

import pytest
import typer

from vct.cli.interrupt import interruptible
from vct.errors import EXIT_INTERRUPTED


def terminate() -> None:
    signal.raise_signal(signal.SIGTERM)


def ctrl_c() -> None:
    raise KeyboardInterrupt  # not by a signal, which a job in the background ignores


@pytest.mark.parametrize("stop", [terminate, ctrl_c])
def test_a_stop_ends_the_command_with_its_words(
    stop: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(typer.Exit) as end, interruptible("Stopped. Go on like this."):
        stop()
    assert end.value.exit_code == EXIT_INTERRUPTED
    assert capsys.readouterr().err == "Stopped. Go on like this.\n"
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_is_not_interrupted_is_left_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ValueError, match="of its own"), interruptible("Stopped."):
        raise ValueError("of its own")
    assert not capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before
