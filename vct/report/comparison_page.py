"""Two cohorts on one page: where one differs from the other."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vct.manifest import Cohort
from vct.report.comparison_rows import comparison_tables
from vct.report.failures import failure_lines
from vct.report.forest_figure import SPREAD_SCALE, forest_figure, mean_scale
from vct.report.gallery import data_address
from vct.report.histogram_figure import histogram_figure
from vct.report.html import write_page
from vct.report.page_table import named
from vct.report.whiskers import mean_whiskers, spread_whiskers
from vct.validation.against import Asked, judged_findings
from vct.validation.compare_cohorts import Side, names_of, subjects_of
from vct.validation.comparison import remarks

if TYPE_CHECKING:
    import pandas as pd

_COUNTED = ("fail", "inconclusive", "pass", "info")


def write_comparison(
    sides: Sequence[tuple[Side, Cohort]],
    tables: "dict[str, pd.DataFrame]",
    out: Path,
    *,
    bound_percent: float,
    weighted: bool = True,
) -> Path:
    """Write ``report.html`` of ``compare_cohorts``, and its tables, into a folder.

    Parameters
    ----------
    sides
        The cohort, and the one it is held against.
    tables
        Of ``compare_cohorts``.
    out
        Folder that exists.
    bound_percent, weighted
        As given to ``compare_cohorts``.
    """
    (a, _), (b, _) = sides
    names = names_of(a, b)
    findings = list(judged_findings(tables, Asked((names[1],), bound_percent)))
    failed = failure_lines(findings)
    shown = {
        "one": names[0],
        "other": names[1],
        "sides": [_side(name, *side) for name, side in zip(names, sides, strict=True)],
        "failed": failed,
        "counts": _counts(tables),
        "verdicts": _COUNTED,
        "tables": named(comparison_tables(tables)),
        "bound_percent": bound_percent,
        "weighted": weighted,
        "remarks": remarks(tables["comparisons"]),
        **_figures(tables, bound_percent),
    }
    return write_page(out, "comparison.html.j2", shown)


def _side(name: str, side: Side, cohort: Cohort) -> dict[str, Any]:
    """Who and what a cohort is, for the first lines."""
    subjects, model = subjects_of(cohort, side.arm), cohort.run.get("model", {})
    return {
        "name": name,
        "folder": str(side.folder),
        "n": len(subjects),
        "n_women": int((subjects["sex"] == "F").sum()),
        "n_men": int((subjects["sex"] == "M").sum()),
        "model": f"{model.get('name', 'unknown')} {model.get('version', '')}".strip(),
        "trained_on": (model.get("trained_on") or "not recorded").rstrip("."),
        "seed": cohort.run.get("seed"),
        "vct_version": cohort.run.get("vct_version"),
    }


def _counts(tables: "dict[str, pd.DataFrame]") -> dict[str, Counter]:
    df = tables["comparisons"]
    everybody = df["group_kind"].isin(["all", "sex"])
    verdicts = {
        "means of everybody, women and men": df.loc[everybody, "verdict"],
        "means of subgroups": df.loc[~everybody, "verdict"],
        "spreads": df["spread_verdict"],
        "slopes": tables["slopes"]["verdict"],
    }
    return {what: Counter(column) for what, column in verdicts.items()}


def _figures(
    tables: "dict[str, pd.DataFrame]", bound_percent: float
) -> dict[str, str | None]:
    df = tables["comparisons"]
    plots = {
        "mean_figure": forest_figure(mean_whiskers(df), mean_scale(bound_percent)),
        "spread_figure": forest_figure(spread_whiskers(df), SPREAD_SCALE),
        "histogram_figure": histogram_figure(tables["histograms"]),
    }
    return {
        name: data_address("image/svg+xml", plot) if plot else None
        for name, plot in plots.items()
    }
