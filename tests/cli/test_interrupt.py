"""Ctrl-C and SIGTERM end a command with words, and leave nothing behind."""

import signal

import pytest
import typer

from vct.cli.interrupt import interruptible
from vct.errors import EXIT_INTERRUPTED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_command_with_its_words(
    number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(typer.Exit) as end, interruptible("Stopped. Go on like this."):
        signal.raise_signal(number)
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
