"""What a person is told about a folder of AutoPET."""

from collections import Counter
from typing import Any

from vct.autopet.study import StudyReport

_LAYOUTS = {
    "dicom": "DICOM tree",
    "nifti": "NIfTI conversion",
    "nnunet": "challenge (nnU-Net)",
}


def describe_study(report: StudyReport) -> list[str]:
    """Lines about one study: usable or not, its images, what was assumed."""
    study = report.study
    verdict = "usable" if study is not None else "left out"
    lines = [f"{verdict:9s} {report.study_id}  {_person(report)}".rstrip()]
    lines += [f"    because {reason}" for reason in report.reasons]
    for image in report.series:
        shape = "×".join(str(n) for n in image.shape)
        told = "  ".join(part for part in (shape, image.what) if part)
        lines.append(f"    {image.modality} {image.path}  {told}")
    lines += [f"    note: {note}" for note in report.notes]
    lines += [f"    file: {problem}" for problem in report.problems]
    return lines


def describe_all(reports: list[StudyReport]) -> list[str]:
    """The folder in a few lines: layouts, usable studies, why the others are not."""
    usable = [r.study for r in reports if r.study is not None]
    layouts = Counter(r.layout for r in reports)
    places = ", ".join(f"{_LAYOUTS[name]}: {n}" for name, n in layouts.items())
    word = "study" if len(reports) == 1 else "studies"
    lines = [f"{len(reports)} {word} ({places})", f"{len(usable)} usable"]
    if usable:
        people = {study.subject_id for study in usable}
        sexes = Counter(study.demographics.sex for study in usable)
        unknown = sum(bool(study.demographics.unknown) for study in usable)
        lines[-1] += f", of {len(people)} subjects: {sexes['F']} F, {sexes['M']} M"
        if unknown:
            lines.append(
                f"{unknown} of them without height or weight: they train with the "
                "condition's flag 'unknown', and the model's card says so"
            )
    left_out = len(reports) - len(usable)
    if left_out:
        lines.append(f"{left_out} left out; the lines above say why")
    return lines


def as_json(report: StudyReport) -> dict[str, Any]:
    """A report for a program."""
    study = report.study
    person = study.demographics if study else None
    return {
        "study_id": report.study_id,
        "path": str(report.path),
        "layout": report.layout,
        "usable": study is not None,
        "reasons": list(report.reasons),
        "notes": list(report.notes),
        "files_left_out": [
            {"path": str(p.path), "reason": p.reason} for p in report.problems
        ],
        "series": [
            {
                "path": str(line.path),
                "modality": line.modality,
                "shape": list(line.shape),
                "what": line.what,
                "readable": line.image is not None,
            }
            for line in report.series
        ],
        "tracer": study.tracer if study else None,
        "subject_id": study.subject_id if study else None,
        "age_years": person.age_years if person else None,
        "sex": person.sex if person else None,
        "height_m": person.height_m if person else None,
        "weight_kg": person.weight_kg if person else None,
        "diagnosis": person.diagnosis if person else None,
    }


def _person(report: StudyReport) -> str:
    if report.study is None:
        return ""
    person = report.study.demographics
    parts = [person.sex or "sex ?"]
    for value, unit, digits in [
        (person.age_years, "y", 0),
        (person.height_m, "m", 2),
        (person.weight_kg, "kg", 0),
    ]:
        parts.append(f"{value:.{digits}f} {unit}" if value is not None else f"? {unit}")
    return ", ".join(parts)
