"""What a run writes down: loss by noise level, throughput, memory.

Sums stay on the device until a line is due, count every process's samples, and are
part of the checkpoint: a line says the same however often the run was stopped.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vct.errors import VctError
from vct.partial import written_beside
from vct.provenance import peak_memory_bytes
from vct.training.parallel import Place, sum_of_all
from vct.training.schedule import RunState

Log = Callable[[str], None]
_EDGES = torch.linspace(-4, 4, 9)  # of ln σ


class Stats:
    """``stats.jsonl`` and, where TensorBoard is installed, its event files."""

    def __init__(self, out: Path, state: RunState, place: Place, log: Log) -> None:
        self._path, self._place, self._log = out / "stats.jsonl", place, log
        self._edges = _EDGES.to(place.device)
        # Rows are noise levels; columns count the samples and sum their losses.
        self._sums = torch.zeros(
            len(_EDGES) + 1, 2, dtype=torch.float64, device=place.device
        )
        self._since = time.monotonic()
        self._restored = False
        self._events = None
        self._first = place.rank == 0
        if self._first:
            forget_after(self._path, state.samples)
            self._events = event_writer(out, state.samples, log)

    def add(self, loss: Tensor, log_sigma: Tensor) -> None:
        """Add a batch's loss (b,) at ln σ (b,)."""
        level = torch.bucketize(log_sigma.float(), self._edges)
        row = torch.stack([torch.ones_like(loss), loss], dim=1).double()
        self._sums.index_add_(0, level, row)

    def write(self, state: RunState, gradient_norm: float, rate: float) -> None:
        """Append a line and forget what it summed; every process calls this.

        A line that was written where the run stopped before, amid what this one sums,
        gives way to it: the log is that of a run that did not stop.

        Raises
        ------
        VctError
            If the loss is no number.
        """
        sums = self.sums().cpu()
        self.refuse_ruined([sums], state.samples)
        count, total = sums.sum(dim=0).tolist()
        now = time.monotonic()
        line: dict[str, Any] = {
            "samples": state.samples,
            "minutes": round(state.minutes, 3),
            "loss": round(total / count, 5),
            "gradient_norm": round(gradient_norm, 4),
            "rate": round(rate, 4),
            "samples_per_second": round(count / (now - self._since), 2),
            "peak_memory_mib": round(_peak_memory(self._place.device) / 2**20),
            "loss_by_log_sigma": {
                _level_name(n): round(float(loss / samples), 5)
                for n, (samples, loss) in enumerate(sums)
                if samples
            },
        }
        if self._first:
            if self._restored:
                forget_after(self._path, state.samples - round(count))
            self._tell(line)
        self._restored = False
        self._sums.zero_()
        self._since = now

    def refuse_ruined(self, values: list[Tensor], samples: int) -> None:
        """Raise where any of the values is not finite: losses, or weights.

        Processes that pass what all of them have in common raise together.

        Raises
        ------
        VctError
            With how to go on.
        """
        if torch.stack([value.isfinite().all() for value in values]).all():
            return
        raise VctError(
            f"{self._path.parent}: the loss is no finite number after {samples} "
            "samples. Lower optimization.learning_rate, or set optimization.precision "
            "to fp32, and run the same command again: it goes on from the last "
            "checkpoint that was saved before. If that does not help, begin anew with "
            "--no-resume."
        )

    def _tell(self, line: dict[str, Any]) -> None:
        with self._path.open("a") as stream:
            stream.write(json.dumps(line) + "\n")
        self._log(
            f"{line['samples']:>8} samples {line['minutes']:6.1f} min "
            f"loss {line['loss']:.4f} {line['samples_per_second']:.1f}/s "
            f"{line['peak_memory_mib']} MiB"
        )
        try:
            self._show(line)
        except OSError as error:  # curves are not worth a run
            self._events = None
            self._log(f"note: no more TensorBoard files ({error.strerror or error})")

    def _show(self, line: dict[str, Any]) -> None:
        """The line in TensorBoard."""
        if self._events:
            for name, value in flat(line).items():
                self._events.add_scalar(name, value, line["samples"])
            self._events.flush()

    def sums(self) -> Tensor:
        """Samples and losses of all processes since the last line, by noise level."""
        return sum_of_all(self._sums, self._place)

    def restore(self, sums: Tensor) -> None:
        """Go on from a checkpoint's ``sums``; the first process keeps them for all."""
        self._restored = True
        if self._first:
            self._sums.copy_(sums)


def flat(line: dict[str, Any]) -> dict[str, float]:
    """Numbers of a line by name; those of a noise level are named ``.../level``."""
    numbers: dict[str, float] = {}
    for name, value in line.items():
        if isinstance(value, dict):
            numbers |= {f"{name}/{level}": v for level, v in value.items()}
        else:
            numbers[name] = value
    return numbers


def forget_after(path: Path, samples: int) -> None:
    """Drop the lines that a checkpoint at ``samples`` knows nothing of.

    What was trained after the last checkpoint is trained again, and written again.
    """
    if not path.exists():
        return
    kept = []
    for text in path.read_text().splitlines(keepends=True):
        try:
            known = json.loads(text)["samples"] <= samples
        except json.JSONDecodeError:  # cut off in the middle of a line
            known = False
        if not known:
            break
        kept.append(text)
    with written_beside(path) as partial:
        partial.write_text("".join(kept))


def event_writer(out: Path, samples: int, log: Log) -> Any | None:
    """Writer of TensorBoard event files under ``out``, or None where it is missing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        log("no TensorBoard files: pip install 'vct[tensorboard]' for curves")
        return None
    try:
        return SummaryWriter(str(out / "tensorboard"), purge_step=samples)  # type: ignore[no-untyped-call]
    except OSError as error:
        log(f"note: no TensorBoard files ({error.strerror or error})")
        return None


def _peak_memory(device: str) -> int:
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device)
    return peak_memory_bytes()


def _level_name(n: int) -> str:
    low = "-inf" if n == 0 else f"{_EDGES[n - 1]:g}"
    high = "inf" if n == len(_EDGES) else f"{_EDGES[n]:g}"
    return f"{low}..{high}"
