"""``vct build`` and ``vct finish``."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vct.cli.console import duration, follow, say, show
from vct.cli.interrupt import interruptible
from vct.errors import EXIT_FINDINGS_FAILED

if TYPE_CHECKING:
    from vct.build import Plan
    from vct.validation import Finding


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("build")(build)
    app.command("finish")(finish)


def build(
    spec_path: Annotated[
        Path, typer.Argument(metavar="COHORT.YAML", help="The cohort to build.")
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder of the cohort.")
    ] = Path("out"),
    dry_run: Annotated[
        bool, typer.Option("-n", "--dry-run", help="Say what would be built; stop.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Build the first subjects only.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Build this subject only, such as S0017; may be repeated."),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="K/N", help="Build part k of n; 'slurm' asks the array job."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed instead of the spec's.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    workers: Annotated[
        int, typer.Option(min=0, help="Writer processes beside the sampler.")
    ] = 1,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1, help="Subjects on the device at once; 1 on a CPU, 4 on a GPU."
        ),
    ] = None,
    on_existing: Annotated[
        Literal["resume", "fail", "overwrite"],
        typer.Option(help="What to do with an existing cohort."),
    ] = "resume",
    extrapolate: Annotated[
        bool, typer.Option("--extrapolate", help="Leave the model's range.")
    ] = False,
    header_only_protocol: Annotated[
        bool,
        typer.Option(
            "--header-only-protocol",
            help="Write a protocol the model never saw into the headers, marked.",
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Show errors only.")
    ] = False,
) -> None:
    """Build a cohort. To resume a stopped build, run the same command again."""
    from vct.build import (
        Shard,
        build_cohort,
        check_folder,
        check_options,
        how_to_go_on,
        kept_subjects,
        plan_cohort,
        told_as_user_errors,
    )

    part = Shard.parse(shard, os.environ) if shard else None
    request: dict[str, Any] = {
        "limit": limit,
        "only": only or (),
        "shard": part,
        "seed": seed,
        "extrapolate": extrapolate,
        "header_only_protocol": header_only_protocol,
    }
    if dry_run:
        plan = plan_cohort(spec_path, **request)
        with told_as_user_errors(out, on_existing):
            kept = kept_subjects(plan, out, on_existing)
        show(describe(plan, out, len(kept)))
        plan.check_request()
        check_options(out, part, on_existing, workers=workers, batch_size=batch_size)
        with told_as_user_errors(out, on_existing):
            check_folder(plan, out, on_existing, batch_size)
        return
    running = build_cohort(
        spec_path,
        out,
        **request,
        device=device,
        workers=workers,
        batch_size=batch_size,
        on_existing=on_existing,
        notify=(lambda _: None) if quiet else say,
    )
    again = how_to_go_on(on_existing)
    with interruptible(f"Stopped. Finished subjects are kept: {again} to go on."):
        follow(running, quiet=quiet)
        if part:
            if not quiet:
                say(f"Shard {part} is done. After the last one: vct finish {out}")
            return
        _conclude(out, running.findings, quiet)


def finish(
    out: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder of the shards.")
    ],
    report: Annotated[
        bool | None,
        typer.Option(help="Write report.html, or not; as the spec says by default."),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Show errors only.")
    ] = False,
) -> None:
    """Merge the shards of a cohort into one: tables, findings, report."""
    from vct.build import finish_cohort

    _conclude(out, finish_cohort(out, report=report), quiet)


def describe(plan: "Plan", out: Path, n_kept: int) -> str:
    """What ``--dry-run`` prints: the cost of the subjects that are not there yet."""
    n_left = len(plan) - n_kept
    share = n_left / max(1, len(plan))
    lines = [
        f"cohort      {plan.spec.name}, {len(plan.subjects)} subjects, "
        f"seed {plan.spec.seed}",
        f"to build    {n_left} subjects into {out}"
        + (f" ({n_kept} finished there)" if n_kept else ""),
        f"model       {plan.card.name} {plan.card.version}",
        f"files       {round(plan.n_files * share)} DICOM files, "
        f"at most {plan.n_bytes * share / 1e9:.2f} GB",
    ]
    if plan.seconds_per_subject:
        total = duration(plan.seconds_per_subject * n_left)
        lines.append(f"time        about {total} where the model was measured")
    lines.append(f"population  {plan.describe_outside()}")
    lines += [f"protocol    {line}" for line in plan.protocol_outside]
    return "\n".join(lines)


def _conclude(out: Path, findings: "list[Finding]", quiet: bool) -> None:
    """Say where the report is, and end with 5 if a finding failed."""
    failed = [f for f in findings if f.verdict == "fail"]
    for finding in failed:
        told = f"{finding.title}. {finding.note}" if finding.note else finding.title
        say(f"failed: {told}")
    if not quiet:
        page = out / "report.html"
        say(
            f"The cohort is in {out}"
            + (f", its report {page}" if page.is_file() else "")
        )
    if failed:
        raise typer.Exit(EXIT_FINDINGS_FAILED)
