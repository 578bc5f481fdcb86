"""``python -m vct.training.ablation``: the table of what every choice buys."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Literal

import torch
import typer

from vct.training.ablation.base import run_base
from vct.training.ablation.superres import run_superres
from vct.training.ablation.table import Table
from vct.training.ablation.variants import (
    BasePlan,
    SuperResolutionPlan,
    base_rows,
    picked,
    superres_rows,
)
from vct.training.cache import build_cache
from vct.training.command_line import told_in_one_line
from vct.training.config import PhantomData


def ablation(
    data: Annotated[Path, typer.Option(help="Cache folder of 4 mm phantoms.")],
    out: Annotated[Path, typer.Option(help="Folder of the table; resumes there.")],
    stage: Annotated[Literal["base", "superres"], typer.Option()] = "base",
    subjects: Annotated[int, typer.Option(help="Phantoms to train on.")] = 1800,
    held_out: Annotated[int, typer.Option(help="Phantoms to judge by.")] = 248,
    people: Annotated[int, typer.Option(help="People a row generates.")] = 64,
    samples: Annotated[
        int | None, typer.Option(help="Volumes or slabs each row trains on.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option()] = None,
    rows: Annotated[str | None, typer.Option(help="Names, comma between.")] = None,
    base_weights: Annotated[
        Path | None, typer.Option(help="8 mm base stage; its errors for superres.")
    ] = None,
    data_seed: Annotated[int, typer.Option(help="Seed of the phantoms.")] = 1,
    workers: Annotated[int, typer.Option(help="For phantoms still to render.")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """One row a choice, with error and seconds; rows already there are kept."""
    names = rows.split(",") if rows else None
    phantoms = PhantomData(
        folder=data,
        subjects=subjects,
        held_out=held_out,
        seed=data_seed,
        workers=workers,
    )
    torch.backends.cudnn.benchmark = True  # shapes never change within a row
    settings = {
        "subjects": subjects,
        "held_out": held_out,
        "data_seed": data_seed,
        "people": people,
        "device": device,
    }
    if stage == "base":
        plan = replace(
            BasePlan(),
            samples=samples or BasePlan.samples,
            batch_size=batch_size or BasePlan.batch_size,
        )
        chosen = picked(base_rows(plan.shape), names)
        table = Table(out, {**settings, "base": asdict(plan)})
        cache = build_cache(phantoms, device=device)
        run_base(
            chosen, cache, table, plan=plan, people=people, device=device, log=_say
        )
    else:
        fine_plan = replace(
            SuperResolutionPlan(),
            samples=samples or SuperResolutionPlan.samples,
            batch_size=batch_size or SuperResolutionPlan.batch_size,
        )
        fine_rows = picked(superres_rows(), names)
        given = {"base_weights": str(base_weights) if base_weights else None}
        settings_of = {**settings, "superres": {**asdict(fine_plan), **given}}
        table = Table(out, settings_of)
        cache = build_cache(phantoms, device=device)
        run_superres(
            fine_rows,
            cache,
            table,
            plan=fine_plan,
            people=people,
            base_weights=base_weights,
            device=device,
            log=_say,
        )
    _say(f"{table.path} and .csv and .md beside it: {len(table.rows)} rows")


def _say(line: str) -> None:
    print(line, flush=True)


@told_in_one_line
def main() -> None:
    """Run, and tell what is wrong in one line."""
    typer.run(ablation)


if __name__ == "__main__":
    main()
