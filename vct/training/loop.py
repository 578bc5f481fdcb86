"""The training loop: steps, averages, checkpoints, resume, log; any stage, any device.

Started by torchrun it trains in parallel (DDP): each process draws its own samples.
"""

import json
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from vct.cascade.checkpoint import save_stage
from vct.diffusion.ema import Ema
from vct.training.config import Optimization, TrainingConfig
from vct.training.parallel import Place, any_of_all, leave

Log = Callable[[str], None]


class Task(Protocol):
    """One stage's training: what is trained, on which losses, and how it looks."""

    @property
    def stage(self) -> nn.Module:
        """What is trained."""

    def loss(self, batch_size: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Loss (b,) and ln σ (b,) of a fresh batch; the latter groups the log."""

    def picture(self, stage: nn.Module, path: Path) -> None:
        """Samples of the averaged weights as PNG."""


class _LossModule(nn.Module):
    """The task as a module whose forward DDP can watch."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.stage = task.stage
        self._loss = task.loss

    def forward(self, batch_size: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        return self._loss(batch_size, rng)


def train_loop(
    task: Task,
    config: TrainingConfig,
    out: Path,
    *,
    place: Place,
    resume: bool,
    log: Log,
    max_minutes: float | None = None,
) -> None:
    """Train until the samples or the minutes are used up; export averaged weights.

    Writes ``stats.jsonl``, ``checkpoint.pt`` (training state), ``samples-*.png`` and
    ``<stage>.safetensors`` (EMA) under ``out``.
    """
    how = config.optimization
    rank, world, device = place.rank, place.world, place.device
    model = _LossModule(task)
    ema = Ema(task.stage, decay=how.ema_decay)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=how.learning_rate, weight_decay=how.weight_decay
    )
    rng = torch.Generator(device)
    rng.manual_seed(how.seed * 1000 + rank)
    state = _State(rng)
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = out / f"checkpoint{rank or ''}.pt"
    if resume and checkpoint.exists():
        _load(checkpoint, state, task.stage, ema, optimizer)
        log(f"resumed at {state.samples} samples, {state.minutes:.1f} minutes")
    run: nn.Module = DistributedDataParallel(model) if world > 1 else model
    budget = _Budget(how, max_minutes, state)
    stats = _Stats(out / "stats.jsonl", log) if rank == 0 else None

    while not any_of_all(budget.progress() >= 1, place):
        for group in optimizer.param_groups:
            group["lr"] = how.learning_rate * budget.rate()
        for micro in range(how.accumulate):
            last = micro == how.accumulate - 1
            sync = nullcontext() if last or world == 1 else run.no_sync()  # type: ignore[operator]
            with sync, _autocast(how, device):
                loss, log_sigma = run(how.batch_size, rng)
            (loss.mean() / how.accumulate).backward()
            if stats:
                stats.add(loss.detach(), log_sigma.detach())
        norm = nn.utils.clip_grad_norm_(parameters, how.gradient_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        ema.update(task.stage)
        state.steps += 1
        state.samples += how.batch_size * how.accumulate * world
        if stats and state.steps % config.reporting.log_every_steps == 0:
            state.minutes = budget.minutes()
            stats.write(state, float(norm), budget.rate())
        if rank == 0 and budget.due("pictures", config.reporting.pictures_minutes):
            task.picture(ema.module, out / f"samples-{state.samples:08d}.png")
        if budget.due("checkpoint", config.reporting.checkpoint_minutes):
            state.minutes = budget.minutes()
            _save(checkpoint, state, task.stage, ema, optimizer)
    state.minutes = budget.minutes()
    _save(checkpoint, state, task.stage, ema, optimizer)
    if rank == 0:
        save_stage(ema.module, out / f"{config.stage}.safetensors")
        task.picture(ema.module, out / f"samples-{state.samples:08d}.png")
        log(f"{state.samples} samples in {state.minutes:.1f} minutes")
    leave(place)


class _State:
    """Where a run stands."""

    def __init__(self, rng: torch.Generator) -> None:
        self.rng = rng
        self.steps = 0
        self.samples = 0
        self.minutes = 0.0


class _Budget:
    """Samples and wall clock: how far the run is, and what is due."""

    def __init__(
        self, how: Optimization, max_minutes: float | None, state: _State
    ) -> None:
        self._how, self._state = how, state
        self._max_minutes = max_minutes or how.max_minutes
        if self._max_minutes is None and how.max_samples is None:
            raise ValueError("a run needs max_samples or max_minutes")
        self._before = state.minutes
        self._start = time.monotonic()
        self._last: dict[str, float] = {}

    def minutes(self) -> float:
        """Minutes trained, earlier runs included."""
        return self._before + (time.monotonic() - self._start) / 60

    def progress(self) -> float:
        """0 at the start, 1 when either budget is used up."""
        shares = [0.0]
        if self._how.max_samples:
            shares.append(self._state.samples / self._how.max_samples)
        if self._max_minutes:
            shares.append(self.minutes() / self._max_minutes)
        return max(shares)

    def rate(self) -> float:
        """Share of the learning rate: warm-up, flat, linear decay to zero."""
        warm = (self._state.steps + 1) / max(self._how.warmup_steps, 1)
        done, start = self.progress(), self._how.decay_from
        decay = 1.0 if done < start else (1 - done) / max(1 - start, 1e-9)
        return min(1.0, warm) * max(decay, 0.01)

    def due(self, name: str, every_minutes: float) -> bool:
        """Whether ``every_minutes`` have passed since this was last due."""
        now = time.monotonic()
        last = self._last.setdefault(name, self._start)
        if now - last < every_minutes * 60:
            return False
        self._last[name] = now
        return True


class _Stats:
    """Loss by noise level, a line of JSON at a time; sums stay on the device."""

    def __init__(self, path: Path, log: Log) -> None:
        self._path, self._log = path, log
        self._edges = torch.linspace(-4, 4, 9)
        self._losses: list[Tensor] = []
        self._levels: list[Tensor] = []
        self._since = time.monotonic()

    def add(self, loss: Tensor, log_sigma: Tensor) -> None:
        """Remember a batch."""
        self._losses.append(loss)
        self._levels.append(log_sigma)

    def write(self, state: _State, gradient_norm: float, rate: float) -> None:
        """Append a line and forget what it summed."""
        loss = torch.cat(self._losses).float().cpu()
        levels = torch.bucketize(torch.cat(self._levels).float().cpu(), self._edges)
        by_level = {
            _level_name(self._edges, n): round(float(loss[levels == n].mean()), 5)
            for n in levels.unique().tolist()
        }
        now = time.monotonic()
        line: dict[str, Any] = {
            "samples": state.samples,
            "minutes": round(state.minutes, 3),
            "loss": round(float(loss.mean()), 5),
            "gradient_norm": round(gradient_norm, 4),
            "rate": round(rate, 4),
            "samples_per_second": round(len(loss) / (now - self._since), 2),
            "loss_by_log_sigma": by_level,
        }
        if not math.isfinite(line["loss"]):
            raise FloatingPointError(
                f"the loss is {line['loss']} after {state.samples} samples; "
                "lower the learning rate or train in fp32"
            )
        with self._path.open("a") as stream:
            stream.write(json.dumps(line) + "\n")
        self._log(
            f"{state.samples:>8} samples {state.minutes:6.1f} min "
            f"loss {line['loss']:.4f} {line['samples_per_second']:.1f}/s"
        )
        self._losses, self._levels, self._since = [], [], now


def _level_name(edges: Tensor, n: int) -> str:
    low = "-inf" if n == 0 else f"{edges[n - 1]:g}"
    high = "inf" if n == len(edges) else f"{edges[n]:g}"
    return f"{low}..{high}"


def _autocast(how: Optimization, device: str) -> Any:
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16, enabled=how.precision == "bf16")


def _save(
    path: Path,
    state: _State,
    stage: nn.Module,
    ema: Ema,
    optimizer: torch.optim.Optimizer,
) -> None:
    partial = path.with_suffix(".partial")
    torch.save(
        {
            "steps": state.steps,
            "samples": state.samples,
            "minutes": state.minutes,
            "rng": state.rng.get_state(),
            "stage": stage.state_dict(),
            "ema": ema.module.state_dict(),
            "ema_steps": ema.steps,
            "optimizer": optimizer.state_dict(),
        },
        partial,
    )
    partial.rename(path)


def _load(
    path: Path,
    state: _State,
    stage: nn.Module,
    ema: Ema,
    optimizer: torch.optim.Optimizer,
) -> None:
    device = next(stage.parameters()).device
    saved = torch.load(path, map_location=device, weights_only=True)
    state.steps, state.samples = saved["steps"], saved["samples"]
    state.minutes = saved["minutes"]
    state.rng.set_state(saved["rng"].cpu())
    stage.load_state_dict(saved["stage"])
    ema.module.load_state_dict(saved["ema"])
    ema.steps = saved["ema_steps"]
    optimizer.load_state_dict(saved["optimizer"])
