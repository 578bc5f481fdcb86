"""Rows of the base stage: trained at 16 mm, sampled at held-out people's conditions."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vct.cascade.cascade import StageSampler
from vct.cascade.checkpoint import load_stage
from vct.cascade.condition import template_features
from vct.cascade.encode import decode
from vct.cascade.stage import BaseStage
from vct.cascade.template import Template
from vct.diffusion.unet import channels_last
from vct.training.ablation.figures import (
    PrincipalComponents,
    frechet_distance,
    histogram_distance,
    marginal_distance,
    principal_components,
    sd_ratios,
)
from vct.training.ablation.fit import fit, trained, training_config, training_seconds
from vct.training.ablation.measure import (
    Stopwatch,
    batches,
    gigaflop,
    loss_at,
    million_parameters,
    noise_of,
    ready,
)
from vct.training.ablation.people import Volumes, judges_and_chance, load_volumes
from vct.training.ablation.table import Figures, Table
from vct.training.ablation.variants import BasePlan, BaseRow, BaseVariant
from vct.training.base import BaseTask, fit_start
from vct.training.cache import PhantomCache
from vct.training.config import TrainingConfig
from vct.training.stats import Log

COMPONENTS = 32
SPREAD_COMPONENTS = 10
_RIDGE = 1e-3
_CHANCE = "chance"


class AblationBaseTask(BaseTask):
    """The base stage's training on volumes that are already in memory."""

    def __init__(
        self,
        variant: BaseVariant,
        config: TrainingConfig,
        volumes: Volumes,
        device: str,
    ) -> None:
        self.config, self.device = config, device
        self.volumes = volumes  # type: ignore[assignment]
        self.stage = BaseStage(variant.architecture).to(device)
        fit_template(self.stage.template, volumes, variant.template)
        if self.stage.modes:
            self.stage.modes.fit(self._residuals())
        fit_start(self.stage, self._residuals(), volumes.condition)
        channels_last(self.stage.network)

    def picture(self, stage: nn.Module, path: Path) -> None:
        """None: a row is judged by figures."""


def fit_template(template: Template, volumes: Volumes, kind: str) -> None:
    """Fit a template of a kind; without one, volumes get a root mean square of 1."""
    if kind == "regression":
        template.fit(volumes, ridge=_RIDGE)
    elif kind == "mean":
        template.fit(_OnlyMean(volumes), ridge=_RIDGE)
    else:
        squares = torch.stack(
            [encoded.square().mean(dim=(2, 3, 4)).sum(0) for encoded, _ in volumes]
        )
        template.residual_sd.copy_((squares.sum(0) / len(volumes)).sqrt())


class _OnlyMean:
    """Volumes of people of whom nothing is known."""

    def __init__(self, volumes: Volumes) -> None:
        self.volumes = volumes

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for encoded, features in self.volumes:
            nothing = torch.zeros_like(features)
            nothing[:, 0] = 1
            yield encoded, nothing


class BaseJudge:
    """What every row is held against: fitted to training phantoms once."""

    def __init__(self, training: Volumes, judges: Volumes, template: Template) -> None:
        self.template = template.to(training.encoded.device)
        fit_template(self.template, training, "regression")
        self.components: PrincipalComponents = principal_components(
            self._residuals(training), COMPONENTS
        )
        self.scores = self.scores_of(judges)
        self.hu, self.suv = _images(judges.encoded)

    @property
    def unit(self) -> Tensor:
        """SD of the default row's residuals, (2,)."""
        return self.template.residual_sd

    def _residuals(self, volumes: Volumes) -> Tensor:
        parts = [self.template.to_residual(v, f).flatten(1) for v, f in volumes]
        return torch.cat(parts)

    def scores_of(self, volumes: Volumes) -> np.ndarray:
        """Coordinates along the components, (n, components)."""
        return self.components.scores(self._residuals(volumes))

    def figures(self, made: Volumes) -> Figures:
        """How far a population is from the judges'."""
        scores = self.scores_of(made)
        spread = sd_ratios(scores, self.scores)[:SPREAD_COMPONENTS]
        hu, suv = _images(made.encoded)
        return {
            "frechet": frechet_distance(scores, self.scores),
            "marginal_frechet": marginal_distance(scores, self.scores),
            "sd_ratio_mean": float(spread.mean()),
            "sd_ratio_min": float(spread.min()),
            "suv_distance": histogram_distance(suv, self.suv),
            "hu_distance": histogram_distance(hu, self.hu),
        }


def _images(encoded: Tensor) -> tuple[Tensor, Tensor]:
    return decode(encoded.float())


