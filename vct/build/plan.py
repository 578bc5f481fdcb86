"""What a build will do, known before anything is generated."""

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vct.build.study import check_studies
from vct.errors import ModelError, SpecError, VctError
from vct.models import ModelCard, find_model
from vct.shard import Shard

if TYPE_CHECKING:
    import pandas as pd

    from vct.spec import CohortSpec
    from vct.subjects import Subject

_HEADER_BYTES = 3_500  # one CT or PET file without its pixels
_FIXED_BYTES = 500_000  # preview, subject.json, share of the report and the tables


@dataclass(frozen=True)
class Plan:
    """Whom to build, with which model, at what cost.

    Attributes
    ----------
    spec_path, spec_bytes, spec
        The YAML, as a place, as bytes and as a value with the overrides in it.
    card
        The model.
    subjects
        The whole cohort, one row per subject, whatever is selected.
    selected
        Identifiers to build, in the order of the table.
    outside
        Share of the selected subjects outside each range of the model (0 to 1).
    protocol_outside
        What of the protocol the model was not trained for, one sentence each.
    n_files, n_bytes
        DICOM files, and an upper estimate of the bytes on disk.
    seconds_per_subject
        As measured for the card, or None.
    """

    spec_path: Path
    spec_bytes: bytes
    spec: "CohortSpec"
    card: ModelCard
    subjects: "pd.DataFrame"
    selected: tuple[str, ...]
    shard: Shard | None
    outside: dict[str, float]
    protocol_outside: tuple[str, ...]
    n_files: int
    n_bytes: int
    seconds_per_subject: float | None

    def __len__(self) -> int:
        return len(self.selected)

    def check_request(self) -> None:
        """Refuse what cannot be built, as the function of this name."""
        check_request(
            self.spec_path,
            self.spec,
            self.card,
            self.people(self.selected),
            self.outside,
            self.protocol_outside,
        )

    def people(self, names: Sequence[str]) -> "list[Subject]":
        """Subjects of these names."""
        from vct.subjects import Subject

        rows = self.subjects.set_index("subject_id", drop=False)
        return [Subject.from_row(rows.loc[name]) for name in names]

    def describe_outside(self) -> str:
        """Share of the subjects outside each range of the model, in words."""
        return describe_outside(self.outside, self.card)

    def check_space(self, out: Path, n_subjects: int) -> None:
        """Refuse a build of ``n_subjects`` for which the disk has no room.

        Raises
        ------
        VctError
            If the estimate exceeds what is free.
        """
        if not len(self):
            return
        needed = math.ceil(self.n_bytes * n_subjects / len(self))
        free = shutil.disk_usage(existing_parent(out)).free
        if free < needed:
            raise VctError(
                f"{out}: {n_subjects} subjects need about {needed / 1e9:.1f} GB, "
                f"{free / 1e9:.1f} GB are free. Free some space, choose another disk "
                "with -o, or build fewer with --limit."
            )


def plan_cohort(
    spec_path: str | Path,
    *,
    limit: int | None = None,
    only: Sequence[str] = (),
    shard: Shard | None = None,
    seed: int | None = None,
    extrapolate: bool = False,
    header_only_protocol: bool = False,
) -> Plan:
    """Read a spec, draw its subjects, find its model; generate nothing.

    Parameters
    ----------
    spec_path
        The YAML.
    limit
        The first subjects only.
    only
        These subjects only, by identifier.
    shard
        One part of the whole cohort; not with ``limit`` or ``only``.
    seed
        Instead of the spec's.
    extrapolate, header_only_protocol
        As ``model.extrapolate`` and ``protocol.header_only`` of the spec.

    Raises
    ------
    SpecError
        If the spec is no cohort, or ``only`` names a subject it does not have.
    ModelError
        If the model is unknown, or its card cannot be read.
    VctError
        If ``shard`` comes with ``limit`` or ``only``.
    """
    from vct.spec import load_spec, read_spec
    from vct.subjects import sample_subjects, share_outside

    path = Path(spec_path)
    spec_bytes = read_spec(path)
    spec = load_spec(path, spec_bytes)
    spec = _overridden(spec, seed, extrapolate, header_only_protocol)
    card = find_model(spec.model.name)
    subjects = sample_subjects(spec)
    selected = _select(list(subjects["subject_id"]), path, limit, only, shard)
    chosen = subjects[subjects["subject_id"].isin(selected)]
    slices = card.grid.shape[0]
    return Plan(
        spec_path=path,
        spec_bytes=spec_bytes,
        spec=spec,
        card=card,
        subjects=subjects,
        selected=tuple(selected),
        shard=shard,
        outside=share_outside(chosen, card.ranges) if len(chosen) else {},
        protocol_outside=protocol_outside(chosen, card),
        n_files=len(selected) * (2 * slices + int(spec.output.segmentation)),
        n_bytes=len(selected)
        * (6 * card.voxels + 2 * slices * _HEADER_BYTES + _FIXED_BYTES),
        seconds_per_subject=card.metrics.get("seconds_per_subject"),
    )


