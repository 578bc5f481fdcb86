"""Studies of a DICOM tree: files sorted into series, series into studies."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydicom.config import disable_value_validation

from vct.autopet.demographics import Demographics, Source, from_header, merged
from vct.autopet.dicom_folder import Folder, by_series, read_folder, subject_of
from vct.autopet.dicom_series import Series, series_of
from vct.autopet.element import text
from vct.autopet.refusal import Problem, ScanError
from vct.autopet.study import SeriesLine, Study, StudyReport, check_overlap

NO_FRAME = "no frame of reference in CT and PET: whether they are aligned is not known"


def dicom_study(
    folders: dict[Path, list[Path]],
    known: Sequence[Source] = (),
    images: dict[str, int] | None = None,
) -> StudyReport:
    """Sort, check and pair the series in the folders of one study.

    Parameters
    ----------
    folders
        Files by folder.
    known
        What tables know of the subject, the most trusted first; the header outweighs
        them.
    images
        Files per SeriesInstanceUID, where the clinical metadata tell them.
    """
    with disable_value_validation():  # odd values are judged here, not warned about
        return _study(folders, known, images or {})


def _study(
    folders: dict[Path, list[Path]],
    known: Sequence[Source],
    images: dict[str, int],
) -> StudyReport:
    read, copies = _without_copies(
        [read_folder(path, files) for path, files in sorted(folders.items())]
    )
    lines: list[SeriesLine] = []
    good: dict[str, list[Series]] = {"CT": [], "PT": []}
    failed: dict[str, list[str]] = {"CT": [], "PT": []}
    weight = merged(known)[0].weight_kg
    for folder in read:
        for files in by_series(folder.images):
            kind = str(files[0].kind)
            try:
                if folder.flaws:
                    raise ScanError(folder.flaws[0])
                series = series_of(files, weight)
                _check_images(series, images)
            except ScanError as error:
                failed[kind].append(_placed(kind, folder.path, str(error)))
                lines.append(SeriesLine(folder.path, kind, (len(files),), str(error)))
                continue
            good[kind].append(series)
            told = series.suv.described if series.suv else "HU"
            line = SeriesLine(folder.path, kind, series.grid.shape, told, series)
            lines.append(line)
    problems = [problem for folder in read for problem in folder.problems] + copies
    return _paired(read, good, failed, known, problems, lines)


def _without_copies(read: list[Folder]) -> tuple[list[Folder], list[Problem]]:
    """Folders of new images, and what is said of those that were downloaded twice."""
    first: dict[tuple[str, ...], Path] = {}
    kept, copies = [], []
    for folder in read:
        uids = sorted(text(f.header, "SOPInstanceUID") or "" for f in folder.images)
        if uids and all(uids) and tuple(uids) in first:
            why = f"the same images as in {first[tuple(uids)]}: not read again"
            copies.append(Problem(folder.path, why))
            continue
        first[tuple(uids)] = folder.path
        kept.append(folder)
    return kept, copies


def _paired(
    read: list[Folder],
    good: dict[str, list[Series]],
    failed: dict[str, list[str]],
    known: Sequence[Source],
    problems: list[Problem],
    lines: list[SeriesLine],
) -> StudyReport:
    top = _common(folder.path for folder in read)
    reasons = []
    for kind in ("CT", "PT"):
        if not good[kind]:
            reasons += failed[kind] or [f"no {_what(kind)} in {top}"]
        elif len(good[kind]) > 1:
            places = ", ".join(str(series.folder) for series in good[kind])
            reasons.append(f"{len(good[kind])} {_what(kind)} series, not one: {places}")
        elif failed[kind]:
            problems += [Problem(top, words) for words in failed[kind]]
    person, notes, subject = _person(read, known)
    subject = subject or subject_of(top) or top.name
    study_id = f"{subject}/{top.name}"
    study = None
    if not reasons:
        ct, pet = good["CT"][0], good["PT"][0]
        reasons += _mismatch(ct, pet)
        tracer, told = _tracer(subject, pet)
        notes += told + (list(pet.suv.notes) if pet.suv else [])
        if ct.frame_of_reference is None and pet.frame_of_reference is None:
            notes.append(NO_FRAME)
        if not reasons:
            study = Study(
                study_id=study_id,
                subject_id=subject,
                layout="dicom",
                path=top,
                tracer=tracer,
                ct=ct,
                pet=pet,
                demographics=person,
                lesions=_lesions(read),
                notes=tuple(notes),
            )
    return StudyReport(
        study_id,
        top,
        "dicom",
        study,
        tuple(reasons),
        tuple(notes),
        tuple(problems),
        tuple(lines),
    )


def _check_images(series: Series, images: dict[str, int]) -> None:
    expected = images.get(series.uid)
    if expected and len(series.slices) != expected:
        raise ScanError(
            f"{len(series.slices)} slices, but the clinical metadata say {expected}"
        )


def _mismatch(ct: Series, pet: Series) -> list[str]:
    reasons = []
    if ct.patient_id != pet.patient_id:
        reasons.append(
            f"wrong patient: PatientID is {ct.patient_id} in {ct.folder}, but "
            f"{pet.patient_id} in {pet.folder}"
        )
    if ct.frame_of_reference != pet.frame_of_reference:
        reasons.append(
            "CT and PET are not in one frame of reference: "
            f"{ct.frame_of_reference} and {pet.frame_of_reference}"
        )
    try:
        check_overlap(ct.grid, pet.grid)
    except ScanError as error:
        reasons.append(str(error))
    return reasons


def _person(
    read: list[Folder], known: Sequence[Source]
) -> tuple[Demographics, list[str], str | None]:
    """Demographics of the study, what is doubtful in them, and the PatientID."""
    files = [file for folder in read for file in folder.images]
    sources, absurd, subject = [], list[str](), None
    for kind in ("PT", "CT"):
        header = next((file.header for file in files if file.kind == kind), None)
        if header is None:
            continue
        subject = subject or text(header, "PatientID")
        found, more = from_header(header)
        absurd += [words for words in more if words not in absurd]
        sources.append((f"the {_what(kind)} header", found))
    person, notes = merged([*sources, *known])
    return person, absurd + notes, subject


def _tracer(subject: str, pet: Series) -> tuple[str, list[str]]:
    """Tracer of a PET, and what is doubtful about it."""
    name = (pet.header.tracer if pet.header else None) or ""
    nuclide = pet.suv.nuclide if pet.suv else None
    if "psma" in f"{subject} {name}".lower():
        return "PSMA", []
    if nuclide not in (None, "F-18"):
        return str(nuclide), []
    fdg = not name or "FDG" in name.upper() or "GLUCOSE" in name.upper()
    return "FDG", [] if fdg else [f"the radiopharmaceutical is called {name!r}"]


def _lesions(read: list[Folder]) -> Path | None:
    segmentations = [file.path for folder in read for file in folder.others]
    return segmentations[0] if len(segmentations) == 1 else None


def _common(folders: Iterable[Path]) -> Path:
    """The folder that holds all folders of a study."""
    paths = list(folders)
    top = paths[0]
    while not all(path.is_relative_to(top) for path in paths):
        top = top.parent
    return top


def _placed(kind: str, folder: Path, reason: str) -> str:
    """A reason with the place it is about."""
    return reason if str(folder) in reason else f"{_what(kind)} in {folder}: {reason}"


def _what(kind: str) -> str:
    return {"CT": "CT", "PT": "PET"}[kind]
