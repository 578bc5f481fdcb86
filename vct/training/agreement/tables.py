"""Measured tables as they are compared: one value a subject, organ and quantity."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vct.errors import CohortError
from vct.training.agreement.measure import PLAN_NAME
from vct.validation.statistics import correlation

# What must agree; other organs of the tables are compared too, without a verdict.
LISTED = (
    "liver", "spleen", "kidneys", "heart", "lungs", "brain", "aorta",
    "urinary_bladder", "muscle", "subcutaneous_fat", "bone",
)  # fmt: skip
QUANTITIES = ("volume_ml", "suv_mean")
DEMOGRAPHICS = ("age_years", "bmi_kg_m2", "height_m")
# Whole subjects, beside the organs.
MASS, LENGTH, SUV_SHARE = "mass_in_field_kg", "lung_top_to_hip_mm", "suv_share"
_MADE = ("generated", "alike_generated")
_SAME_RULER = ("seed", "cohort", "segmenter_sha256")
_FEWEST_TOLD = 0.2
_FEWEST_TO_CHECK, _LEAST_R = 20, 0.8


@dataclass(frozen=True)
class Measured:
    """Tables of one comparison.

    ``subjects`` has one row a subject, by subject_id; ``values`` one row a subject and
    one column for each (organ, quantity), NaN where the segmenter refused.
    """

    subjects: pd.DataFrame
    values: pd.DataFrame
    embeddings: dict[str, np.ndarray] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)
    pooled: bool = False

    @property
    def groups(self) -> tuple[str, ...]:
        """Whom figures are made for: each sex, or all where subjects are few."""
        return ("all",) if self.pooled else ("F", "M")

    def of(self, name: str, group: str = "all") -> pd.DataFrame:
        """Subjects of a set and a group."""
        chosen = self.subjects[self.subjects["set"] == name]
        return chosen if group == "all" else chosen[chosen["sex"] == group]

    def has(self, name: str) -> bool:
        """Whether a set was measured."""
        return bool((self.subjects["set"] == name).any())

    def measures(self) -> Iterator[tuple[str, str]]:
        """(organ, quantity): of listed organs all, of others what phantoms tell."""
        organs = list(self.values.columns.get_level_values(0).unique())
        first = [organ for organ in LISTED if organ in organs]
        for organ in (*first, *(name for name in organs if name not in LISTED)):
            for quantity in QUANTITIES:
                key = (organ, quantity)
                if key in self.values and (organ in LISTED or self._is_told(key)):
                    yield key

    def found(self, subjects: pd.Index, key: tuple[str, str]) -> np.ndarray:
        """Values of one measure, (n,); NaN where refused.

        NaN of everybody where most of the population is refused: whoever is left is no
        sample of it.
        """
        if not self._is_told(key):
            return np.full(len(subjects), np.nan)
        return self.values.loc[subjects, key].to_numpy(float)

    def _is_told(self, key: tuple[str, str]) -> bool:
        told = self.values.loc[self.of("population").index, key].notna().mean()
        return bool(told >= _FEWEST_TOLD)

    def embedding(self, subjects: pd.DataFrame) -> np.ndarray:
        """Embeddings of those subjects that have one, int8, (n, d)."""
        rows = [self.embeddings[s] for s in subjects.index if s in self.embeddings]
        return np.stack(rows) if rows else np.zeros((0, 1), np.int8)


def read_measured(
    folder: Path, *, phantoms: Path | None = None, pooled: bool = False
) -> Measured:
    """Read what ``measure`` packed.

    Parameters
    ----------
    folder
        Of the generated subjects, and of phantoms unless ``phantoms`` is named.
    phantoms
        Folder of another measurement whose phantoms are compared with: of the
        population, the training, and those fresh ones that are of people in ``folder``.
    pooled
        Sexes together.

    Raises
    ------
    CohortError
        If there are no tables, or neither generated subjects nor a population, or the
        phantoms are of other people or were measured by another segmenter.
    """
    subjects, organs, embeddings = _packed(folder)
    plan = _plan(folder)
    if phantoms is not None:
        _check_same(plan, _plan(phantoms), folder, phantoms)
        theirs, their_organs, their_embeddings = _packed(phantoms)
        made = subjects[subjects["set"].isin(_MADE)]
        theirs = theirs[_compared(theirs, made)]
        # Both folders may hold phantoms, of the same names.
        own, other = set(made["subject_id"]), set(theirs["subject_id"])
        organs = pd.concat(
            [
                organs[organs["subject_id"].isin(own)],
                their_organs[their_organs["subject_id"].isin(other)],
            ],
            ignore_index=True,
        )
        embeddings = {
            **{name: row for name, row in embeddings.items() if name in own},
            **{name: row for name, row in their_embeddings.items() if name in other},
        }
        subjects = pd.concat([made, theirs], ignore_index=True)
    return measured_of(subjects, organs, embeddings, plan=plan, pooled=pooled)


def _packed(
    folder: Path,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, np.ndarray]]:
    """Subjects, organs and embeddings of a folder."""
    paths = [folder / "subjects.parquet", folder / "organs.parquet"]
    for path in paths:
        if not path.is_file():
            raise CohortError(f"{path} is missing; run 'measure' into its folder first")
    subjects, organs = (pd.read_parquet(path) for path in paths)
    embeddings: dict[str, np.ndarray] = {}
    for path in sorted(folder.glob("embeddings-*.npz")):
        with np.load(path) as part:
            embeddings |= dict(zip(part["subject_id"], part["embedding"], strict=True))
    return subjects, organs, embeddings


def _plan(folder: Path) -> dict[str, Any]:
    path = folder / PLAN_NAME
    return json.loads(path.read_text()) if path.exists() else {}


def _check_same(
    plan: dict[str, Any], theirs: dict[str, Any], folder: Path, phantoms: Path
) -> None:
    """Whether phantoms of another folder can stand beside the subjects of this one."""
    for name in _SAME_RULER:
        if name in plan and name in theirs and plan[name] != theirs[name]:
            raise CohortError(
                f"{folder} was measured with {name} = {plan[name]!r}, {phantoms} "
                f"with {theirs[name]!r}; compare measurements of the same people "
                "by the same segmenter"
            )


def _compared(phantoms: pd.DataFrame, made: pd.DataFrame) -> pd.Series:
    """Which phantoms of another folder stand beside the subjects ``made``."""
    numbers = made.loc[made["set"] == "generated", "number"]
    fresh = phantoms["set"].eq("fresh") & phantoms["number"].isin(numbers)
    return fresh | ~phantoms["set"].isin([*_MADE, "fresh"])


def measured_of(
    subjects: pd.DataFrame,
    organs: pd.DataFrame,
    embeddings: dict[str, np.ndarray] | None = None,
    *,
    plan: dict[str, Any] | None = None,
    pooled: bool = False,
) -> Measured:
    """Tables as they are compared, from the long tables of ``measure``.

    Raises
    ------
    CohortError
        If generated subjects or the population are missing, or the population's
        demographics are not those of its images.
    """
    for name in ("generated", "population"):
        if not (subjects["set"] == name).any():
            raise CohortError(
                f"no subject of the set {name!r} was measured; run 'measure' with "
                f"--{name} above 0 and let it finish"
            )
    by_id = subjects.set_index("subject_id")
    wide = organs.pivot(index="subject_id", columns="organ", values=[*QUANTITIES])
    wide = wide.swaplevel(axis=1).sort_index(axis=1).reindex(by_id.index)
    wide = wide.astype(float)
    wide["body", MASS] = _column(organs, "body_hu", "mass_kg").reindex(by_id.index)
    wide["body", LENGTH] = _length_mm(organs).reindex(by_id.index)
    share = by_id["suv_ml_field"] / (1000.0 * by_id["weight_kg"])
    wide["body", SUV_SHARE] = share
    measured = Measured(by_id, wide, embeddings or {}, plan or {}, pooled)
    _check_people(measured)
    return measured


def _check_people(measured: Measured) -> None:
    """Whether the population's images are those of its people: heavy ones weigh more.

    A cache that was rendered with another seed would pair images with strangers.
    """
    population = measured.of("population")
    mass = measured.values.loc[population.index, ("body", MASS)].to_numpy()
    found = correlation(population["weight_kg"].to_numpy(), mass)
    if found and len(population) >= _FEWEST_TO_CHECK and found[0] < _LEAST_R:
        raise CohortError(
            f"the population's mass in the field hardly follows its weight (r = "
            f"{found[0]:.2f}, at least {_LEAST_R} expected): these images are of other "
            "people. Was the cache rendered with this --cache-seed?"
        )


def _column(organs: pd.DataFrame, organ: str, column: str) -> pd.Series:
    """One column of one organ, by subject."""
    rows = organs[organs["organ"] == organ]
    return rows.set_index("subject_id")[column].astype(float)


def _length_mm(organs: pd.DataFrame) -> pd.Series:
    """Lung top to the top of the femurs, else to the end of the spine [mm]."""
    top = _column(organs, "lungs", "z_high_mm")
    names = set(organs["organ"])
    if "femurs" in names:
        return top - _column(organs, "femurs", "z_high_mm")
    return top - _column(organs, "spine", "z_low_mm")
