"""Train one variant the way ``vct train`` does, once, and remember how long it took."""

import json
import time
from pathlib import Path
from typing import Literal

import torch

from vct.cascade.cascade import best_precision
from vct.training.ablation.variants import BasePlan, SuperResolutionPlan
from vct.training.config import (
    Optimization,
    OptimizerName,
    PhantomData,
    Reporting,
    TrainingConfig,
)
from vct.training.loop import Task, train_loop
from vct.training.parallel import Place
from vct.training.stats import Log

_NEVER_MINUTES = 1e6
_LINES_A_RUN = 4


def training_config(
    stage: Literal["base", "superres"],
    plan: BasePlan | SuperResolutionPlan,
    data: PhantomData,
    device: str,
    *,
    optimizer: OptimizerName = "adamw",
    learning_rate: float | None = None,
    batch_size: int | None = None,
    augmentation_max: float = 0.0,  # of the fine stage
) -> TrainingConfig:
    """The same samples, seed, schedule and noise for every variant of a stage.

    Optimizer settings that are None are the plan's.
    """
    batch_size = batch_size or plan.batch_size
    steps = max(plan.samples // batch_size, 1)
    return TrainingConfig(
        stage=stage,
        data=data,
        p_mean=plan.p_mean,
        p_std=plan.p_std,
        **({"augmentation_max": augmentation_max} if stage == "superres" else {}),
        optimization=Optimization(
            optimizer=optimizer,
            batch_size=batch_size,
            learning_rate=learning_rate or plan.learning_rate,
            warmup_steps=min(100, steps // 5),
            decay_from=0.5,
            ema_decay=0.995,
            max_samples=plan.samples,
            precision=best_precision(torch.device(device)),
            seed=plan.seed,
        ),
        reporting=Reporting(
            log_every_steps=max(steps // _LINES_A_RUN, 1),
            checkpoint_minutes=_NEVER_MINUTES,
            pictures_minutes=_NEVER_MINUTES,
        ),
    )


def fit(
    task: Task, config: TrainingConfig, folder: Path, device: str, log: Log
) -> None:
    """Train ``task`` into ``folder``: averaged weights and ``seconds.json``."""
    began = time.monotonic()
    train_loop(
        task,
        config,
        folder,
        place=Place(0, 1, device),
        resume=False,
        log=lambda line: log(f"    {line.strip()}"),
    )
    seconds = {"training_seconds": round(time.monotonic() - began, 1)}
    (folder / "seconds.json").write_text(json.dumps(seconds))
    # The optimizer's state is of no use to a finished row.
    (folder / "checkpoint.pt").unlink(missing_ok=True)


def trained(folder: Path) -> bool:
    """Whether a variant is complete."""
    return (folder / "seconds.json").exists()


def training_seconds(folder: Path) -> float:
    """Seconds a variant took to train, from when its data were in memory."""
    seconds: float = json.loads((folder / "seconds.json").read_text())[
        "training_seconds"
    ]
    return seconds
