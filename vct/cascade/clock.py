"""Seconds per stage without making the device wait."""

import time

import torch


class StageClock:
    """Marks between stages; on CUDA they are events, read after the copy out."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._marks: list[tuple[str, float | torch.cuda.Event]] = []
        self.mark("start")

    def mark(self, name: str) -> None:
        """The stage ``name`` ends here."""
        if self._cuda:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self._marks.append((name, event))
        else:
            self._marks.append((name, time.perf_counter()))

    def seconds(self) -> dict[str, float]:
        """Seconds of each stage; call after the device has finished."""
        spans = {}
        for (_, before), (name, after) in zip(
            self._marks[:-1], self._marks[1:], strict=True
        ):
            if isinstance(before, float) and isinstance(after, float):
                spans[name] = after - before
            else:
                spans[name] = before.elapsed_time(after) / 1000  # type: ignore[union-attr]
        return spans
