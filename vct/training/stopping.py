"""A run that is asked to stop finishes its step, saves, and says so."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TrainingStopped(Exception):  # noqa: N818 - it is no error
    """The run was asked to stop and has saved where it stands."""


class StopRequest:
    """Whether somebody asked."""

    def __init__(self) -> None:
        self.made = False

    def make(self, number: int, frame: FrameType | None) -> None:
        """Signal handler: once to stop after this step, twice to stop here."""
        if self.made:
            raise KeyboardInterrupt
        self.made = True


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Listen to SIGTERM, which SLURM and torchrun send before they kill, and Ctrl-C."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request  # Python delivers signals to the main thread alone
        return
    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, request.make) for number in signals]
    try:
        yield request
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
