"""The training loop: steps, averages, checkpoints, resume, log; any stage, any device.

Started by torchrun it trains in parallel (DDP). Which samples make a step depends on
the size of the whole step alone, not on how many processes share it.
"""

from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from vct.cascade.checkpoint import holds_stage, save_stage
from vct.diffusion.ema import Ema
from vct.partial import written_beside
from vct.training.config import Optimization, TrainingConfig
from vct.training.draws import Draws
from vct.training.optimizer import optimizers_of
from vct.training.parallel import Place, agree, leave
from vct.training.resuming import CHECKPOINT, Studies, begun_as, samples_a_step
from vct.training.schedule import RunState, Schedule
from vct.training.stats import Log, Stats
from vct.training.stopping import TrainingStopped, stop_request


class Task(Protocol):
    """One stage's training: what is trained, on which losses, and how it looks."""

    @property
    def stage(self) -> nn.Module:
        """What is trained."""

    def loss(self, draws: Draws) -> tuple[Tensor, Tensor]:
        """Loss (b,) and ln σ (b,) of a fresh batch; the latter groups the log."""

    def picture(self, stage: nn.Module, path: Path) -> None:
        """Samples of the averaged weights as PNG."""


class _LossModule(nn.Module):
    """The task as a module whose forward DDP can watch."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.stage = task.stage
        self._loss = task.loss

    def forward(self, draws: Draws) -> tuple[Tensor, Tensor]:
        return self._loss(draws)


def train_loop(
    task: Task,
    config: TrainingConfig,
    out: Path,
    *,
    place: Place,
    resume: bool,
    log: Log,
    max_minutes: float | None = None,
    studies: Studies | None = None,
) -> None:
    """Train until the samples or the minutes are used up; export averaged weights.

    Writes ``stats.jsonl``, ``checkpoint.pt`` (training state), ``samples-*.png`` and
    ``<stage>.safetensors`` (EMA) under ``out``, which all processes must see. A
    checkpoint that it goes on from is one of this config: see ``changes_since``.
    ``studies`` are those of patients that it is trained on.

    Raises
    ------
    VctError
        If the loss is no number; the checkpoint is then the one before.
    TrainingStopped
        If SIGTERM or Ctrl-C came; the checkpoint is then written.
    """
    run = _Run(task, config, out, place=place, studies=studies)
    if resume and run.checkpoint.exists():
        run.load()
        log(f"resumed at {run.state.samples} samples, {run.state.minutes:.1f} minutes")
    with stop_request() as request:
        run.start(max_minutes, log)
        while True:
            votes = [run.schedule.ended(), request.made, run.due_to_save()]
            share, (ended, asked, save) = agree(run.schedule.share(), votes, place)
            if ended or asked or save:
                run.save()
            if ended or asked:
                run.report_end()
                break
            run.step(share)
            run.report()
    run.end()
    if not ended:
        raise TrainingStopped(f"saved at {run.state.samples} samples")
    if run.first:
        run.export(log)
        log(run.schedule.told())


class _Run:
    """The parts of a run, and what is done with them at every step."""

    def __init__(
        self,
        task: Task,
        config: TrainingConfig,
        out: Path,
        *,
        place: Place,
        studies: Studies | None,
    ) -> None:
        self.task, self.config, self.out, self.place = task, config, out, place
        self.first = place.rank == 0
        self.how = how = config.optimization
        self.state = RunState()
        self.ema = Ema(task.stage, decay=how.ema_decay)
        self.model = _LossModule(task)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizers = optimizers_of(task.stage, how)
        out.mkdir(parents=True, exist_ok=True)
        self.checkpoint = out / CHECKPOINT
        self._sums: Tensor | None = None
        self.norm: Tensor | None = None  # of the gradient; of a step of this process
        self.samples_a_step = samples_a_step(config, place)
        self.begun_as = begun_as(config, place, studies)

    def start(self, max_minutes: float | None, log: Log) -> None:
        """Start the clock, the log, and the processes' common work."""
        self.log = log
        self.schedule = Schedule(self.how, max_minutes, self.state)
        self.stats = Stats(self.out, self.state, self.place, log)
        if self._sums is not None:
            self.stats.restore(self._sums)
        self.watched: nn.Module = self.model
        if self.place.world > 1:
            # Buffers are fitted before the first step and never change.
            self.watched = DistributedDataParallel(self.model, broadcast_buffers=False)

    def step(self, share: float) -> None:
        """One step of the optimizer, over all processes and accumulated batches."""
        how, world = self.how, self.place.world
        self.rate = self.schedule.rate(share)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = how.learning_rate * self.rate
        for micro in range(how.accumulate):
            last = micro == how.accumulate - 1
            sync = nullcontext() if last or world == 1 else self.watched.no_sync()  # type: ignore[operator]
            draws = self._draws(micro)
            with sync, _autocast(how, self.place.device):
                loss, log_sigma = self.watched(draws)
            (loss.mean() / how.accumulate).backward()
            self.stats.add(loss.detach(), log_sigma.detach())
        self.norm = nn.utils.clip_grad_norm_(self.parameters, how.gradient_norm)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.ema.update(self.task.stage)
        self.state.steps += 1
        self.state.samples += self.samples_a_step

    def _draws(self, micro: int) -> Draws:
        """This process's part of the step's samples, which are numbered through."""
        how, place = self.how, self.place
        part = micro * place.world + place.rank
        number = self.state.samples + part * how.batch_size
        return Draws(how.seed, number, how.batch_size, place.device)

    def end(self) -> None:
        """Leave the other processes."""
        del self.watched
        leave(self.place)

    def report(self) -> None:
        """Log line and picture, each when it is due."""
        how = self.config.reporting
        if self._line_due():
            self._line()
        if self.first and self.schedule.due("pictures", how.pictures_minutes):
            self._picture()

    def report_end(self) -> None:
        """A line of what was trained since the last one, called after ``save``.

        The checkpoint keeps those sums, so that the next line replaces this one.
        """
        if not self._line_due():
            self._line()

    def _line_due(self) -> bool:
        return self.state.steps % self.config.reporting.log_every_steps == 0

    def _line(self) -> None:
        if self.norm is not None:
            self.state.minutes = self.schedule.minutes()
            self.stats.write(self.state, float(self.norm), self.rate)

    def due_to_save(self) -> bool:
        """Whether the first process's clock says so."""
        every = self.config.reporting.checkpoint_minutes
        return self.first and self.schedule.due("checkpoint", every)

    def export(self, log: Log) -> None:
        """Averaged weights and their picture; a file that has them keeps its rest.

        The rest is what was calibrated after training.
        """
        weights = self.out / f"{self.config.stage}.safetensors"
        if holds_stage(weights, self.ema.module):
            log(f"{weights} has these weights already and is left as it is")
            return
        save_stage(self.ema.module, weights)
        self._picture()

    def _picture(self) -> None:
        path = self.out / f"samples-{self.state.samples:08d}.png"
        try:
            self.task.picture(self.ema.module, path)
        except OSError as error:  # no picture is worth a run
            path.unlink(missing_ok=True)
            self.log(f"note: {path} cannot be written ({error.strerror or error})")

    def save(self) -> None:
        """Write the checkpoint; every process calls this, the first one writes.

        Raises
        ------
        VctError
            If a loss or a weight is no number; the checkpoint stays as it was.
        """
        self.state.minutes = self.schedule.minutes()
        sums = self.stats.sums()
        weights = [*self.parameters, *self.ema.module.parameters()]
        self.stats.refuse_ruined([sums, *weights], self.state.samples)
        if not self.first:
            return
        saved = {
            **vars(self.state),
            "stage": self.task.stage.state_dict(),
            "ema": self.ema.module.state_dict(),
            "ema_steps": self.ema.steps,
            "optimizers": [o.state_dict() for o in self.optimizers],
            "stats": sums,
            "config": self.begun_as,
        }
        with written_beside(self.checkpoint) as partial, partial.open("wb") as stream:
            torch.save(saved, stream)

    def load(self) -> None:
        """Go on where the checkpoint stands."""
        # AdamW counts its steps on the CPU: on a GPU each step would wait for them.
        saved = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        for name in vars(self.state):
            setattr(self.state, name, saved[name])
        self.task.stage.load_state_dict(saved["stage"])
        self.ema.module.load_state_dict(saved["ema"])
        self.ema.steps = saved["ema_steps"]
        for optimizer, state in zip(self.optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self._sums = saved.get("stats")


def _autocast(how: Optimization, device: str) -> Any:
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16, enabled=how.precision == "bf16")
