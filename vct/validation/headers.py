"""Do the DICOM headers say what the tables say? Read by pydicom alone.

Of each CT and PET series the first and the last file are read, without pixels.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vct.manifest import Cohort
from vct.validation.finding import Finding

if TYPE_CHECKING:
    from pydicom import Dataset

MOST_SUBJECTS = 1000  # evenly spaced in the table; a thousand headers take a second
_MOST_NAMED = 3
_FARTHEST_MM = 0.01  # positions are written to more digits than this
_SUV_ERROR = 1e-6  # what an independent reader of the header must find
_TITLES = {
    "header-units": "Subjects whose PET is not in Bq/mL, decay-corrected to its start",
    "header-suv": "Subjects whose SUV factor in the header is not that of the table",
    "header-grid": "Subjects whose CT and PET do not begin and end at one place",
    "header-person": "Subjects whose header tells another sex or weight than the table",
}


class _Headers(NamedTuple):
    """First and last file of a subject's CT and PET, and its row of the tables."""

    ct: tuple["Dataset", "Dataset"]
    pet: tuple["Dataset", "Dataset"]
    row: dict[str, Any]


def header_findings(cohort: Cohort) -> list[Finding]:
    """How many subjects break each rule, with the first of them in words.

    Files that are missing are told by ``file_findings``; subjects without them, and
    what cannot be read, are left out here and counted.
    """
    broken: dict[str, list[str]] = {rule: [] for rule in _TITLES}
    unreadable: list[str] = []
    n = 0
    for name, row, files in _subjects(cohort):
        try:
            headers = _Headers(_ends(files["CT"]), _ends(files["PT"]), row)
            problems = {rule: check(headers) for rule, check in _CHECKS.items()}
        except Exception as error:  # whatever a damaged header does to its reader
            unreadable.append(f"{name}: {error}")
            continue
        n += 1
        for rule, problem in problems.items():
            if problem:
                broken[rule].append(f"{name}: {problem}")
    read = _finding(
        "header-readable", "Subjects whose headers cannot be read", n, unreadable
    )
    if not n:
        return [read] if unreadable else []
    return [read, *(_finding(r, _TITLES[r], n, told) for r, told in broken.items())]


def _subjects(
    cohort: Cohort,
) -> Iterator[tuple[str, dict[str, Any], dict[str, list[Path]]]]:
    """Name, row and files by modality of the subjects that have all of both series."""
    subjects = cohort.finished
    if len(subjects) > MOST_SUBJECTS:
        chosen = np.linspace(0, len(subjects) - 1, MOST_SUBJECTS).astype(int)
        subjects = subjects.iloc[chosen]
    pet = cohort.series[cohort.series["modality"] == "PT"]
    factors = dict(zip(pet["subject_id"], pet["bq_ml_per_suv"], strict=True))
    wanted = cohort.instances["subject_id"].isin(subjects["subject_id"])
    instances = cohort.instances[wanted].sort_values("instance_number", kind="stable")
    paths = instances.groupby(["subject_id", "modality"])["path"].agg(["first", "last"])
    for record in subjects.to_dict("records"):
        row = {str(column): value for column, value in record.items()}
        name = row["subject_id"]
        files = {}
        for modality in ("CT", "PT"):
            if (name, modality) in paths.index:
                ends = paths.loc[(name, modality), ["first", "last"]]
                files[modality] = [cohort.file(str(path)) for path in ends]
        told = [path for some in files.values() for path in some]
        if len(files) == 2 and all(path.is_file() for path in told):
            yield name, {**row, "bq_ml_per_suv": factors[name]}, files


def _ends(files: list[Path]) -> tuple["Dataset", "Dataset"]:
    from pydicom import dcmread

    first, last = (dcmread(path, stop_before_pixels=True) for path in files)
    return first, last


def _units(headers: _Headers) -> str:
    pet = headers.pet[0]
    if (pet.Units, pet.DecayCorrection) != ("BQML", "START"):
        return f"units {pet.Units}, decay correction {pet.DecayCorrection}"
    lacking = {"ATTN", "DECY"} - set(pet.CorrectedImage)
    return f"not corrected for {', '.join(sorted(lacking))}" if lacking else ""


def _suv(headers: _Headers) -> str:
    """QIBA's vendor-neutral formula: dose at the series start over weight in grams."""
    pet = headers.pet[0]
    dose = pet.RadiopharmaceuticalInformationSequence[0]
    started = _time(f"{pet.SeriesDate}{pet.SeriesTime}")
    injected = _time(str(dose.RadiopharmaceuticalStartDateTime))
    halves = (started - injected).total_seconds() / float(dose.RadionuclideHalfLife)
    left_bq = float(dose.RadionuclideTotalDose) * 2.0**-halves
    factor = left_bq / (1000.0 * float(pet.PatientWeight))
    expected = float(headers.row["bq_ml_per_suv"])
    off = factor / expected - 1.0
    return f"off by {100 * off:+.3g} %" if abs(off) > _SUV_ERROR else ""


def _grid(headers: _Headers) -> str:
    (ct, ct_last), (pet, pet_last) = headers.ct, headers.pet
    if ct.FrameOfReferenceUID != pet.FrameOfReferenceUID:
        return "two frames of reference"
    for one, other, which in ((ct, pet, "first"), (ct_last, pet_last, "last")):
        here, there = (
            np.array(h.ImagePositionPatient, dtype=float) for h in (one, other)
        )
        apart_mm = there - here
        if np.abs(apart_mm).max() > _FARTHEST_MM:
            x, y, z = apart_mm
            return (
                f"{which} PET slice lies x {x:+g}, y {y:+g}, z {z:+g} mm from the CT's"
            )
    return ""


def _person(headers: _Headers) -> str:
    row = headers.row
    for header in (headers.ct[0], headers.pet[0]):
        if header.PatientSex != row["sex"]:
            return f"sex {header.PatientSex} in {header.Modality}, {row['sex']} asked"
        weight_kg = float(header.PatientWeight)
        if abs(weight_kg - row["weight_kg"]) > 1e-3:
            return f"{weight_kg:g} kg in {header.Modality}, {row['weight_kg']:g} asked"
    return ""


_CHECKS = {
    "header-units": _units,
    "header-suv": _suv,
    "header-grid": _grid,
    "header-person": _person,
}


def _time(text: str) -> datetime:
    """DICOM date and time, YYYYMMDDHHMMSS with or without a fraction."""
    whole, _, fraction = text.partition(".")
    return datetime.strptime(f"{whole}.{fraction or 0}", "%Y%m%d%H%M%S.%f")


def _finding(rule: str, title: str, n: int, told: list[str]) -> Finding:
    more = f"; and {len(told) - _MOST_NAMED} more" if len(told) > _MOST_NAMED else ""
    return Finding(
        id=f"conformance/{rule}",
        title=title,
        quantity=rule,
        n=n,
        value=float(len(told)),
        reference=0.0,
        bound=(0.0, 0.0),
        verdict="fail" if told else "pass",
        source="first and last file of each CT and PET series, read by pydicom",
        kind="conformance",
        statistic="count",
        note="; ".join(told[:_MOST_NAMED]) + more,
    )
