"""Who was scanned: age, sex, height and weight, as far as they are believed."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from pydicom.dataset import Dataset

from vct.autopet.element import number, text
from vct.autopet.refusal import ScanError
from vct.autopet.suv import HEIGHT_RANGE_M, WEIGHT_RANGE_KG
from vct.subjects.body import bmi_from_weight

T = TypeVar("T")

# Beyond these no patient of a PET scanner is believed.
BELIEVED = {
    "age_years": (0.0, 110.0),
    "height_m": HEIGHT_RANGE_M,
    "weight_kg": WEIGHT_RANGE_KG,
    "bmi_kg_m2": (10.0, 80.0),
}
_AGE = re.compile(r"(\d{1,3}(?:\.\d+)?)([YMWD]?)", re.IGNORECASE)
_YEARS = {"Y": 1.0, "": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
_AGE_APART_YEARS = 1.5
_SUBJECT_PREFIX = re.compile(r"^(petct|fdg|psma)_", re.IGNORECASE)
_STUDY = re.compile(r"(\d{2}-\d{2}-\d{4})-.*-(\d{5})$")
_KEY = re.compile(r"\d{2}-\d{2}-\d{4}-\d{5}")


@dataclass(frozen=True)
class Demographics:
    """One person at one scan; None is not known."""

    age_years: float | None = None
    sex: str | None = None
    height_m: float | None = None
    weight_kg: float | None = None
    diagnosis: str | None = None

    @property
    def bmi_kg_m2(self) -> float | None:
        """Body mass index [kg/m²]."""
        if self.height_m is None or self.weight_kg is None:
            return None
        return float(bmi_from_weight(self.weight_kg, self.height_m))

    @property
    def unknown(self) -> tuple[str, ...]:
        """Which of the model's conditions are not known."""
        names = ("age_years", "sex", "height_m", "bmi_kg_m2")
        return tuple(name for name in names if getattr(self, name) is None)


Source = tuple[str, Demographics]  # who says it, and what


def age_years(value: str | None) -> float | None:
    """Age of an AS value or a number; None if it is neither.

    Examples
    --------
    >>> age_years("063Y"), age_years("63"), age_years("018M"), age_years("")
    (63.0, 63.0, 1.5, None)
    """
    match = _AGE.fullmatch((value or "").strip())
    return float(match[1]) * _YEARS[match[2].upper()] if match else None


def from_header(ds: Dataset) -> tuple[Demographics, list[str]]:
    """Demographics of a DICOM header, and what is absurd in it."""
    absurd: list[str] = []

    def told(read: Callable[[Dataset, str], T | None], keyword: str) -> T | None:
        try:
            return read(ds, keyword)
        except ScanError as error:
            absurd.append(str(error))
            return None

    found = Demographics(
        age_years=age_years(told(text, "PatientAge")),
        sex=sex_code(told(text, "PatientSex")),
        height_m=told(number, "PatientSize"),
        weight_kg=told(number, "PatientWeight"),
    )
    sane, more = believed(found)
    return sane, absurd + more


def believed(person: Demographics) -> tuple[Demographics, list[str]]:
    """The person without values that are absurd, and those values in words."""
    absurd: list[str] = []
    for name in ("age_years", "height_m", "weight_kg", "bmi_kg_m2"):
        value = getattr(person, name)
        low, high = BELIEVED[name]
        if value is None or low <= value <= high:
            continue
        absurd.append(f"{name} {value:g} is outside {low:g} to {high:g}: left out")
        gone = ("height_m", "weight_kg") if name == "bmi_kg_m2" else (name,)
        person = replace(person, **dict.fromkeys(gone, None))
    return person, absurd


def merged(
    sources: Iterable[Source],
) -> tuple[Demographics, list[str]]:
    """Each value from the first source that knows it, and where sources disagree.

    Parameters
    ----------
    sources
        Names and what they know, the most trusted first.
    """
    result, origin, notes = Demographics(), dict[str, str](), []
    for source, person in sources:
        for name in (each.name for each in fields(Demographics)):
            value, known = getattr(person, name), getattr(result, name)
            if value is None:
                continue
            if known is None:
                result, origin[name] = replace(result, **{name: value}), source
            elif _disagree(name, known, value):
                notes.append(
                    f"{name} is {_shown(known)} in {origin[name]} (taken), "
                    f"{_shown(value)} in {source}"
                )
    return result, notes


def subject_key(subject_id: str) -> str:
    """One spelling of a subject in all layouts.

    Examples
    --------
    >>> subject_key("PETCT_0011f3deaf") == subject_key("fdg_0011F3DEAF")
    True
    """
    return _SUBJECT_PREFIX.sub("", subject_id.strip()).lower()


def study_key(name: str) -> str:
    """One spelling of a study folder's name in all layouts.

    Examples
    --------
    >>> study_key("03-23-2003-NA-PET-CT Ganzkoerper  primaer mit KM-10445")
    '03-23-2003-10445'
    """
    match = _STUDY.search(name.strip())
    return f"{match[1]}-{match[2]}" if match else name.strip()


def another_visit(name: str, other: str) -> bool:
    """Whether two study folders are of different visits, by the dates in their names.

    Names without a date do not tell.

    Examples
    --------
    >>> another_visit("03-23-2003-NA-PET-CT-10445", "03-23-2004-NA-PET-CT-20001")
    True
    >>> another_visit("03-23-2003-NA-PET-CT-10445", "scan2")
    False
    """
    keys = [study_key(each) for each in (name, other)]
    return all(map(_KEY.fullmatch, keys)) and keys[0] != keys[1]


def lasting(person: Demographics) -> Demographics:
    """What is known of a person at every visit: sex and height."""
    return Demographics(sex=person.sex, height_m=person.height_m)


def _disagree(name: str, one: Any, other: Any) -> bool:
    if name == "age_years":
        return bool(abs(one - other) > _AGE_APART_YEARS)
    if isinstance(one, float):
        return bool(abs(one - other) > 0.02 * abs(one))
    return bool(one != other)


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def sex_code(value: str | None) -> str | None:
    """F or M; None for anything else."""
    first = (value or "").strip()[:1].upper()
    return first if first in ("F", "M") else None
