"""Numbers and provenance as the report writes them."""

import re
from typing import Any

from vct.manifest import Cohort
from vct.validation.finding import Finding

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


def decimals_for(quantity: str) -> int:
    """Decimals of a quantity, by its name in the tables."""
    return _DECIMALS.get(quantity, 2)


def p_value(p: float | None) -> str:
    """Probability to three decimals, or that it is below a thousandth.

    >>> p_value(0.0002), p_value(0.25), p_value(None)
    ('<0.001', '0.250', '–')
    """
    return "<0.001" if p is not None and p < 0.001 else number(p, 3)


def is_primary(finding: Finding) -> bool:
    """Organ finding against the reference its value is held to."""
    return finding.id.startswith("organ/") and finding.id.count("/") == 4


def short_source(source: str) -> str:
    """First word of a source, or all of ``no reference``.

    >>> short_source("AutoPET FDG, read off a figure")
    'AutoPET'
    """
    return source if source == "no reference" else re.split(r"[\s,;:(]", source)[0]


def decimals_of(finding: Finding) -> int:
    """Decimals that show what the finding is about."""
    if finding.statistic == "count":
        return 0
    if finding.statistic in ("ks", "share", "r"):
        return 3
    if finding.id == "conformance/suv-factor":
        return 6
    return decimals_for(finding.quantity)


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
        *_stage_rows(run),
        ("peak memory", _memory(run.get("peak_memory_bytes"))),
    ]
    return [(name, _plain(value)) for name, value in rows if value not in (None, "")]


def _stage_rows(run: dict[str, Any]) -> list[tuple[str, str]]:
    """Seconds by stage, in all and per subject."""
    n = run.get("n_subjects") or 0
    names = {"superres": "super-resolution", "dicom": "DICOM"}
    return [
        (
            f"seconds, {names.get(stage, stage)}",
            number(seconds, 1)
            + (f" ({number(seconds / n, 2)} per subject)" if n else ""),
        )
        for stage, seconds in run.get("seconds", {}).items()
        if seconds is not None
    ]


def _memory(size: int | None) -> str | None:
    return file_size(size) if size else None


def _plain(value: Any) -> str:
    """Value of run.json as words."""
    if isinstance(value, dict):
        return ", ".join(f"{k}: {_plain(v)}" for k, v in value.items()) or NONE
    if isinstance(value, list):
        return (" to " if len(value) == 2 else ", ").join(map(_plain, value)) or NONE
    return str(value)
