"""``python -m vct.training.agreement``: measure, then compare; or look closer."""

import math
import os
from pathlib import Path
from typing import Annotated

import typer

from vct.training.command_line import told_in_one_line

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@app.command()
def measure(
    model: Annotated[str, typer.Option(help="Model folder, or a bundled name.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of results.")],
    generated: Annotated[int, typer.Option(help="Subjects to generate.")] = 512,
    population: Annotated[int, typer.Option(help="Phantoms to compare with.")] = 2000,
    fresh: Annotated[int, typer.Option(help="Phantoms for the chance level.")] = 512,
    training: Annotated[int, typer.Option(help="Training phantoms to embed.")] = 0,
    alike: Annotated[int, typer.Option(help="Subjects at each fixed condition.")] = 32,
    seed: Annotated[int, typer.Option(help="Of people, noise and phantoms.")] = 20,
    cohort: Annotated[Path | None, typer.Option(help="Demographics, YAML.")] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Cache folder of the training phantoms.")
    ] = None,
    cache_subjects: Annotated[
        int, typer.Option(help="Training subjects in the cache.")
    ] = 3000,
    cache_seed: Annotated[int, typer.Option(help="Seed of the training phantoms.")] = 1,
    population_from_cache: Annotated[
        bool, typer.Option(help="Compare with the cached phantoms: render fewer.")
    ] = False,
    batch: Annotated[int, typer.Option(help="Subjects on the device at once.")] = 16,
    shard: Annotated[
        str, typer.Option(help="Part of the work: 1/2 and 2/2 for two calls, or slurm.")
    ] = "1/1",
    workers: Annotated[int, typer.Option(help="Processes that render phantoms.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    render_device: Annotated[str, typer.Option(help="Where phantoms render.")] = "cpu",
    scratch: Annotated[
        Path | None, typer.Option(help="Folder for volumes on their way.")
    ] = None,
    most_minutes: Annotated[
        float | None, typer.Option(help="Stop by the wall clock; go on later.")
    ] = None,
) -> None:
    """Generate, render and measure; goes on where it stopped."""
    from vct.cascade import Cascade
    from vct.device import resolve_device
    from vct.models import find_model
    from vct.shard import Shard
    from vct.training.agreement.measure import Plan, Sizes
    from vct.training.agreement.measure import measure as run
    from vct.training.config import PhantomData

    part = Shard.parse(shard, os.environ)
    card = find_model(model)
    cascade = Cascade.load(card, device=resolve_device(device))
    phantoms = cache and PhantomData(
        folder=cache,
        subjects=cache_subjects,
        seed=cache_seed,
        spacing_mm=cascade.grid.spacing_mm[0],
    )
    plan = Plan(
        Sizes(generated, population, fresh, training, alike),
        seed,
        cohort,
        phantoms or None,
        population_from_cache,
        batch,
        part,
    )
    run(
        cascade,
        out,
        plan,
        model=f"{card.name} {card.version} {card.sha256}",
        segmenter_sha256=card.files.get(card.segmenter.get("file", "")),
        workers=workers,
        render_device=render_device,
        scratch=scratch,
        most_minutes=most_minutes,
        log=lambda line: print(line, flush=True),
    )


@app.command()
def kept(
    model: Annotated[str, typer.Option(help="Model folder, or a bundled name.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of results.")],
    first: Annotated[int, typer.Option(help="First phantom, of training's.")] = 4208,
    phantoms: Annotated[int, typer.Option(help="Phantoms; 25 for slopes.")] = 26,
    levels: Annotated[
        str, typer.Option(help="Noise levels to sample on from.")
    ] = "0,1.2,5.2,17,65",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Noise phantoms, sample on from there, and say how much of them came back."""
    from vct.cascade import Cascade
    from vct.device import resolve_device
    from vct.models import find_model
    from vct.training.agreement.kept import kept_table, measure_kept

    try:
        sigmas = [float(level) for level in levels.split(",")]
    except ValueError:
        sigmas = [math.nan]
    if not all(0 <= sigma < math.inf for sigma in sigmas):
        raise typer.BadParameter(
            f"--levels {levels!r}: noise levels are numbers from 0 up with commas "
            "between, such as 0,1.2,17"
        )
    cascade = Cascade.load(find_model(model), device=resolve_device(device))
    out.mkdir(parents=True, exist_ok=True)
    indices = range(first, first + phantoms)
    rows = measure_kept(cascade, indices, sigmas, told=typer.echo)
    rows.to_parquet(out / "kept-organs.parquet")
    table = kept_table(rows)
    table.to_csv(out / "kept.csv", index=False, float_format="%.4g")
    typer.echo(out / "kept.csv")


@app.command()
def images(
    model: Annotated[str, typer.Option(help="Model folder, or a bundled name.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of images.")],
    subjects: Annotated[int, typer.Option(help="Subjects, and as many phantoms.")] = 12,
    seed: Annotated[int, typer.Option(help="Of people, noise and phantoms.")] = 21,
    workers: Annotated[int, typer.Option(help="Processes that render phantoms.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Generated subjects and phantoms of the same people, for image statistics."""
    from vct.cascade import Cascade
    from vct.device import resolve_device
    from vct.models import find_model
    from vct.training.agreement.images import write_images

    cascade = Cascade.load(find_model(model), device=resolve_device(device))
    write_images(cascade, out, subjects, seed, workers=workers, log=typer.echo)


@app.command()
def compare(
    measured: Annotated[Path, typer.Argument(help="Folder of 'measure'.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of results.")],
    phantoms: Annotated[
        Path | None,
        typer.Option(help="Folder of another 'measure' whose phantoms to compare with"),
    ] = None,
    pooled: Annotated[
        bool, typer.Option(help="Pool the sexes, where subjects are few.")
    ] = False,
) -> None:
    """Judge what was measured: agreement.json, tables, figures, a summary."""
    from vct.training.agreement.report import write_report

    typer.echo(write_report(measured, out, phantoms=phantoms, pooled=pooled))


@told_in_one_line
def main() -> None:
    """Run, and tell what is wrong in one line."""
    app()


if __name__ == "__main__":
    main()
