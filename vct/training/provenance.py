"""What the patients of a training were, in the words of a model card."""

import json
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from vct.autopet.prepared import name_of_data
from vct.errors import ModelError
from vct.partial import written_beside
from vct.training.people import CONDITIONING_RANGES
from vct.training.prepared import PreparedCache
from vct.validation.evidence import patients_from

RECORD = "data.json"
_OPTIONAL = ("height_m", "bmi_kg_m2")


def record_of(cache: PreparedCache) -> dict[str, Any]:
    """What a card says of prepared studies; written into the folder of a run.

    ``subjects_per_slice`` counts the training studies by slice of the fine grid, runs
    of equal counts as [slices, studies]; ``written_slices`` is the longest range [low,
    high) that enough of them cover. ``studies`` and ``patients`` stay in the run's
    folder: who was trained on is no held-out person of it.
    """
    rows = cache.training_rows
    counts = cache.subjects_per_slice()
    least = cache.data.min_subjects_per_slice
    return {
        "source": str(cache.folder.settings["source"]),
        "tracers": sorted(set(rows["tracer"].astype(str))),
        "spacing_mm": cache.grid.spacing_mm[0],
        "grid": {
            "shape": list(cache.grid.shape),
            "spacing_mm": list(cache.grid.spacing_mm),
            "origin_mm": list(cache.grid.origin_mm),
        },
        "training_studies": len(rows),
        "training_patients": int(rows["subject_key"].nunique()),
        "studies": cache.training_studies(),
        "patients": sorted(set(rows["subject_key"].astype(str))),
        "held_out_studies": len(cache.held_out),
        "height_unknown": int(rows["height_m"].isna().sum()),
        "weight_unknown": int(rows["weight_kg"].isna().sum()),
        "unknown": [name for name in _OPTIONAL if rows[name].isna().all()],
        "conditioning_ranges": {
            name: _range(rows[name], _ALMOST_ALL, assumed)
            for name, assumed in CONDITIONING_RANGES.items()
        },
        "protocol": _protocol(rows),
        "subjects_per_slice": [[len(list(r)), n] for n, r in groupby(counts)],
        "min_subjects_per_slice": least,
        "written_slices": longest(lambda k: counts[k] >= least, len(counts)),
    }


def sentence_of(record: dict[str, Any]) -> str:
    """``trained_on`` of a card, without its licence."""
    studies = record["training_studies"]
    told = (
        f"{'/'.join(record['tracers'])} PET/CT of patients: {studies} studies of "
        f"{record['training_patients']} "
        f"{patients_from(name_of_data(record['source']))}{record['spacing_mm']:g} mm"
    )
    missing = [
        f"{name} unknown in {record[f'{name}_unknown']} of {studies}"
        for name in ("height", "weight")
        if record[f"{name}_unknown"]
    ]
    return "; ".join([told, *missing]) + "."


def warnings_of(record: dict[str, Any]) -> list[str]:
    """What whoever starts the training should know of its data."""
    lines = []
    low, high = record["written_slices"]
    slices = record["grid"]["shape"][0]
    least = record["min_subjects_per_slice"]
    if low == high:
        lines.append(
            f"no slice is covered by {least} studies; data.min_subjects_per_slice "
            "sets how many are enough"
        )
    elif (low, high) != (0, slices):
        grid = record["grid"]
        first = grid["origin_mm"][0] - grid["spacing_mm"][0] / 2
        edges = [first + k * grid["spacing_mm"][0] for k in (low, high)]
        lines.append(
            f"only slices {low} to {high} of {slices} (z {edges[0]:g} to {edges[1]:g} "
            f"mm) are covered by {least} studies or more: what the model draws beyond "
            "them it has hardly seen; data.window_mm can leave them out"
        )
    for name, (low, high) in record["conditioning_ranges"].items():
        least, most = CONDITIONING_RANGES[name]
        if low < least or high > most:
            lines.append(
                f"{name} is {low:g} to {high:g} in the training studies, beyond the "
                f"{least:g} to {most:g} of most adults: look for mistyped values, for "
                "the card will promise that range"
            )
    for name in record["unknown"]:
        lines.append(f"{name} is unknown in every study: the model will not follow it")
    return lines


def write_record(record: dict[str, Any], run: Path) -> None:
    """Write ``data.json`` into the folder of a run."""
    run.mkdir(parents=True, exist_ok=True)
    with written_beside(run / RECORD) as partial:
        partial.write_text(json.dumps(record, indent=1), "utf-8")


def remember_calibration(images: PreparedCache, run: Path) -> None:
    """Write into ``data.json`` of a run which part of the split calibrated it.

    A run without that file, as of phantoms, is left as it is.

    Raises
    ------
    ModelError
        If the file is damaged.
    """
    if (run / RECORD).is_file():
        write_record({**read_record(run), "calibrated_on": images.aside}, run)


def read_record(run: Path) -> dict[str, Any]:
    """``data.json`` of a run on prepared studies.

    Raises
    ------
    ModelError
        If there is none.
    """
    try:
        record: dict[str, Any] = json.loads((run / RECORD).read_text("utf-8"))
    except (OSError, json.JSONDecodeError):
        raise ModelError(
            f"{run / RECORD} is missing or damaged: it says on whom the run was "
            "trained; start 'vct train' on the same folder again, and it is rewritten"
        ) from None
    return record


def longest(good: Callable[[int], bool], count: int) -> list[int]:
    """The longest range [low, high) of good numbers below ``count``; [0, 0] if none."""
    best, first = [0, 0], None
    for k in range(count + 1):
        if k < count and good(k):
            first = k if first is None else first
        elif first is not None:
            best = max(best, [first, k], key=lambda r: r[1] - r[0])
            first = None
    return best


def _protocol(rows: pd.DataFrame) -> dict[str, Any]:
    """Dose and uptake time of the middle 95 % of the studies that tell them."""
    per_kg = rows["injected_mbq"] / rows["weight_kg"]
    told = int((per_kg.notna() & rows["uptake_min"].notna()).sum())
    return {
        "injected_mbq_per_kg": _range(per_kg, _MIDDLE, (2.0, 6.0)),
        "uptake_min": _range(rows["uptake_min"], _MIDDLE, (50.0, 75.0)),
        "scanner": f"as scanned; dose and uptake time known of {told} studies"
        + ("" if told else ", so that their ranges are assumed"),
    }


_MIDDLE = (0.025, 0.975)
_ALMOST_ALL = (0.01, 0.99)  # one mistyped height must not widen what a card promises


def _range(
    values: "pd.Series[Any]",
    quantiles: tuple[float, float],
    assumed: tuple[float, float],
) -> list[float]:
    """Quantiles, each one of the known values; ``assumed`` where none is known."""
    known = pd.to_numeric(values, errors="coerce").dropna()
    if known.empty:
        return list(assumed)
    nearest = known.quantile(list(quantiles), interpolation="nearest")
    return [round(float(value), 3) for value in nearest]
