"""``vct compare``: two cohorts, one held against the other."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vct.cli.console import say, show, show_json
from vct.cli.unwritable import told_as_unwritable
from vct.errors import EXIT_FINDINGS_FAILED, VctError

if TYPE_CHECKING:
    import pandas as pd

_ADVICE = "Name a folder that you may write to with -o."
_NONE = "–"
_HEAD = (
    f"{'organ':18s} {'quantity':10s} {'n/eff. n':>9s} {'difference':>22s} "
    f"{'SD ratio':>20s}"
)


def register(app: typer.Typer) -> None:
    """Add this command to the application."""
    app.command("compare")(compare)


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="Folder of a cohort.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Cohort it is held against.")],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder for the page and the tables."),
    ] = None,
    arm_a: Annotated[
        str | None, typer.Option(metavar="ARM", help="Only this arm of A.")
    ] = None,
    arm_b: Annotated[
        str | None, typer.Option(metavar="ARM", help="Only this arm of B.")
    ] = None,
    bound: Annotated[
        float,
        typer.Option(min=0.1, max=99, help="Bound of equivalence, % of B's mean."),
    ] = 5.0,
    any_instrument: Annotated[
        bool,
        typer.Option(
            "--any-instrument", help="Even if two segmenters measured the organs."
        ),
    ] = False,
    unweighted: Annotated[
        bool,
        typer.Option(
            "--unweighted",
            help="Take all subjects as they are; B is not weighted to A's sex, age "
            "and BMI.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """Compare two cohorts, or two arms: means, spreads, slopes, in every subgroup."""
    from vct.manifest import load_cohort
    from vct.report import write_comparison
    from vct.validation.compare_cohorts import Side, compare_cohorts, names_of
    from vct.validation.comparison_tables import write_tables

    sides = Side(a, arm_a), Side(b, arm_b)
    cohorts = [(side, load_cohort(side.folder)) for side in sides]
    _make_folder(out)
    tables = compare_cohorts(
        *sides,
        bound_percent=bound,
        any_instrument=any_instrument,
        weighted=not unweighted,
    )
    if as_json:
        show_json(_records(tables))
    else:
        show("\n".join(lines(tables, *names_of(*sides))))
    if out is not None:
        with told_as_unwritable(out, _ADVICE):
            write_tables(out, tables)
            page = write_comparison(
                cohorts, tables, out, bound_percent=bound, weighted=not unweighted
            )
        say(f"{page}; tables in {out / 'validation'}")
    if any(_failed(tables[name]).any() for name in ("comparisons", "slopes")):
        raise typer.Exit(EXIT_FINDINGS_FAILED)


def lines(tables: "dict[str, pd.DataFrame]", a: str, b: str) -> list[str]:
    """What a person reads: all subjects organ by organ, then what fails elsewhere."""
    from vct.validation.comparison import remarks

    df, slopes = tables["comparisons"], tables["slopes"]
    whole = df[(df["group"] == "all") & (df["quantity"] != "hu_mean")]
    parts = df[df["group"] != "all"]
    told = [
        f"{a} against {b}, difference in % of {b}",
        f"n: subjects of {a} with a number / effective number of {b}",
        *remarks(df),
        _HEAD,
    ]
    told += [_line(row) for row in whole.to_dict("records")]
    told.append(_counts("subgroups", parts["verdict"]))
    told.append(_counts("spreads", df["spread_verdict"]))
    told.append(_counts("slopes", slopes["verdict"]))
    for row in df[_failed(df)].to_dict("records"):
        told.append(
            f"fail  {row['group']}: {_what(row)} {row['difference_percent']:+.1f} %, "
            f"SD ratio {row['sd_ratio']:.2f}"
        )
    for row in slopes[_failed(slopes)].to_dict("records"):
        told.append(
            f"fail  {row['sex']}: slope of {_what(row)} on {row['on']} "
            f"{row['slope']:.3g}, not {row['reference_slope']:.3g}"
        )
    return told


def _line(row: dict) -> str:
    difference = _with_interval(
        row, "difference_percent", "low_percent", "high_percent", "+.1f"
    )
    ratio = _with_interval(row, "sd_ratio", "sd_ratio_low", "sd_ratio_high", ".2f")
    n = f"{row['n']}/{row['n_reference']}"
    organ = row["organ"].replace("_", " ")
    verdicts = row["verdict"]
    if row["spread_verdict"] == "fail":
        verdicts += ", spread fail"
    return (
        f"{organ:18s} {row['quantity']:10s} {n:>9s} {difference:>22s} "
        f"{ratio:>20s}  {verdicts}"
    )


def _with_interval(row: dict, value: str, low: str, high: str, form: str) -> str:
    """Number and interval; a dash for what too few values do not tell."""
    if row[value] != row[value]:
        return _NONE
    known = [format(row[end], form) for end in (low, high) if row[end] == row[end]]
    return f"{row[value]:{form}} [{', '.join(known) or _NONE}]"


def _what(row: dict) -> str:
    return f"{row['organ'].replace('_', ' ')} {row['quantity']}"


def _counts(what: str, verdicts: "pd.Series") -> str:
    order = ("fail", "inconclusive", "pass", "info")
    counts = [f"{int((verdicts == v).sum())} {v}" for v in order]
    return f"{what}: {', '.join(counts)}"


def _failed(df: "pd.DataFrame") -> "pd.Series":
    failed = df["verdict"].eq("fail")
    if "spread_verdict" in df:
        failed |= df["spread_verdict"].eq("fail")
    return failed


def _records(tables: "dict[str, pd.DataFrame]") -> dict[str, list[dict]]:
    """Tables for a program, histograms left to the files; the unknown is null."""
    return {
        name: df.astype(object).where(df.notna(), None).to_dict("records")
        for name, df in tables.items()
        if name != "histograms"
    }


def _make_folder(out: Path | None) -> None:
    """Folder for the page, before minutes are spent on what goes there."""
    if out is None:
        return
    if (out / "cohort.yaml").exists():
        raise VctError(
            f"-o {out} is a cohort, whose own tables would be lost. Name another "
            "folder."
        )
    with told_as_unwritable(out, _ADVICE):
        out.mkdir(parents=True, exist_ok=True)
