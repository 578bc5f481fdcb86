"""Rows of the report's tables: findings and manifests as text."""

import re
from collections.abc import Sequence
from typing import Any

from vct.manifest import Cohort
from vct.validation.finding import Finding
from vct.validation.organs import QUANTITIES

Row = dict[str, str]
NONE = "–"

_DECIMALS = {"volume_ml": 0, "suv_mean": 2, "hu_mean": 0, "height_m": 3}


def number(value: float | None, decimals: int = 1) -> str:
    """Number with a true minus sign and thin thousands; a dash for none.

    >>> number(-1234.5, 0), number(None)
    ('−1\\u2009234', '–')
    """
    if value is None or value != value:
        return NONE
    if 0 < abs(value) < 1e-4:
        return f"{value:.0e}".replace("-", "−")
    text = f"{value:,.{decimals}f}".replace(",", "\u2009").replace("-", "−")
    return text.removeprefix("−") if not text.strip("−0.\u2009") else text


def signed(value: float | None, decimals: int = 1) -> str:
    """Number with its sign."""
    text = number(value, decimals)
    zero = not text.strip("0.")
    return f"+{text}" if value is not None and value > 0 and not zero else text


def interval(
    pair: tuple[float, float] | None, decimals: int = 1, sign: bool = True
) -> str:
    """Interval as ``low to high``; a dash for none."""
    if pair is None:
        return NONE
    one = signed if sign else number
    return f"{one(pair[0], decimals)} to {one(pair[1], decimals)}"


def is_primary(finding: Finding) -> bool:
    """Organ finding against the reference its value is held to."""
    return finding.id.startswith("organ/") and finding.id.count("/") == 4


def organ_rows(
    findings: Sequence[Finding], *, quantities: Sequence[str], primary: bool = True
) -> list[Row]:
    """One row per organ, quantity, sex and reference: mean and SD side by side."""
    found = [
        f
        for f in findings
        if f.id.startswith("organ/")
        and f.quantity in quantities
        and is_primary(f) == primary
    ]
    spread = {f.id.replace("/sd", "/mean"): f for f in found if f.statistic == "sd"}
    return [
        _organ_row(mean, spread[mean.id]) for mean in found if mean.statistic == "mean"
    ]


def _organ_row(mean: Finding, sd: Finding) -> Row:
    decimals = _DECIMALS[mean.quantity]
    return {
        "organ": mean.organ.replace("_", " "),
        "quantity": QUANTITIES[mean.quantity],
        "sex": mean.group,
        "n": str(mean.n),
        "excluded": str(mean.excluded) if mean.excluded else "",
        "mean": number(mean.value, decimals),
        "sd": number(sd.value, decimals),
        "reference_mean": number(mean.reference, decimals),
        "reference_sd": number(sd.reference, decimals),
        "difference": signed(mean.difference_percent),
        "interval": interval(mean.interval),
        "sd_difference": signed(sd.difference_percent, 0),
        "sd_interval": interval(sd.interval, 0),
        "source": mean.source,
        "short_source": short_source(mean.source),
        "kind": mean.kind,
    }


def short_source(source: str) -> str:
    """First word of a source, or all of ``no reference``.

    >>> short_source("AutoPET FDG, read off a figure")
    'AutoPET'
    """
    return source if source == "no reference" else re.split(r"[\s,;:(]", source)[0]


def hu_rows(findings: Sequence[Finding]) -> list[tuple[str, Row, Row]]:
    """Organ, then the rows of women and of men; an absent one is empty."""
    rows = organ_rows(findings, quantities=("hu_mean",))
    by_sex = {(row["organ"], row["sex"]): row for row in rows}
    return [
        (organ, by_sex.get((organ, "F"), {}), by_sex.get((organ, "M"), {}))
        for organ in dict.fromkeys(row["organ"] for row in rows)
    ]


def finding_rows(findings: Sequence[Finding]) -> list[Row]:
    """One row per finding, with its bound and verdict."""
    rows = []
    for f in findings:
        decimals = _decimals_of(f)
        rows.append(
            {
                "id": f.id,
                "title": f.title,
                "group": f.group,
                "n": str(f.n),
                "value": number(f.value, decimals),
                "reference": number(f.reference, decimals),
                "interval": interval(
                    f.interval, 1 if f.difference_percent is not None else decimals,
                    sign=f.difference_percent is not None,
                ),
                "difference": signed(f.difference_percent),
                "bound": interval(f.bound, decimals, sign=False),
                "verdict": f.verdict,
                "kind": f.kind,
                "source": f.source,
                "note": f.note,
            }
        )  # fmt: skip
    return rows


