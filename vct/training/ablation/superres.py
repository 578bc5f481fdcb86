"""Rows of the fine stage: true and imperfect coarse volumes of held-out phantoms."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from vct.cascade.cascade import StageSampler
from vct.cascade.checkpoint import load_stage
from vct.cascade.stage import SuperResolutionStage
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
from vct.training.ablation.superres_judge import (
    People,
    SuperResolutionJudge,
    imperfect,
    load_people,
)
from vct.training.ablation.superres_stages import (
    AblationSuperResolutionTask,
    build_superres,
    coarse_of,
    fit_units,
)
from vct.training.ablation.table import Figures, Table
from vct.training.ablation.variants import (
    SuperResolutionPlan,
    SuperResolutionRow,
    SuperResolutionVariant,
)
from vct.training.cache import PhantomCache
from vct.training.stats import Log

_UNITS_FROM = 32
_CHANCE = "sr_chance"


@torch.no_grad()
def run_superres(
    rows: Sequence[SuperResolutionRow],
    cache: PhantomCache,
    table: Table,
    *,
    plan: SuperResolutionPlan,
    people: int,
    base_weights: Path | None,
    device: str,
    log: Log,
) -> None:
    """Add the missing ones of ``rows`` to the table."""
    missing = [row for row in rows if row.name not in table]
    if not missing:
        return
    architecture = rows[0].variant.architecture
    judging, chance = judges_and_chance(cache.held_out, people)
    training = load_volumes(cache, cache.training[: plan.subjects], 1, device)
    coarse = coarse_of(training, architecture.factor)
    judges, others = (
        load_people(cache, indices[:people], architecture.factor, device)
        for indices in (judging, chance)
    )
    log(f"superres: slabs of {len(training)} phantoms in memory")
    units = build_superres(SuperResolutionVariant("units", architecture)).to(device)
    few = min(_UNITS_FROM, len(training))
    fit_units(units, training.first(few), coarse[:few])
    judge = SuperResolutionJudge(units, training.first(few), coarse[:few], judges)
    worse = imperfect(
        judges.coarse, judges.fine.condition, units.coarse_sd, base_weights, device
    )
    if _CHANCE not in table:
        told = judge.figures(others.fine.encoded, others)
        kept = judge.kept_means(others.fine.encoded, others.coarse)
        what = f"{people} other held-out phantoms"
        table.add(_CHANCE, {"stage": "superres", "what": what, **told, **kept})
    table.write()
    for row in missing:
        folder = table.folder / "weights" / row.variant.name
        if not trained(folder):
            log(f"  training {row.variant.name}")
            _train(row.variant, training, coarse, cache, plan, folder, device, log)
        stage = build_superres(row.variant)
        load_stage(stage, folder / "superres.safetensors")
        ready(stage, device)
        figures = _measured(row, stage, judge, worse, plan, device)
        table.add(
            row.name,
            {
                "stage": "superres",
                "what": row.what,
                "trained_as": row.variant.name,
                **figures,
                "training_seconds": training_seconds(folder),
            },
        )
        log(
            f"  {row.name}: loss {figures['denoising_loss']:.4f}, "
            f"Fréchet {figures['frechet']:.3f}, "
            f"imperfect {figures['imperfect_frechet']:.3f}, "
            f"{figures['seconds_per_subject']:.4f} s a subject"
        )


def _train(
    variant: SuperResolutionVariant,
    training: Volumes,
    coarse: Tensor,
    cache: PhantomCache,
    plan: SuperResolutionPlan,
    folder: Path,
    device: str,
    log: Log,
) -> None:
    torch.manual_seed(plan.seed)
    config = training_config(
        "superres", plan, cache.data, device, augmentation_max=variant.augmentation_max
    ).model_copy(update={"patch_slices": plan.patch_slices})
    few = min(_UNITS_FROM, len(training))
    task = AblationSuperResolutionTask(
        variant, config, training, coarse, units_from=few, device=device
    )
    with torch.enable_grad():
        fit(task, config, folder, device, log)


def _measured(
    row: SuperResolutionRow,
    stage: SuperResolutionStage,
    judge: SuperResolutionJudge,
    worse: Tensor,
    plan: SuperResolutionPlan,
    device: str,
) -> Figures:
    people = judge.judges
    loss = _held_out_loss(stage, judge, plan, device)
    # Once before the clock runs: the device picks its algorithms on first sight.
    first = next(iter(batches(len(people), device)))
    brief = replace(row, sampler=replace(row.sampler, steps=2))
    _made(brief, stage, people, people.coarse, first, device)
    single = replace(row, sampler=_single(row.sampler))
    cost = gigaflop(
        lambda: _made(single, stage, people, people.coarse, slice(0, 1), device)
    )
    with Stopwatch(device) as watch:
        fine = _all_made(row, stage, people, people.coarse, device)
    repaired_fine = _all_made(row, stage, people, worse, device)
    from_worse = judge.figures(repaired_fine, people)
    return {
        "million_parameters": million_parameters(stage.network),
        "gflop_evaluation": cost,
        "evaluations": row.sampler.evaluations,
        "denoising_loss": loss,
        **judge.figures(fine, people),
        **judge.kept_means(fine, people.coarse),
        **judge.liver_shift(fine),
        **{f"imperfect_{name}": value for name, value in from_worse.items()},
        "seconds_per_subject": watch.seconds / len(people),
    }


def _single(how: StageSampler) -> StageSampler:
    return replace(how, solver="dpmpp2m", steps=1)


def _all_made(
    row: SuperResolutionRow,
    stage: SuperResolutionStage,
    people: People,
    coarse: Tensor,
    device: str,
) -> Tensor:
    """Fine volumes of everybody, float16 as the phantoms'."""
    return torch.cat(
        [
            _made(row, stage, people, coarse, rows, device)
            for rows in batches(len(people), device)
        ]
    )


def _made(
    row: SuperResolutionRow,
    stage: SuperResolutionStage,
    people: People,
    coarse: Tensor,
    rows: slice,
    device: str,
) -> Tensor:
    given = coarse[rows].float()
    made = stage.sample(
        noise_of(rows, people.fine.encoded.shape[2:], device),
        row.sampler.levels(),
        solver=row.sampler.solver,
        coarse=given,
        augmentation=given.new_full((len(given),), row.augmentation),
        augmentation_noise=noise_of(rows, given.shape[2:], device, purpose=2),
        condition=people.fine.condition[rows],
    )
    return made.clamp(-1, 1).half()


def _held_out_loss(
    stage: SuperResolutionStage,
    judge: SuperResolutionJudge,
    plan: SuperResolutionPlan,
    device: str,
) -> float:
    """From the true coarse volume, mean over noise levels and held-out people."""
    people = judge.judges
    scale = stage.residual_sd / judge.units.residual_sd
    losses = []
    for rows in batches(len(people), device):
        coarse = people.coarse[rows].float()
        condition = people.fine.condition[rows]
        none = coarse.new_zeros(len(coarse))
        clean = stage.to_residual(people.fine.encoded[rows].float(), coarse)

        def denoise(
            x: Tensor,
            level: Tensor,
            coarse: Tensor = coarse,
            condition: Tensor = condition,
            none: Tensor = none,
        ) -> Tensor:
            return stage.denoise(
                x, level, coarse=coarse, augmentation=none, condition=condition
            )

        noise = noise_of(rows, clean.shape[2:], device, purpose=1)
        share = len(clean) / len(people)
        for sigma in plan.sigmas:
            losses.append(share * loss_at(denoise, clean, sigma, noise, scale))
    return float(torch.stack(losses).sum() / len(plan.sigmas))
