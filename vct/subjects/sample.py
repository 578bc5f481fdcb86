"""Spec → table of subjects: rejection sampling by rows, never without end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vct.errors import SpecError
from vct.spec import ArmSpec, CohortSpec
from vct.spec.cohort import MAX_SIZE, SEEDS
from vct.spec.expression import Node, evaluate, parse
from vct.spec.presets import MODEL_RANGE
from vct.subjects.allocation import (
    ALL,
    Indices,
    arm_sequence,
    holds,
    quota_names,
    quota_sequence,
    stratify,
)
from vct.subjects.draw import Columns, Source, uniforms
from vct.subjects.fixed import fixed_columns
from vct.subjects.table import make_table

if TYPE_CHECKING:
    import pandas as pd

MAX_ATTEMPTS = 2_000  # a rule that 1 % meet fails one subject in 500 million
_HOPELESS = 100_000  # drawn in vain, after which nobody is expected to come

OUTSIDE_QUOTAS = "outside of every quota"


def sample_subjects(
    spec: CohortSpec, seed: int | None = None, size: int | None = None
) -> "pd.DataFrame":
    """Subjects of a cohort, one row each; ``vct.subjects.COLUMNS`` names the columns.

    Row k depends on the seed and on k, so a larger cohort begins with the smaller
    one; with quotas, where the larger one keeps their proportions.

    Parameters
    ----------
    spec
        The cohort.
    seed, size
        Instead of the spec's. Quotas keep their proportions.

    Returns
    -------
    pandas.DataFrame
        ``attrs["attrition"]`` says for each criterion how many were drawn and not
        eligible; who fails several counts at the first.

    Raises
    ------
    SpecError
        If a criterion is met by nobody, or by too few to find; named with its share. If
        seed or size is none that a spec may have.
    """
    columns, attrition = sample_columns(spec, seed, size)
    return make_table(columns, len(columns["sex"]), attrition)


def sample_columns(
    spec: CohortSpec, seed: int | None = None, size: int | None = None
) -> tuple[Columns, dict[str, int]]:
    """Columns of ``sample_subjects`` as arrays, and its attrition, without pandas.

    Subjects who have no name of their own have no column ``subject_id``.

    Raises
    ------
    SpecError
        As ``sample_subjects``.
    """
    seed = spec.seed if seed is None else seed
    n = spec.size if size is None else size
    if not 1 <= n <= MAX_SIZE:
        raise SpecError(f"size {n}: must be at least 1, at most {MAX_SIZE}")
    if not 0 <= seed < SEEDS:
        raise SpecError(f"seed {seed}: must be at least 0 and below {SEEDS}")
    if spec.subjects_file is not None:
        return fixed_columns(spec, seed, n), {}

    quotas, names = _quotas(spec, n, seed)
    arms = np.zeros(n, np.int64)
    if spec.strata is None:
        arms = arm_sequence(spec, quotas, names, seed)
    columns, attrition = _reject(_groups(spec, arms, quotas), n, seed)
    strata = np.array(names)[quotas]
    if spec.strata is not None:
        is_male = columns["sex"] == "M"
        index, names = stratify(spec.strata, is_male, columns["age_years"])
        strata = np.array(names)[index]
        arms = arm_sequence(spec, index, names, seed)
    _require_numbers(columns)
    columns["arm"] = np.array([arm.name for arm in spec.arms])[arms]
    columns["stratum"] = strata
    return columns, attrition


def _require_numbers(columns: Columns) -> None:
    """Refuse people of whom a distribution did not give a number."""
    for name, values in columns.items():
        if values.dtype.kind != "f":
            continue
        bad = int((~np.isfinite(values)).sum())
        if bad:
            raise SpecError(
                f"{name} is no number for {bad} of {len(values)} people drawn: where "
                "their distribution is cut, it has nobody left. Widen its ends, or "
                "move it."
            )


@dataclass
class Group:
    """Subjects of one arm and one quota, and how their drawing went."""

    where: str
    source: Source
    criteria: Mapping[str, Node | None]
    rows: Indices
    outside: tuple = ()
    drawn: int = 0
    met: dict[str, int] = field(default_factory=dict)

    def judge(self, people: Columns) -> tuple[NDArray[np.bool_], dict[str, int]]:
        """Who is eligible, and how many failed at each criterion first."""
        n = len(people["sex"])
        eligible, failed = np.ones(n, bool), {}
        for name, node in self.criteria.items():
            meets = np.broadcast_to(
                self._outside(people) if node is None else evaluate(node, people), n
            )
            self.met[name] = self.met.get(name, 0) + int(meets.sum())
            failed[name] = int((eligible & ~meets).sum())
            eligible &= meets
        self.drawn += n
        return eligible, failed

    def _outside(self, people: Columns) -> NDArray[np.bool_]:
        """Who fills no quota."""
        is_male, age = people["sex"] == "M", people["age_years"]
        return ~np.logical_or.reduce([holds(q, is_male, age) for q in self.outside])

    def error(self) -> SpecError:
        """Why nobody more is found: the criterion that fewest meet."""
        shares = {name: met / self.drawn for name, met in self.met.items()}
        worst = min(shares, key=lambda name: shares[name])
        share = shares[worst]
        people = f"{self.drawn} people drawn{self.where}"
        change = "Change the criterion or the population."
        if share == 0:
            return SpecError(f"nobody of {people} meets '{worst}'. {change}")
        listed = ", ".join(f"{s:.3%} meet '{name}'" for name, s in shares.items())
        together = " (too few meet all of them together)" if len(shares) > 1 else ""
        return SpecError(
            f"too few of {people} are eligible{together}: {listed}. {change}"
        )


def _quotas(spec: CohortSpec, n: int, seed: int) -> tuple[Indices, list[str]]:
    """Quota of each subject and the names of the quotas."""
    if not spec.quotas:
        return np.zeros(n, np.int64), [ALL]
    return quota_sequence(spec, n, seed), quota_names(spec)


def _groups(spec: CohortSpec, arms: Indices, quotas: Indices) -> list[Group]:
    """Subjects who share a population, its criteria and a quota."""
    groups = []
    for a, arm in enumerate(spec.arms):
        for q in range(len(spec.quotas) + 1):
            rows = np.flatnonzero((arms == a) & (quotas == q))
            if not len(rows):
                continue
            quota = spec.quotas[q] if q < len(spec.quotas) else None
            rest = bool(spec.quotas) and quota is None
            population = spec.population_of(arm)
            groups.append(
                Group(
                    where=_where(spec, arm, quota.name if quota else None),
                    source=Source(population, spec.protocol, quota),
                    criteria=_criteria(spec, arm, rest),
                    rows=rows,
                    outside=spec.quotas,
                )
            )
    return groups


def _where(spec: CohortSpec, arm: ArmSpec, quota: str | None) -> str:
    parts = [f" for arm '{arm.name}'"] if len(spec.arms) > 1 else []
    return "".join([*parts, f" for quota '{quota}'" if quota else ""])


def _criteria(spec: CohortSpec, arm: ArmSpec, rest: bool) -> dict[str, Node | None]:
    """Everything an arm's subjects must meet, by name."""
    criteria: dict[str, Node | None] = {
        rule: parse(rule) for rule in spec.rules_of(arm)
    }
    preset = spec.population_of(arm).preset
    if preset is not None:
        low, high = MODEL_RANGE["weight_kg"]
        rule = f"{low:g} <= weight_kg <= {high:g}"
        criteria[f"{rule} (preset {preset})"] = parse(rule)
    if rest:
        criteria[OUTSIDE_QUOTAS] = None
    return criteria


