"""``run.json`` and ``events.jsonl``: what ran, with what, for how long.

Both hold wall-clock times and are the only files in which two builds of one spec
differ.
"""

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from vct.errors import CohortError
from vct.partial import written_beside
from vct.provenance import deciding_versions

RUN_NAME = "run.json"
EVENTS_NAME = "events.jsonl"

# Shards of one cohort must agree on these, or their subjects are not one population.
_SHARED = (
    "vct_version",
    "spec_sha256",
    "model",
    "seed",
    "header_only_protocol",
    "device",
    "precision",
    "batch_size",
    "tile_plan",
)


def shard_name(shard: int, n_shards: int) -> str:
    """File name of one shard's run record.

    >>> shard_name(2, 4)
    'run-2of4.json'
    """
    return f"run-{shard}of{n_shards}.json"


def write_run(path: Path, record: Mapping[str, Any]) -> None:
    """Write a run record as JSON, beside its place first and then renamed.

    Raises
    ------
    TypeError
        If a value is not plain JSON, a NumPy scalar for instance: the message names
        its key.
    """
    _require_json(record, path.name)
    text = json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    with written_beside(path) as partial:
        partial.write_text(text, "utf-8")


def read_run(path: Path) -> dict[str, Any]:
    """Read a run record.

    Raises
    ------
    CohortError
        If it is missing or damaged.
    """
    try:
        record = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise CohortError(
            f"{path} is missing: the build has not finished. Run the same "
            "'vct build' again, or 'vct finish' after shards."
        ) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CohortError(
            f"{path} is damaged ({error}). Run the same 'vct build' again: finished "
            "subjects are kept."
        ) from error
    if not isinstance(record, dict):
        raise CohortError(f"{path} must hold a JSON object. Run 'vct build' again.")
    return record


def append_event(out: Path, event: str, *, now: datetime, **fields: Any) -> None:
    """Append one line to ``events.jsonl``.

    Parameters
    ----------
    now
        Wall clock of the event, with its time zone.

    Raises
    ------
    TypeError
        If a field is not plain JSON.
    """
    record = {"time": now.isoformat(timespec="milliseconds"), "event": event, **fields}
    _require_json(record, EVENTS_NAME)
    line = json.dumps(record, allow_nan=False, ensure_ascii=False) + "\n"
    # One write of one line: appends of several processes do not interleave.
    with (out / EVENTS_NAME).open("a+b", buffering=0) as file:
        file.write(("\n" * _ends_in_a_cut(file) + line).encode("utf-8"))


def _ends_in_a_cut(file: BinaryIO) -> bool:
    """Whether a kill or a full disk has cut the last line."""
    if not file.seek(0, os.SEEK_END):
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def merge_runs(out: Path) -> dict[str, Any]:
    """Merge the run records of shards (``run-<k>of<n>.json``) into ``run.json``.

    Seconds and subjects are summed, shares of subjects pooled, the largest peak of
    memory is kept, and the records themselves stand under ``shards``. A shard to which
    no subject fell loaded no model and agrees with all others.

    Raises
    ------
    CohortError
        If a shard is missing, or shards were built from different specs, models,
        seeds or software, or with different numerics.
    """
    runs = _read_shards(out)
    merged = {
        **_shared_record(out, runs),
        "started": min(run["started"] for run in runs),
        "finished": max(run["finished"] for run in runs),
        "seconds": _summed([run.get("seconds", {}) for run in runs]),
        "peak_memory_bytes": max(run.get("peak_memory_bytes") or 0 for run in runs),
        "n_subjects": sum(run["n_subjects"] for run in runs),
        "share_outside_model_range": _pooled_shares(runs),
        "shards": runs,
    }
    write_run(out / RUN_NAME, merged)
    return merged


def _shared_record(out: Path, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Record of the first shard that has subjects, with which all others agree."""
    built = {n: run for n, run in enumerate(runs, start=1) if run["n_subjects"]}
    if not built:
        raise CohortError(f"{out}: no shard has built a subject. Build them first.")
    first, record = next(iter(built.items()))
    for number, run in built.items():
        here, there = _shared(run), _shared(record)
        for key in here | there:
            if here.get(key) != there.get(key):
                raise CohortError(
                    f"{out}: shard {number} of {len(runs)} was built with {key} "
                    f"{here.get(key)!r}, shard {first} with {there.get(key)!r}. Build "
                    "the shards of one cohort with one spec, the same options and the "
                    "same software."
                )
    return record


def _shared(run: dict[str, Any]) -> dict[str, Any]:
    """What shards of one cohort must agree on, as one of them has it."""
    return {
        **{key: run.get(key) for key in _SHARED},
        **deciding_versions(run.get("packages", {})),
    }


def shards_there(out: Path) -> list[tuple[int, int]]:
    """Number and count of every shard that has a run record."""
    return sorted(
        (int(m[1]), int(m[2]))
        for p in out.glob("run-*of*.json")
        if (m := re.fullmatch(r"run-(\d+)of(\d+)\.json", p.name))
    )


def _read_shards(out: Path) -> list[dict[str, Any]]:
    """Run records of all shards, in order."""
    found = shards_there(out)
    if not found:
        raise CohortError(
            f"{out}: no run-<k>of<n>.json here. Build shards with "
            "'vct build --shard k/n' into this folder first."
        )
    totals = sorted({n for _, n in found})
    if len(totals) > 1:
        raise CohortError(
            f"{out}: shards of {' and of '.join(map(str, totals))} lie together. "
            "Keep the run records of one division only."
        )
    n = totals[0]
    absent = sorted(set(range(1, n + 1)) - {k for k, _ in found})
    if absent:
        names = ", ".join(shard_name(k, n) for k in absent)
        raise CohortError(
            f"{out}: {names} missing: run 'vct build --shard k/{n}' for "
            f"k = {', '.join(map(str, absent))}, then 'vct finish' again."
        )
    return [read_run(out / shard_name(k, n)) for k in range(1, n + 1)]


def _summed(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Seconds by stage, summed over shards."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: sum(part.get(name) or 0.0 for part in parts) for name in names}


def _pooled_shares(runs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Share of all shards' subjects outside each range of the model, 0 to 1."""
    total = sum(run["n_subjects"] for run in runs)
    pooled: dict[str, float] = {}
    for run in runs:
        for name, share in run.get("share_outside_model_range", {}).items():
            pooled[name] = pooled.get(name, 0.0) + share * run["n_subjects"] / total
    return pooled


def plain(value: Any) -> Any:
    """NumPy scalar as a Python one, NaN as None; everything else unchanged."""
    import numpy as np

    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    return value


def _require_json(value: Any, where: str) -> None:
    """Refuse what JSON cannot hold, with the key that holds it."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"{where}: key {key!r} must be a string")
            _require_json(
                item, f"{where}: {key}" if ":" not in where else f"{where}.{key}"
            )
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _require_json(item, f"{where}[{index}]")
    elif type(value) not in (str, int, float, bool, type(None)):
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        raise TypeError(
            f"{where} is a {kind}; a run record holds plain str, int, float, bool, "
            "None, lists and dicts. Convert NumPy scalars with .item()."
        )
    elif isinstance(value, float) and not math.isfinite(value):
        raise TypeError(f"{where} is {value}; JSON has no such number. Use None.")
