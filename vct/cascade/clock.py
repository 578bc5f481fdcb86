"""Seconds per stage without making the device wait."""

import time
from itertools import pairwise

import torch


class StageClock:
    """Marks between stages; on CUDA they are events, read after the copy out."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._marks: list[tuple[str, float | torch.cuda.Event]] = []
        self.mark("start")

    def mark(self, name: str) -> None:
        """The stage ``name`` ends here."""
        if self._device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record(torch.cuda.current_stream(self._device))
            self._marks.append((name, event))
        else:
            self._marks.append((name, time.perf_counter()))

    def seconds(self) -> dict[str, float]:
        """Seconds of each stage; waits for the last mark."""
        last = self._marks[-1][1]
        if isinstance(last, torch.cuda.Event):
            last.synchronize()
        return {
            name: _between(before, after)
            for (_, before), (name, after) in pairwise(self._marks)
        }


def _between(
    before: float | torch.cuda.Event, after: float | torch.cuda.Event
) -> float:
    if isinstance(before, torch.cuda.Event) and isinstance(after, torch.cuda.Event):
        return before.elapsed_time(after) / 1000
    assert isinstance(before, float)
    assert isinstance(after, float)
    return after - before
