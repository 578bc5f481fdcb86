"""What does not fit together in a cohort whose parts are right by themselves."""

from collections.abc import Iterator, Mapping
from typing import Any

from vct.errors import SpecError
from vct.spec.fixed import read_fixed
from vct.spec.nobody import contradictions
from vct.spec.part import Problem
from vct.spec.population import ArmSpec, Quota

SHAPED = (
    "size",
    "population",
    "eligibility",
    "quotas",
    "strata",
    "arms",
    "randomization",
    "subjects_file",
)


def problems(parts: Mapping[str, Any]) -> Iterator[Problem]:
    """What does not fit together, among the parts that are right by themselves.

    Parameters
    ----------
    parts
        Fields of a cohort by name. One that is absent is wrong by itself, and what
        needs it is left unsaid.
    """
    yield from _people(parts)
    yield from _file_problems(parts)
    yield from _quota_problems(parts)
    yield from _arm_problems(parts)
    yield from contradictions(parts)


def _people(parts: Mapping[str, Any]) -> Iterator[Problem]:
    """Exactly one source of subjects."""
    if "population" not in parts or "subjects_file" not in parts or "arms" not in parts:
        return
    population, file = parts["population"], parts["subjects_file"]
    own = [arm.population is not None for arm in parts["arms"]]
    if file is None:
        if population is None and not all(own):
            yield ("population",), "missing; give a population or a subjects_file"
        return
    if population is not None or any(own):
        at = ("population",) if population is not None else ("arms",)
        yield at, "the subjects are fixed by subjects_file; leave population out"
    for name in ("quotas", "strata"):
        if parts.get(name):
            yield (name,), f"the subjects are fixed by subjects_file; leave {name} out"


def _file_problems(parts: Mapping[str, Any]) -> Iterator[Problem]:
    """A table that is missing or wrong, or of another size."""
    path = parts.get("subjects_file")
    if path is None:
        return
    try:
        columns = read_fixed(path).columns
    except SpecError as error:
        yield ("subjects_file",), str(error)
        return
    rows = len(columns["sex"])
    if "size" in parts and rows != parts["size"]:
        message = f"{path} has {rows} subjects, the size is {parts['size']}"
        yield ("size",), f"{message}; leave size out"
    known = {arm.name for arm in parts.get("arms", ())}
    if "arm" in columns and known and known != {"all"}:
        strange = sorted(set(columns["arm"]) - known)
        if strange:
            message = f"{path} has the arm '{strange[0]}', which arms does not name"
            yield ("subjects_file",), message


def _quota_problems(parts: Mapping[str, Any]) -> Iterator[Problem]:
    quotas: tuple[Quota, ...] = parts.get("quotas", ())
    total = sum(quota.count for quota in quotas)
    if "size" in parts and total > parts["size"]:
        yield (
            ("quotas",),
            f"quotas add up to {total} subjects, the size is {parts['size']}; raise "
            "size or lower the counts",
        )
    for i, quota in enumerate(quotas):
        for other in quotas[:i]:
            if quota.overlaps(other):
                yield (
                    ("quotas", i),
                    f"'{quota.name}' overlaps '{other.name}'; a subject would count "
                    "twice",
                )
    if quotas and parts.get("strata"):
        yield ("strata",), "quotas are strata already; leave one of them out"


def _arm_problems(parts: Mapping[str, Any]) -> Iterator[Problem]:
    if "arms" not in parts:
        return
    arms: tuple[ArmSpec, ...] = parts["arms"]
    names = [arm.name for arm in arms]
    for i, name in enumerate(names):
        if name in names[:i]:
            yield ("arms", i, "name"), f"there are two arms '{name}'"
    unit = sum(arm.ratio for arm in arms)
    blocks = parts.get("randomization")
    if blocks is not None and blocks.block_size % unit:
        yield (
            ("randomization", "block_size"),
            f"{blocks.block_size} is no multiple of {unit}, the sum of all ratios",
        )
    if parts.get("strata") and any(a.population or a.eligibility for a in arms):
        yield (
            ("strata",),
            "an arm has its own population or eligibility, so who is drawn depends on "
            "the arm; balance by quotas instead",
        )
