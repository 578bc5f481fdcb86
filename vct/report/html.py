"""One self-contained page: no request leaves it, no script runs in it."""

import base64
import io
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vct.errors import VctError
from vct.manifest import Cohort, load_cohort
from vct.report import methods
from vct.report.preview import CAPTION_PX, WIDTH_PX
from vct.report.tables import (
    count_rows,
    finding_rows,
    hu_rows,
    is_primary,
    organ_rows,
    provenance_rows,
    series_rows,
    stage_rows,
)
from vct.validation import Finding, read_findings, verdict_of
from vct.validation.run import reference_kind, spec_samples

if TYPE_CHECKING:
    import jinja2
    import pandas as pd

REPORT_NAME = "report.html"
GALLERY_SIZE = 24  # embedded previews: a report of a thousand subjects stays mailable
GALLERY_WIDTH_PX = 760


def write_report(out: str | Path, findings: Sequence[Finding] | None = None) -> Path:
    """Write ``report.html`` of a cohort.

    The page is a function of the folder: the same folder gives the same bytes. It
    quotes the times in ``run.json``, so two builds differ where those do.

    Parameters
    ----------
    out
        Cohort folder.
    findings
        Of ``validate_cohort``; read from ``findings.json`` if left out.

    Raises
    ------
    CohortError
        If the folder is not a readable cohort, or was never validated.
    """
    cohort = load_cohort(out)
    findings = read_findings(cohort.path) if findings is None else list(findings)
    page = _template().render(**_content(cohort, findings))
    path = cohort.path / REPORT_NAME
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(page.encode("utf-8"))
    partial.replace(path)
    return path


@cache
def _template() -> "jinja2.Template":
    """The page's template; an unknown name in it is an error."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vct.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")


def _content(cohort: Cohort, findings: Sequence[Finding]) -> dict[str, Any]:
    """Everything the template shows."""
    calibrated = reference_kind(cohort.run) == "calibrated"
    spec, pool, attrition = _spec(cohort)
    subjects = cohort.finished
    by_kind = {
        kind: [f for f in findings if f.id.startswith(f"{kind}/")]
        for kind in ("demographics", "image", "conformance")
    }
    judged = [f for f in by_kind["demographics"] if f not in _counted(findings)]
    previews, n_previews = _gallery(cohort)
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
        "failed": finding_rows([f for f in findings if f.verdict == "fail"]),
        "statements": methods.statements(cohort, spec, calibrated=calibrated),
        "previews": previews,
        "n_previews": n_previews,
        "demographic_rows": finding_rows(judged),
        "count_rows": count_rows(findings),
        "attrition": sorted(attrition.items()),
        "organ_rows": organ_rows(findings, quantities=("volume_ml", "suv_mean")),
        "other_rows": organ_rows(
            findings, quantities=("volume_ml", "suv_mean"), primary=False
        ),
        "sources": list(
            dict.fromkeys(
                f.source
                for f in findings
                if f.id.startswith("organ/") and f.reference is not None
            )
        ),
        "hu_rows": hu_rows(findings),
        "refused_rows": finding_rows(
            [f for f in findings if f.id.startswith("instrument/refused/")]
        ),
        "image_rows": finding_rows(by_kind["image"]),
        "conformance_rows": finding_rows(by_kind["conformance"]),
        "series_rows": series_rows(cohort),
        "stage_rows": stage_rows(cohort.run),
        "provenance": provenance_rows(cohort),
        "methods": methods.methods(cohort, calibrated=calibrated),
        "literature": methods.LITERATURE,
        "limits": methods.limits(calibrated=calibrated),
        "calibrated": calibrated,
        **_figures(cohort, findings, pool),
    }


def _counted(findings: Sequence[Finding]) -> list[Finding]:
    """Findings on counts of arms, strata and diagnoses: they have their own table."""
    return [f for f in findings if f.kind == "spec" and f.group != "all"]


def _spec(cohort: Cohort) -> tuple[Any | None, "pd.DataFrame | None", dict[str, int]]:
    """Spec, large sample and attrition; nothing where it cannot be sampled again."""
    from vct.spec import load_spec

    try:
        spec = load_spec(cohort.path / "cohort.yaml")
        pool, planned = spec_samples(cohort)
    except VctError:
        return None, None, {}
    return spec, pool, dict(planned.attrs.get("attrition", {}))


def _figures(
    cohort: Cohort, findings: Sequence[Finding], pool: "pd.DataFrame | None"
) -> dict[str, str | None]:
    """Plots as data addresses; None where there is nothing to plot."""
    from vct.report.figures import demographics_figure, forest_figure, trend_figure

    subjects = cohort.finished
    primary = [f for f in findings if is_primary(f)]
    compared = {f.statistic for f in primary if f.difference_percent is not None}
    trends = trend_figure(cohort.organs, subjects)
    return {
        "demographics_figure": _svg_address(demographics_figure(subjects, pool))
        if len(subjects)
        else None,
        "mean_figure": _svg_address(forest_figure(primary, "mean"))
        if "mean" in compared
        else None,
        "sd_figure": _svg_address(forest_figure(primary, "sd"))
        if "sd" in compared
        else None,
        "trend_figure": _svg_address(trends) if trends is not None else None,
    }


def _gallery(cohort: Cohort) -> tuple[list[dict[str, str]], int]:
    """Previews, evenly spaced in the subjects table, and how many there are."""
    paths = {
        subject_id: cohort.path / "previews" / f"{subject_id}.png"
        for subject_id in cohort.finished["subject_id"]
    }
    present = {name: path for name, path in paths.items() if path.is_file()}
    names = list(present)
    if len(names) > GALLERY_SIZE:
        last = len(names) - 1
        names = [names[i * last // (GALLERY_SIZE - 1)] for i in range(GALLERY_SIZE)]
    rows = cohort.finished.set_index("subject_id").loc[names]
    items = [
        {
            "id": str(row.Index),
            "words": f"{'woman' if row.sex == 'F' else 'man'}, {row.age_years:.0f} "
            f"years, {row.height_m:.2f} m, BMI {row.bmi_kg_m2:.1f} kg/m²",
            "address": _thumbnail(present[row.Index]),
        }
        for row in rows.itertuples()
    ]
    return items, len(present)


def _thumbnail(path: Path) -> str:
    """Preview made smaller and without its caption, as a data address."""
    from PIL import Image

    with Image.open(path) as image:
        scale = GALLERY_WIDTH_PX / image.width
        bottom = image.height - round(CAPTION_PX * image.width / WIDTH_PX)
        small = (
            image.convert("RGB")
            .crop((0, 0, image.width, bottom))
            .resize((GALLERY_WIDTH_PX, round(bottom * scale)), Image.Resampling.LANCZOS)
        )
    buffer = io.BytesIO()
    small.save(buffer, format="JPEG", quality=84)
    return _address("image/jpeg", buffer.getvalue())


def _svg_address(svg: bytes) -> str:
    return _address("image/svg+xml", svg)


def _address(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