def _decimals_of(finding: Finding) -> int:
    """Decimals that show what the finding is about."""
    if finding.statistic == "count":
        return 0
    if finding.statistic in ("ks", "share", "r"):
        return 3
    if finding.id == "conformance/suv-factor":
        return 6
    return _DECIMALS.get(finding.quantity, 2)


def series_rows(cohort: Cohort) -> list[Row]:
    """One row per modality: series, files, slices, voxels, sizes."""
    files = cohort.instances.groupby("modality")["bytes"]
    counts, sizes = files.size().to_dict(), files.sum().to_dict()
    rows = []
    for modality, df in cohort.series.groupby("modality", sort=True):
        first = df.iloc[0]
        rows.append(
            {
                "modality": str(modality),
                "series": number(len(df), 0),
                "files": number(counts[modality], 0),
                "matrix": f"{first['rows']} × {first['columns']}",
                "spacing": " × ".join(
                    f"{first[f'spacing_{axis}_mm']:g}" for axis in "kji"
                ),
                "units": str(first["units"] or NONE),
                "size": file_size(sizes[modality]),
                "size_per_subject": file_size(sizes[modality] / len(df)),
            }
        )
    return rows


def file_size(size: float) -> str:
    """Bytes in the unit that reads best (powers of 1000).

    >>> file_size(2_500_000)
    '2.5 MB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def count_rows(findings: Sequence[Finding]) -> list[Row]:
    """Subjects by arm, stratum and diagnosis."""
    return [
        {
            "what": f.quantity,
            "name": f.group,
            "value": number(f.value, 0),
            "reference": number(f.reference, 0),
            "verdict": f.verdict,
        }
        for f in findings
        if f.kind == "spec" and f.statistic == "count" and f.group != "all"
    ]


def stage_rows(run: dict[str, Any]) -> list[Row]:
    """Seconds by stage, in all and per subject."""
    n = run.get("n_subjects") or 0
    return [
        {
            "stage": {"superres": "super-resolution", "dicom": "DICOM"}.get(name, name),
            "seconds": number(seconds, 1),
            "per_subject": number(
                seconds / n if n and seconds is not None else None, 2
            ),
        }
        for name, seconds in run.get("seconds", {}).items()
    ]


def provenance_rows(cohort: Cohort) -> list[tuple[str, str]]:
    """What made this cohort, as pairs of name and value."""
    run, model = cohort.run, cohort.run.get("model", {})
    packages = run.get("packages", {})
    rows = [
        ("vct", run.get("vct_version")),
        ("Python", run.get("python")),
        ("packages", ", ".join(f"{k} {v}" for k, v in packages.items())),
        ("cohort.yaml, SHA-256", run.get("spec_sha256")),
        ("seed", run.get("seed")),
        ("model", f"{model.get('name', NONE)}, version {model.get('version', NONE)}"),
        ("model, SHA-256", model.get("sha256")),
        ("model, licence", model.get("licence")),
        ("model, ranges", model.get("conditioning_ranges")),
        ("sampler", run.get("sampler")),
        ("device", run.get("device")),
        ("precision", run.get("precision")),
        ("batch size", run.get("batch_size")),
        ("tile plan", run.get("tile_plan")),
        ("options", run.get("options")),
        ("started", run.get("started")),
        ("finished", run.get("finished")),
        ("peak memory", _memory(run.get("peak_memory_bytes"))),
    ]
    return [(name, _plain(value)) for name, value in rows if value not in (None, "")]


def _memory(size: int | None) -> str | None:
    return file_size(size) if size else None


def _plain(value: Any) -> str:
    """Value of run.json as words."""
    if isinstance(value, dict):
        return ", ".join(f"{k}: {_plain(v)}" for k, v in value.items()) or NONE
    if isinstance(value, list):
        return (" to " if len(value) == 2 else ", ").join(map(_plain, value)) or NONE
    return str(value)