@torch.no_grad()
def run_base(
    rows: Sequence[BaseRow],
    cache: PhantomCache,
    table: Table,
    *,
    plan: BasePlan,
    people: int,
    device: str,
    log: Log,
) -> None:
    """Add the missing ones of ``rows`` to the table."""
    missing = [row for row in rows if row.name not in table]
    if not missing:
        return
    factor = cache.grid.shape[0] // plan.shape[0]
    judging, chance = judges_and_chance(cache.held_out, people)
    training, judges, others = (
        load_volumes(cache, indices, factor, device)
        for indices in (cache.training, judging, chance)
    )
    log(f"base: {len(training)} phantoms of {plan.shape} in memory")
    judge = BaseJudge(training, judges, Template(plan.shape, 1))
    if _CHANCE not in table:
        what = f"{people} other held-out phantoms"
        table.add(_CHANCE, {"stage": "base", "what": what, **judge.figures(others)})
    table.write()
    for row in missing:
        folder = table.folder / "weights" / row.variant.name
        if not trained(folder):
            log(f"  training {row.variant.name}")
            _train(row.variant, training, cache, plan, folder, device, log)
        stage = BaseStage(row.variant.architecture)
        load_stage(stage, folder / "base.safetensors")
        ready(stage, device)
        figures = _measured(row, stage, judges.first(people), judge, plan, device)
        table.add(
            row.name,
            {
                "stage": "base",
                "what": row.what,
                "trained_as": row.variant.name,
                **figures,
                "training_seconds": training_seconds(folder),
            },
        )
        log(f"  {row.name}: {_told(figures)}")


def _train(
    variant: BaseVariant,
    training: Volumes,
    cache: PhantomCache,
    plan: BasePlan,
    folder: Path,
    device: str,
    log: Log,
) -> None:
    torch.manual_seed(plan.seed)
    config = training_config(
        "base",
        plan,
        cache.data,
        device,
        optimizer=variant.optimizer,
        learning_rate=variant.learning_rate,
        batch_size=variant.batch_size,
    )
    task = AblationBaseTask(variant, config, training, device)
    with torch.enable_grad():
        fit(task, config, folder, device, log)


def _measured(
    row: BaseRow,
    stage: BaseStage,
    people: Volumes,
    judge: BaseJudge,
    plan: BasePlan,
    device: str,
) -> Figures:
    loss = _held_out_loss(stage, people, judge, plan, device)
    # Once before the clock runs: the device picks its algorithms on first sight.
    first = next(iter(batches(len(people), device)))
    brief = replace(row.sampler, steps=2)
    _sampled(stage, people, first, brief, device)
    one = slice(0, 1)
    brief = StageSampler("dpmpp2m", 1, row.sampler.sigma_min, row.sampler.sigma_max)
    cost = gigaflop(lambda: _sampled(stage, people, one, brief, device))
    with Stopwatch(device) as watch:
        made = torch.cat(
            [
                _sampled(stage, people, rows, row.sampler, device)
                for rows in batches(len(people), device)
            ]
        )
    return {
        "million_parameters": million_parameters(stage.network),
        "gflop_evaluation": cost,
        "evaluations": row.sampler.evaluations,
        "denoising_loss": loss,
        **judge.figures(Volumes(made, people.condition)),
        "seconds_per_subject": watch.seconds / len(people),
    }


def _sampled(
    stage: BaseStage, people: Volumes, rows: slice, how: StageSampler, device: str
) -> Tensor:
    noise = noise_of(rows, stage.architecture.shape, device)
    levels = how.levels()
    condition = people.condition[rows]
    start = stage.start(noise, levels[0], condition)
    return stage.sample(start, condition, levels, solver=how.solver)


def _held_out_loss(
    stage: BaseStage, people: Volumes, judge: BaseJudge, plan: BasePlan, device: str
) -> float:
    """Mean over noise levels and held-out people, in the default row's units."""
    scale = stage.template.residual_sd / judge.unit
    losses = []
    for rows in batches(len(people), device):
        condition = people.condition[rows]
        features = template_features(condition)
        template = stage.template(features)
        clean = stage.template.to_residual(people.encoded[rows].float(), features)

        def denoise(
            x: Tensor,
            level: Tensor,
            condition: Tensor = condition,
            template: Tensor = template,
        ) -> Tensor:
            return stage.denoise(x, level, condition=condition, template=template)

        noise = noise_of(rows, stage.architecture.shape, device, purpose=1)
        share = len(clean) / len(people)
        for sigma in plan.sigmas:
            losses.append(share * loss_at(denoise, clean, sigma, noise, scale))
    return float(torch.stack(losses).sum() / len(plan.sigmas))


def _told(figures: Figures) -> str:
    return (
        f"loss {figures['denoising_loss']:.4f}, Fréchet {figures['frechet']:.2f}, "
        f"SD ratio {figures['sd_ratio_mean']:.2f} (min {figures['sd_ratio_min']:.2f}), "
        f"{figures['seconds_per_subject']:.4f} s a subject"
    )
