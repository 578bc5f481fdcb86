"""Populations with a name: who was measured, by which table, under which licence.

The numbers stand in ``presets.json``, made by ``vct.subjects.calibrate`` from the
sources it names.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from vct.spec.distributions import Histogram

if TYPE_CHECKING:
    import pandas as pd

PresetName = Literal[
    "autopet-fdg",
    "autopet-fdg-negative",
    "autopet-fdg-melanoma",
    "autopet-fdg-lung-cancer",
    "autopet-fdg-lymphoma",
    "nhanes",
]
DIAGNOSES = ("negative", "melanoma", "lung-cancer", "lymphoma")

# What the bundled models aim at; a preset is cut there.
MODEL_RANGE = {
    "age_years": (18.0, 90.0),
    "bmi_kg_m2": (17.0, 45.0),
    "height_m": (1.45, 2.00),
    "weight_kg": (40.0, 150.0),
}

NO_LESIONS = "A diagnosis sets demographics only: no lesions are drawn."


@dataclass(frozen=True)
class Preset:
    """A population by age and sex, and what its heights and BMI are taken from.

    Attributes
    ----------
    body
        Table of height and BMI: ``autopet`` or ``nhanes``.
    edges
        Edges of the age bins [years].
    counts
        People by diagnosis, sex and age bin, cut to the model's range.
    removed
        Share of the people each limit of the model's range takes away.
    """

    name: str
    description: str
    body: str
    edges: tuple[float, ...]
    counts: dict[str, dict[str, tuple[int, ...]]]
    removed: dict[str, float]

    def by_sex(self, sex: str) -> tuple[int, ...]:
        """People of one sex by age bin, over all diagnoses."""
        rows = [by_sex[sex] for by_sex in self.counts.values()]
        return tuple(map(sum, zip(*rows, strict=True)))

    def age(self, sex: str) -> Histogram:
        """Age of one sex."""
        return Histogram(kind="histogram", edges=self.edges, counts=self.by_sex(sex))


@cache
def data() -> dict[str, Any]:
    """Tables behind the presets, each with its source."""
    text = files("vct.spec").joinpath("presets.json").read_text("utf-8")
    tables: dict[str, Any] = json.loads(text)
    return tables


@cache
def find_preset(name: str) -> Preset:
    """Preset of this name."""
    is_nhanes = name == "nhanes"
    table = data()["nhanes" if is_nhanes else "autopet"]
    counts = table["counts"]
    if name.startswith("autopet-fdg-"):
        diagnosis = name.removeprefix("autopet-fdg-")
        counts = {diagnosis: counts[diagnosis]}
    removed = data()["removed"][name]
    return Preset(
        name=name,
        description=_description(name, removed),
        body="nhanes" if is_nhanes else "autopet",
        edges=tuple(table["edges"]),
        counts={d: {s: tuple(n) for s, n in c.items()} for d, c in counts.items()},
        removed=removed,
    )


def _description(name: str, removed: dict[str, float]) -> str:
    """What the preset is, what is assumed, what the cut removes."""
    cut = ", ".join(
        f"{variable} {low:g} to {high:g} (removes {removed[variable]:.1%})"
        for variable, (low, high) in MODEL_RANGE.items()
    )
    if name == "nhanes":
        who = f"Age, sex, height and BMI of adults: {data()['nhanes']['source']}."
    else:
        which = name.removeprefix("autopet-fdg").lstrip("-") or "all diagnoses"
        body = data()["body"]["autopet"]
        who = (
            f"Age and sex of the AutoPET FDG patients ({which}): "
            f"{data()['autopet']['source']}. AutoPET publishes no weight or BMI with "
            f"them: height and BMI are an assumption. Height: {body['height_source']}. "
            f"BMI: {body['bmi_source']}. {NO_LESIONS}"
        )
    return f"{who} Cut to {cut}."


def spelled_as_here(diagnoses: "pd.Series") -> "pd.Series":
    """Diagnoses of AutoPET's clinical table as specs and presets have them."""
    return diagnoses.str.lower().str.replace("_", "-")
