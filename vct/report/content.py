"""Everything the page shows, gathered from a cohort, its findings and comparisons."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vct.errors import VctError
from vct.manifest import Cohort
from vct.report import methods
from vct.report.comparison_rows import comparison_tables
from vct.report.failures import failure_lines
from vct.report.finding_tables import (
    criterion_tables,
    organ_table,
    scorecard_table,
    series_table,
    spec_tables,
)
from vct.report.flow import flow
from vct.report.gallery import data_address, gallery
from vct.report.neighbors import neighbor_table
from vct.report.page_table import PageTable, named
from vct.report.reference_table import reference_table
from vct.report.scorecard import CRITERIA, counts
from vct.report.tables import is_primary, provenance_rows
from vct.report.whiskers import finding_whiskers, mean_whiskers, spread_whiskers
from vct.validation import Finding, verdict_of
from vct.validation.comparison import BOUND_PERCENT, FEWEST, remarks
from vct.validation.comparison_tables import was_compared
from vct.validation.duplicates import COPY
from vct.validation.evidence import learned_phantoms
from vct.validation.reference_people import autopet_ages
from vct.validation.run import spec_samples

if TYPE_CHECKING:
    import pandas as pd

MOST_FAILED = 12  # lines at the top; all stand in the table of findings


def content(
    cohort: Cohort,
    findings: Sequence[Finding],
    compared: "dict[str, pd.DataFrame]",
) -> dict[str, Any]:
    """Everything the template shows.

    Parameters
    ----------
    compared
        Comparison tables by name; empty ones where there are none.
    """
    calibrated = learned_phantoms(cohort.run)
    spec, pool, attrition = _spec(cohort)
    comparisons = compared["comparisons"]
    seen = "seen" in {*comparisons["evidence"], *(f.kind for f in findings)}
    marked = {"calibrated": calibrated, "seen": seen}
    failed = failure_lines(findings)
    previews, n_previews = gallery(cohort)
    return {
        **_head(cohort, spec, findings),
        "failed": failed[:MOST_FAILED],
        "n_failed_more": max(len(failed) - MOST_FAILED, 0),
        "criteria": CRITERIA,
        "criterion_counts": counts(findings),
        "statements": methods.statements(cohort, spec, **marked),
        "previews": previews,
        "n_previews": n_previews,
        "flow": flow(cohort, attrition),
        "tables": named(_tables(cohort, findings, compared, attrition)),
        "compared": len(comparisons) > 0,
        "was_compared": was_compared(cohort.path),
        "judged": any(f.id.startswith(("compare/", "slope/")) for f in findings),
        "fewest_judged": FEWEST,
        "bound_percent": _bound_percent(comparisons),
        "histogram_overlaid": compared["histograms"]["reference_share"].notna().any(),
        "sources": _sources(findings, comparisons),
        "remarks": _remarks(comparisons),
        "provenance": provenance_rows(cohort),
        "methods": methods.methods(cohort, spec, _references(comparisons), **marked),
        "literature": methods.LITERATURE,
        "limits": methods.limits(calibrated=calibrated),
        "calibrated": calibrated,
        "copy_distance": COPY,
        **_figures(cohort, findings, pool, compared),
    }


def _head(
    cohort: Cohort, spec: Any | None, findings: Sequence[Finding]
) -> dict[str, Any]:
    """What the first lines say."""
    subjects = cohort.finished
    return {
        "name": spec.name if spec is not None else cohort.path.resolve().name,
        "n_subjects": len(subjects),
        "n_women": int((subjects["sex"] == "F").sum()),
        "n_men": int((subjects["sex"] == "M").sum()),
        "model": cohort.run.get("model", {}),
        "seed": cohort.run.get("seed"),
        "vct_version": cohort.run.get("vct_version"),
        "verdict": verdict_of(findings),
        "verdicts": Counter(f.verdict for f in findings),
    }


def _tables(
    cohort: Cohort,
    findings: Sequence[Finding],
    compared: "dict[str, pd.DataFrame]",
    attrition: dict[str, int],
) -> list[PageTable]:
    has_comparisons = len(compared["comparisons"]) > 0
    return [
        scorecard_table(findings),
        *comparison_tables(compared),
        reference_table(compared["comparisons"]),
        *spec_tables(findings, attrition),
        organ_table(findings, compared=not has_comparisons),
        series_table(cohort),
        *criterion_tables(findings),
        neighbor_table(cohort),
    ]


def _spec(cohort: Cohort) -> tuple[Any | None, "pd.DataFrame | None", dict[str, int]]:
    """Spec, large sample and attrition; nothing where it cannot be sampled again."""
    from vct.spec import load_spec

    try:
        spec = load_spec(cohort.path / "cohort.yaml")
        samples = spec_samples(cohort)
    except VctError:
        return None, None, {}
    return spec, samples.pool, dict(samples.planned.attrs.get("attrition", {}))


def _bound_percent(comparisons: "pd.DataFrame") -> float:
    return (
        float(comparisons["bound_percent"].max())
        if len(comparisons)
        else (BOUND_PERCENT)
    )


def _sources(findings: Sequence[Finding], comparisons: "pd.DataFrame") -> list[str]:
    """Citations of the references, each once."""
    compared = [str(source) for source in comparisons["source"].dropna()]
    found = [
        f.source
        for f in findings
        if f.id.startswith("organ/") and f.reference is not None
    ]
    return [source for source in dict.fromkeys(compared or found) if source]


def _remarks(comparisons: "pd.DataFrame") -> list[str]:
    """What must be known of a whole reference: its notes, each once."""
    return [
        f"{name}: {note}"
        for name in _references(comparisons)
        for note in remarks(comparisons[comparisons["reference"] == name])
    ]


def _references(comparisons: "pd.DataFrame") -> list[str]:
    return [str(name) for name in dict.fromkeys(comparisons["reference"])]


def _figures(
    cohort: Cohort,
    findings: Sequence[Finding],
    pool: "pd.DataFrame | None",
    compared: "dict[str, pd.DataFrame]",
) -> dict[str, Any]:
    """Plots as data addresses; None where there is nothing to plot."""
    from vct.report.age_figure import age_figure
    from vct.report.figures import demographics_figure, trend_figure
    from vct.report.forest_figure import SPREAD_SCALE, forest_figure, mean_scale
    from vct.report.histogram_figure import histogram_figure

    subjects, df = cohort.finished, compared["comparisons"]
    primary = [f for f in findings if is_primary(f)]
    means = mean_whiskers(df) if len(df) else finding_whiskers(primary, "mean")
    spreads = spread_whiskers(df) if len(df) else finding_whiskers(primary, "sd")
    plots = {
        "demographics_figure": demographics_figure(subjects, pool)
        if len(subjects)
        else None,
        "age_figure": age_figure(subjects, autopet_ages())
        if "autopet-published" in set(df["reference"])
        else None,
        "mean_figure": forest_figure(means, mean_scale(_bound_percent(df))),
        "spread_figure": forest_figure(spreads, SPREAD_SCALE),
        "histogram_figure": histogram_figure(compared["histograms"]),
        "trend_figure": trend_figure(cohort.organs, subjects),
    }
    return {
        name: data_address("image/svg+xml", plot) if plot else None
        for name, plot in plots.items()
    }
