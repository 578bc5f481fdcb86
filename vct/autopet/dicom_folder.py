"""One folder of a DICOM tree: its files sorted, strangers among them found."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vct.autopet.dicom_file import DicomFile, read_header
from vct.autopet.element import text
from vct.autopet.refusal import Problem, ScanError

_AUTOPET_SUBJECT = re.compile(r"(PETCT|PSMA)_[0-9a-f]{10,}", re.IGNORECASE)


@dataclass
class Folder:
    """The files of one folder.

    Attributes
    ----------
    images
        CT and PT slices.
    others
        Segmentations.
    problems
        Files that are left out, or are not what they should be.
    flaws
        Why no series of the folder is whole.
    """

    path: Path
    images: list[DicomFile] = field(default_factory=list)
    others: list[DicomFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)


def read_folder(path: Path, files: Sequence[Path]) -> Folder:
    """Read the headers of a folder's files and judge them together."""
    folder = Folder(path)
    for file in files:
        try:
            found = read_header(file)
        except ScanError as error:
            folder.problems.append(Problem(file, str(error)))
            folder.flaws.append(f"{file}: {error}")
            continue
        if found.kind in ("CT", "PT"):
            folder.images.append(found)
            if found.problem:
                folder.problems.append(Problem(file, found.problem))
        elif found.kind is None:
            why = found.problem or f"{found.what}: not an image slice, ignored"
            folder.problems.append(Problem(file, why))
            if found.problem:
                folder.flaws.append(f"{file}: {found.problem}")
        else:
            folder.others.append(found)
    _check_strangers(folder)
    return folder


def _check_strangers(folder: Folder) -> None:
    """All slices of a folder are of one patient, one study, and one series per kind."""
    named = subject_of(folder.path)
    for keyword, what in [
        ("PatientID", "wrong patient"),
        ("StudyInstanceUID", "another study"),
    ]:
        _flag_minority(folder, folder.images, keyword, what)
        if keyword == "PatientID" and named and folder.images:
            found = text(folder.images[0].header, keyword)
            if (
                not folder.flaws
                and found is not None
                and found.lower() != named.lower()
            ):
                why = f"wrong patient: the files say {found}, the folder {named}"
                folder.flaws.append(why)
                folder.problems.append(Problem(folder.path, why))
        if folder.flaws:
            return
    for kind in ("CT", "PT"):
        same = [file for file in folder.images if file.kind == kind]
        _flag_minority(folder, same, "SeriesInstanceUID", "mixed series")


def _flag_minority(
    folder: Folder, files: list[DicomFile], keyword: str, what: str
) -> None:
    counts = Counter(text(file.header, keyword) for file in files)
    if len(counts) < 2:
        return
    usual = counts.most_common(1)[0][0]
    strange = [f for f in files if text(f.header, keyword) != usual]
    for file in strange:
        found = text(file.header, keyword)
        why = f"{what}: its {keyword} is {found}, that of the other files {usual}"
        folder.problems.append(Problem(file.path, why))
    first = strange[0]
    folder.flaws.append(
        f"{what}: {first.path} has another {keyword} than the other files"
    )


def by_series(files: list[DicomFile]) -> list[list[DicomFile]]:
    """Files of each kind and SeriesInstanceUID."""
    groups: dict[tuple[str, str], list[DicomFile]] = defaultdict(list)
    for file in files:
        uid = text(file.header, "SeriesInstanceUID") or ""
        groups[str(file.kind), uid].append(file)
    return list(groups.values())


def study_uid(files: Sequence[Path]) -> str:
    """StudyInstanceUID of most of three files of a folder; else the empty text."""
    return _usual(files, "StudyInstanceUID") or ""


def patient_id(files: Sequence[Path]) -> str | None:
    """PatientID of most of three files of a folder."""
    return _usual(files, "PatientID")


def _usual(files: Sequence[Path], keyword: str) -> str | None:
    counts = Counter[str]()
    for k in sorted({0, len(files) // 2, len(files) - 1}):
        try:
            counts[text(read_header(files[k]).header, keyword) or ""] += 1
        except ScanError:
            continue
    return (counts.most_common(1)[0][0] or None) if counts else None


def subject_of(folder: Path) -> str | None:
    """Subject that a folder of the TCIA tree is named after."""
    for part in reversed(folder.parts):
        if _AUTOPET_SUBJECT.fullmatch(part):
            return part
    return None
