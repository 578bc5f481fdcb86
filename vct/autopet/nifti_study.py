"""Studies of the two NIfTI layouts: the official conversion and the challenge's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from vct.autopet.demographics import Source, merged
from vct.autopet.nifti import NiftiImage, nifti_image
from vct.autopet.refusal import ScanError
from vct.autopet.study import (
    Layout,
    SeriesLine,
    Study,
    StudyReport,
    check_overlap,
)

# tcia_dicom_to_nifti.py of the collection's authors.
CONVERTED = (
    "SUV by the official conversion, which decays the dose to the acquisition time of "
    "the first file it meets: right if that was the first bed"
)
UNNAMED = "the case does not name its tracer: FDG is assumed"
RESAMPLED = "the CT was resampled to the PET's grid"


def converted_names(folder: Path) -> tuple[str, str]:
    """Subject and study of ``…/PETCT_0011f3deaf/03-23-2003-NA-…-10445``."""
    return folder.parent.name, folder.name


def case_names(case: str) -> tuple[str | None, str, str]:
    """Tracer, subject and study of ``fdg_0011f3deaf_03-23-2003-NA-…-10445``."""
    tracer, _, rest = case.partition("_")
    subject, _, study = rest.partition("_")
    known = {"fdg": "FDG", "psma": "PSMA"}.get(tracer.lower())
    if known is None:
        return None, case, ""
    return known, f"{tracer}_{subject}", study


def converted_study(
    folder: Path, files: dict[str, Path], known: Sequence[Source]
) -> StudyReport:
    """A folder of the official conversion."""
    subject, study = converted_names(folder)
    ct = files.get("CT") or files.get("CTres")
    missing = [] if ct else ["CT.nii.gz"]
    if "SUV" not in files:
        has_pet = "; PET.nii.gz alone is in Bq/mL, which needs the DICOM header"
        missing.append("SUV.nii.gz" + (has_pet if "PET" in files else ""))
    tracer = "PSMA" if subject.lower().startswith("psma") else "FDG"
    return _report(
        f"{subject}/{study}",
        subject,
        "nifti",
        folder,
        tracer,
        (ct, files.get("SUV")),
        missing,
        known,
        lesions=files.get("SEG"),
        resampled="CT" not in files,
    )


def challenge_study(
    case: str, files: dict[str, Path], known: Sequence[Source]
) -> StudyReport:
    """A case of the challenge."""
    tracer, subject, _ = case_names(case)
    channels = {"_0000": "CT", "_0001": "PET"}
    missing = [
        f"{case}{channel}.nii.gz ({what})"
        for channel, what in channels.items()
        if channel not in files
    ]
    return _report(
        case,
        subject,
        "nnunet",
        next(iter(files.values())).parent,
        tracer or "FDG",
        (files.get("_0000"), files.get("_0001")),
        missing,
        known,
        lesions=files.get("label"),
        resampled=True,
        more=() if tracer else (UNNAMED,),
    )


def _report(
    study_id: str,
    subject_id: str,
    layout: Layout,
    path: Path,
    tracer: str,
    images: tuple[Path | None, Path | None],
    missing: list[str],
    known: Sequence[Source],
    *,
    lesions: Path | None,
    resampled: bool,
    more: tuple[str, ...] = (),
) -> StudyReport:
    reasons = [f"{name} is missing" for name in missing]
    ct, ct_line, ct_reason = _checked(images[0], "CT")
    pet, pet_line, pet_reason = _checked(images[1], "PT")
    reasons += [reason for reason in (ct_reason, pet_reason) if reason]
    person, doubtful = merged(known)
    notes = [CONVERTED, *([RESAMPLED] if resampled else []), *more, *doubtful]
    if ct is not None and pet is not None:
        try:
            check_overlap(ct.grid, pet.grid)
        except ScanError as error:
            reasons.append(str(error))
        if layout == "nnunet" and ct.grid.shape != pet.grid.shape:
            reasons.append("CT and PET are not on one grid, as the challenge's are")
    study = None
    if ct is not None and pet is not None and not reasons:
        study = Study(
            study_id=study_id,
            subject_id=subject_id,
            layout=layout,
            path=path,
            tracer=tracer,
            ct=ct,
            pet=pet,
            demographics=person,
            ct_on_pet_grid=resampled,
            lesions=lesions,
            notes=tuple(notes),
        )
    lines = tuple(line for line in (ct_line, pet_line) if line)
    return StudyReport(
        study_id, path, layout, study, tuple(reasons), tuple(notes), (), lines
    )


def _checked(
    path: Path | None, modality: Literal["CT", "PT"]
) -> tuple[NiftiImage | None, SeriesLine | None, str | None]:
    if path is None:
        return None, None, None
    try:
        image = nifti_image(path, "HU" if modality == "CT" else "SUV")
    except (ScanError, OSError) as error:
        return None, SeriesLine(path, modality, (), str(error)), str(error)
    what = "HU" if modality == "CT" else "SUV"
    return image, SeriesLine(path, modality, image.grid.shape, what, image), None