def _reject(groups: list[Group], n: int, seed: int) -> tuple[Columns, dict[str, int]]:
    """Draw until everybody is eligible; a rejected row is drawn in the next attempt."""
    attrition = {name: 0 for group in groups for name in group.criteria}
    columns: Columns = {"attempt": np.zeros(n, np.int32)}
    pending = list(groups)
    for attempt in range(MAX_ATTEMPTS):
        rows = np.sort(np.concatenate([group.rows for group in pending]))
        u = uniforms(seed, attempt, rows)
        for group in pending:
            people = group.source.draw(u[np.searchsorted(rows, group.rows)])
            eligible, failed = group.judge(people)
            for name, count in failed.items():
                attrition[name] += count
            _store(columns, people, group.rows, eligible, n)
            columns["attempt"][group.rows] = attempt
            group.rows = group.rows[~eligible]
            if (
                len(group.rows)
                and group.drawn >= _HOPELESS
                and not all(group.met.values())
            ):
                raise group.error()
        pending = [group for group in pending if len(group.rows)]
        if not pending:
            return columns, attrition
    raise pending[0].error()


def _store(
    columns: Columns, people: Columns, rows: Indices, eligible: NDArray, n: int
) -> None:
    """Keep those who are eligible."""
    for name, values in people.items():
        if name not in columns:
            kind = "<U16" if values.dtype.kind == "U" else values.dtype
            columns[name] = np.empty(n, kind)
        columns[name][rows[eligible]] = values[eligible]
