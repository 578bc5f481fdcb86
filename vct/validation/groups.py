"""Subgroups in which a cohort is compared, and cells to make two populations alike."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vct.spec.presets import spelled_as_here

if TYPE_CHECKING:
    import pandas as pd

SEXES = {"women": "F", "men": "M"}
# Label, lower end (included), upper end (left out).
AGE_BANDS = (
    ("age <50", -np.inf, 50.0),
    ("age 50-65", 50.0, np.nextafter(65.0, 66.0)),
    ("age >65", np.nextafter(65.0, 66.0), np.inf),
)
BMI_BANDS = (
    ("BMI <25", -np.inf, 25.0),
    ("BMI 25-30", 25.0, np.nextafter(30.0, 31.0)),
    ("BMI >30", np.nextafter(30.0, 31.0), np.inf),
)


class Group(NamedTuple):
    """A named part of a population; ``mask`` is (n,)."""

    label: str
    kind: str
    mask: np.ndarray


def groups(who: "pd.DataFrame") -> list[Group]:
    """All, by sex, age band, BMI band, diagnosis, sex × age, and sex × BMI.

    Parameters
    ----------
    who
        Columns ``sex age_years bmi_kg_m2 diagnosis``; a subject whose age, BMI or
        diagnosis is not known is in no group of it. ``LUNG_CANCER``, as AutoPET
        spells it, is ``lung-cancer`` here.
    """
    everyone = Group("all", "all", np.ones(len(who), bool))
    sexes = [Group(name, "sex", _equal(who, "sex", s)) for name, s in SEXES.items()]
    ages = _bands(who, "age_years", AGE_BANDS, "age")
    bmis = _bands(who, "bmi_kg_m2", BMI_BANDS, "bmi")
    named = spelled_as_here(who["diagnosis"].fillna("").astype(str))
    diagnoses = [
        Group(f"diagnosis: {name}", "diagnosis", (named == name).to_numpy())
        for name in sorted(set(named) - {""})
    ]
    crossed = [
        Group(f"{sex.label}, {band.label}", f"sex x {band.kind}", sex.mask & band.mask)
        for band in (*ages, *bmis)
        for sex in sexes
    ]
    return [everyone, *sexes, *ages, *bmis, *diagnoses, *crossed]


def cells(who: "pd.DataFrame", *, with_bmi: bool) -> np.ndarray:
    """Sex × age band (× BMI band) of every subject, (n,) str; "" if not known."""
    parts = [
        _cell_of(who, "age_years", AGE_BANDS),
        *([_cell_of(who, "bmi_kg_m2", BMI_BANDS)] if with_bmi else []),
    ]
    sex = who["sex"].fillna("").astype(str).to_numpy(dtype=object)
    known = (sex != "") & np.all([part != "" for part in parts], axis=0)
    label = sex
    for part in parts:
        label = label + "/" + part
    return np.where(known, label, "")


def _bands(who, column: str, bands, kind: str) -> list[Group]:
    x = who[column].to_numpy(float)
    return [Group(name, kind, (x >= low) & (x < high)) for name, low, high in bands]


def _cell_of(who, column: str, bands) -> np.ndarray:
    x = who[column].to_numpy(float)
    out = np.full(len(x), "", dtype=object)
    for name, low, high in bands:
        out[(x >= low) & (x < high)] = name
    return out


def _equal(who, column: str, value: str) -> np.ndarray:
    return (who[column] == value).to_numpy()
