"""The cohort folder: claimed by one build's identity, resumed, never mixed."""

import json
import shutil
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

from vct.errors import CohortError
from vct.manifest import write_run
from vct.partial import partials_of, written_beside, written_once

OnExisting = Literal["resume", "fail", "overwrite"]

IDENTITY_NAME = ".build.json"
NUMERICS_NAME = ".numerics.json"
_OURS = (
    "dicom",
    "previews",
    "cohort.yaml",
    "subjects.parquet",
    "series.parquet",
    "instances.parquet",
    "organs.parquet",
    "images.parquet",
    "suv_histograms.parquet",
    "run.json",
    "findings.json",
    "events.jsonl",
    "report.html",
    "report",
    "validation",
    "contact-sheet.png",
    IDENTITY_NAME,
    NUMERICS_NAME,
)


def claim(
    out: Path,
    identity: dict[str, Any],
    spec_bytes: bytes,
    on_existing: OnExisting = "resume",
) -> None:
    """Make the folder this build's own, or find that it already is.

    Parameters
    ----------
    identity
        What must agree for two builds to share a folder, as far as it is known before
        a model is loaded.
    on_existing
        ``resume`` goes on with an agreeing cohort, ``fail`` refuses any, and
        ``overwrite`` removes the cohort first (never a folder that is none).

    Raises
    ------
    CohortError
        If the folder holds something else, or another cohort.
    """
    require_claimable(out, identity, on_existing)
    if on_existing == "overwrite" and out.is_dir():
        _remove_cohort(out)
    out.mkdir(parents=True, exist_ok=True)
    path = out / IDENTITY_NAME
    if not written_once(path, lambda partial: write_run(partial, identity)):
        _require_agreement(out, read_identity(out), identity)
    if not (out / "cohort.yaml").is_file():
        with written_beside(out / "cohort.yaml") as partial:
            partial.write_bytes(spec_bytes)
    for name in ("dicom", "previews"):
        (out / name).mkdir(exist_ok=True)


def require_claimable(
    out: Path, identity: dict[str, Any], on_existing: OnExisting
) -> None:
    """Refuse a folder that ``claim`` refuses; write nothing.

    Raises
    ------
    CohortError
        As ``claim``.
    """
    if not (out.is_dir() and _is_used(out)):
        return
    if not (out / IDENTITY_NAME).is_file():
        raise CohortError(
            f"{out} is not empty and is not a cohort that 'vct build' began. "
            "Choose an empty or a new folder with -o."
        )
    if on_existing == "fail":
        raise CohortError(
            f"{out} holds a cohort already. Choose another folder with -o, or "
            "'--on-existing resume' to go on with it."
        )
    if on_existing == "resume":
        _require_agreement(out, read_identity(out), identity)


def read_identity(out: Path) -> dict[str, Any]:
    """Identity of the build that began a folder, and numerics once they are known.

    Raises
    ------
    CohortError
        If the folder was begun by no build, or its record is damaged.
    """
    identity = _read_object(out / IDENTITY_NAME)
    if identity is None:
        raise CohortError(
            f"{out} is not a cohort that 'vct build' began. Name the folder given "
            "with -o."
        )
    return {**identity, **(_read_object(out / NUMERICS_NAME) or {})}


def _read_object(path: Path) -> dict[str, Any] | None:
    """What a JSON file holds; None without the file."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise CohortError(
            f"{path} is damaged ({error}). Build again with '--on-existing overwrite'."
        ) from None
    if not isinstance(values, dict):
        raise CohortError(f"{path} is damaged: it must hold a JSON object.")
    return values


def agree(out: Path, numerics: dict[str, Any]) -> None:
    """Add the numerics, which only a loaded model tells, or find that they agree.

    Of shards that begin together the first to write them decides.

    Raises
    ------
    CohortError
        With both values of every key that differs.
    """
    _require_agreement(out, read_identity(out), numerics)
    written_once(out / NUMERICS_NAME, lambda partial: write_run(partial, numerics))
    _require_agreement(out, read_identity(out), numerics)


def _require_agreement(
    out: Path, known: dict[str, Any], identity: dict[str, Any]
) -> None:
    differing = list(_differing(known, identity))
    if differing:
        raise CohortError(
            f"{out} was begun with another spec, model, option or software:\n"
            + "\n".join(f"  {line}" for line in differing)
            + "\nGive the same ones to resume, choose another folder with -o, or "
            "replace it with '--on-existing overwrite'."
        )


def _differing(
    known: dict[str, Any], identity: dict[str, Any], within: str = ""
) -> Iterator[str]:
    """Both values of every key that both have and that differs."""
    for key in (key for key in identity if key in known):
        there, now = known[key], identity[key]
        if isinstance(there, dict) and isinstance(now, dict):
            yield from _differing(there, now, f"{within}{key}.")
        elif there != now:
            yield f"{within}{key}: {there!r} there, {now!r} now"


def how_to_go_on(on_existing: OnExisting) -> str:
    """What goes on with a stopped build: the same command, where it keeps subjects.

    >>> how_to_go_on("overwrite")
    "run the same command with '--on-existing resume'"
    """
    if on_existing == "resume":
        return "run the same command again"
    return "run the same command with '--on-existing resume'"


def finished(out: Path, subject_id: str) -> bool:
    """Whether a subject is complete: finished means renamed."""
    return (out / "dicom" / subject_id).is_dir()


def _is_used(out: Path) -> bool:
    """Whether a folder holds anything but the claim of a shard that starts too."""
    claims = partials_of(out / IDENTITY_NAME)
    return not all(fnmatch(path.name, claims) for path in out.iterdir())


def _remove_cohort(out: Path) -> None:
    """Remove what builds write, and nothing else."""
    for path in [*(out / name for name in _OURS), *out.glob("run-*of*.json")]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
