"""``vct check``, ``sample``, ``schema`` and ``new``: the spec and its subjects."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vct.cli.console import say, show, show_json
from vct.cli.unwritable import told_as_unwritable
from vct.errors import VctError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from vct.models import ModelCard
    from vct.spec import CohortSpec

_SpecPath = Annotated[
    Path, typer.Argument(metavar="COHORT.YAML", help="The cohort's spec.")
]


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("check")(check)
    app.command("sample")(sample)
    app.command("schema")(schema)
    app.command("new")(new)


# As many are drawn to tell how much of a larger population a model was not made for.
_CHECKED_SUBJECTS = 20_000


def check(
    spec_path: _SpecPath,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """Check a spec, its subjects and its model, as 'vct build' does."""
    from vct.build.plan import protocol_outside
    from vct.models import find_model
    from vct.spec import load_spec
    from vct.subjects import sample_columns, share_outside

    try:
        spec = load_spec(spec_path)
        card = find_model(spec.model.name)
        # Quotas and tables say who is the last one; else all are drawn alike.
        alike = not spec.quotas and spec.subjects_file is None
        size = min(spec.size, _CHECKED_SUBJECTS) if alike else spec.size
        people, _ = sample_columns(spec, size=size)
    except VctError as error:
        if as_json:
            show_json({"valid": False, "refusal": str(error)})
        raise
    outside, protocol = (
        share_outside(people, card.ranges),
        protocol_outside(people, card),
    )
    refusal = _refusal(spec_path, spec, card, people, outside, protocol)
    if as_json:
        show_json(
            {
                "valid": refusal is None,
                "refusal": None if refusal is None else str(refusal),
                "name": spec.name,
                "size": spec.size,
                "seed": spec.seed,
                "arms": [arm.name for arm in spec.arms],
                "model": {"name": card.name, "version": card.version},
                "share_outside_model_range": outside,
                "protocol_outside_model": protocol,
            }
        )
    else:
        show("\n".join(_checked(spec_path, spec, card, outside, protocol)))
    if refusal is not None:
        raise refusal


def _refusal(
    spec_path: Path,
    spec: "CohortSpec",
    card: "ModelCard",
    people: "Mapping[str, NDArray]",
    outside: dict[str, float],
    protocol: "Sequence[str]",
) -> VctError | None:
    """What 'vct build' without options says to these people and this protocol."""
    from vct.build.plan import check_request
    from vct.subjects import as_subjects

    try:
        check_request(
            spec_path, spec, card, list(as_subjects(people)), outside, protocol
        )
    except VctError as error:
        return error
    return None


def _checked(
    spec_path: Path,
    spec: "CohortSpec",
    card: "ModelCard",
    outside: dict[str, float],
    protocol: "Sequence[str]",
) -> list[str]:
    """What ``vct check`` prints."""
    from vct.subjects import share_in_words

    ranges = (f"{name} {low:g}-{high:g}" for name, (low, high) in card.ranges.items())
    parts = [
        f"{share_in_words(share)} by {name}" for name, share in outside.items() if share
    ]
    return [
        f"{spec_path}: {spec.name}, {spec.size} subjects, seed {spec.seed}",
        f"model {card.name} {card.version}: {card.summary}",
        f"made for {', '.join(ranges)}",
        f"outside of that: {', '.join(parts) or 'nobody'}",
        *protocol,
    ]


_TABLES = (".csv", ".parquet")


def sample(
    spec_path: _SpecPath,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Table, .parquet or .csv.")
    ] = Path("subjects.parquet"),
    size: Annotated[
        int | None, typer.Option(min=1, help="Subjects instead of the spec's.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed instead of the spec's.")
    ] = None,
) -> None:
    """Draw the subjects of a cohort into a table; no images."""
    from vct.spec import load_spec
    from vct.subjects import sample_subjects, write_subjects

    if out.suffix.lower() not in _TABLES:
        raise VctError(
            f"{out}: must end in {' or '.join(_TABLES)}. Name such a file with -o."
        )
    spec = load_spec(spec_path)
    subjects = sample_subjects(spec, seed=seed, size=size)
    with told_as_unwritable(out, "Name a table in a folder that is there with -o."):
        write_subjects(subjects, out)
    for criterion, count in subjects.attrs.get("attrition", {}).items():
        say(f"{count} drawn and not eligible: {criterion}")
    say(f"{len(subjects)} subjects in {out}")


def schema() -> None:
    """Print the JSON Schema of a cohort's spec, for editors."""
    from vct.spec import json_schema

    show(json.dumps(json_schema(), indent=2))


def new(
    path: Annotated[Path, typer.Argument(metavar="FILE.YAML", help="File to write.")],
    like: Annotated[
        str, typer.Option(help="Example to copy; see the folder cohorts/.")
    ] = "quickstart",
) -> None:
    """Write a commented example spec to start from."""
    from vct.spec import example, example_table

    text, table = example(like), example_table(like)
    _require_new(path)
    if table is not None:
        _write_table(path.parent / table.name, table.read_text("utf-8"))
    _write(path, text)
    say(f"Wrote {path}. Next: vct check {path}")


def _require_new(path: Path) -> None:
    if path.exists():
        raise VctError(f"{path} exists; it is left as it is. Name a new file.")


def _write_table(path: Path, text: str) -> None:
    """Write the table an example names, unless it is there from another such spec."""
    try:
        if path.read_text("utf-8") == text:
            return
    except (OSError, UnicodeDecodeError):
        pass
    if path.exists():
        raise VctError(
            f"{path} exists and is not the table of this example; it is left as it is. "
            "Name a file in another folder."
        )
    _write(path, text)


def _write(path: Path, text: str) -> None:
    """Write a file that must not exist yet."""
    with (
        told_as_unwritable(path, "Name a file in a folder that you may write to."),
        path.open("x", encoding="utf-8") as file,
    ):
        file.write(text)