def existing_parent(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def _overridden(
    spec: "CohortSpec", seed: int | None, extrapolate: bool, header_only: bool
) -> "CohortSpec":
    """Spec with the options of the command line in it."""
    changes: dict[str, object] = {}
    if seed is not None:
        changes["seed"] = seed
    if extrapolate:
        changes["model"] = spec.model.model_copy(update={"extrapolate": True})
    if header_only:
        changes["protocol"] = spec.protocol.model_copy(update={"header_only": True})
    return spec.model_copy(update=changes)


def _select(
    identifiers: list[str],
    path: Path,
    limit: int | None,
    only: Sequence[str],
    shard: Shard | None,
) -> list[str]:
    """Identifiers to build, in the order of the table."""
    wanted = set(only)
    unknown = sorted(wanted - set(identifiers))
    if unknown:
        raise SpecError(
            f"{path}: no subject {', '.join(unknown)}; the cohort has "
            f"{identifiers[0]} to {identifiers[-1]}"
        )
    if limit is not None and limit < 1:
        raise SpecError(f"--limit {limit}: must be at least 1")
    if shard and (only or limit is not None):
        name = "--only" if only else "--limit"
        raise VctError(
            f"{name} with --shard {shard}: shards are parts of the whole cohort, and "
            "'vct finish' waits for all of it. Leave one of the two out. To build "
            "fewer subjects in shards, set a smaller 'size' in the spec."
        )
    selected = [s for s in identifiers if not only or s in wanted][:limit]
    return shard.of(selected) if shard else selected


def protocol_outside(
    subjects: "pd.DataFrame | Mapping[str, NDArray]", card: ModelCard
) -> tuple[str, ...]:
    """What of the protocol the card does not cover, one sentence each."""
    injected, weight_kg, uptake_min = (
        np.asarray(subjects[name])
        for name in ("injected_mbq", "weight_kg", "uptake_min")
    )
    if not len(uptake_min):
        return ()
    drawn = {"injected_mbq_per_kg": injected / weight_kg, "uptake_min": uptake_min}
    problems = []
    for name, values in drawn.items():
        low, high = getattr(card.protocol, name)
        # A rounded dose on a drawn weight leaves 1e-6 of play.
        if values.min() < low * (1 - 1e-6) or values.max() > high * (1 + 1e-6):
            least, most = (_told(x, low, high) for x in (values.min(), values.max()))
            problems.append(
                f"protocol: {name} runs from {least} to {most}, but {card.name} was "
                f"trained at {low:g} to {high:g}"
            )
    return tuple(problems)


def _told(value: float, *bounds: float) -> str:
    """Value in three digits, or as many more as tell it from the bounds.

    >>> _told(61.2345, 50, 75), _told(75.0321, 50, 75)
    ('61.2', '75.03')
    """
    digits = range(3, 10)
    told = [f"{value:.{n}g}" for n in digits]
    return next((words for words in told if float(words) not in bounds), told[0])


def check_request(
    spec_path: Path,
    spec: "CohortSpec",
    card: ModelCard,
    people: "Sequence[Subject]",
    outside: dict[str, float],
    protocol_outside: Sequence[str],
) -> None:
    """Refuse what the model was not made for, or no header can say.

    Raises
    ------
    ModelError
        As ``check_range``.
    SpecError
        As ``check_studies``.
    """
    check_range(spec_path, spec, card, outside, protocol_outside)
    check_studies(spec, card, people)


def check_range(
    spec_path: Path,
    spec: "CohortSpec",
    card: ModelCard,
    outside: dict[str, float],
    protocol_outside: Sequence[str],
) -> None:
    """Refuse what a model was not made for.

    Parameters
    ----------
    outside, protocol_outside
        As in ``Plan``.

    Raises
    ------
    ModelError
        If a subject, or the protocol, lies outside the card and the spec does not say
        that this is meant.
    """
    if any(outside.values()) and not spec.model.extrapolate:
        raise ModelError(
            f"{spec_path}: {describe_outside(outside, card)}. "
            "Truncate the population, or accept extrapolation with --extrapolate "
            "(model.extrapolate: true)."
        )
    if protocol_outside and not spec.protocol.header_only:
        raise ModelError(
            f"{spec_path}: {'; '.join(protocol_outside)}. The pictures "
            "would not change with it. Change the protocol, or write it into the "
            "headers only, marked as such, with --header-only-protocol "
            "(protocol.header_only: true)."
        )


def describe_outside(outside: dict[str, float], card: ModelCard) -> str:
    """Share of the subjects outside each range of a model, in words."""
    from vct.subjects import share_in_words

    parts = [
        f"{share_in_words(share)} of the subjects have {name} outside "
        f"{low:g} to {high:g} of {card.name}"
        for name, (low, high) in card.ranges.items()
        if (share := outside.get(name, 0.0)) > 0
    ]
    return "; ".join(parts) or f"every subject is inside {card.name}'s range"
