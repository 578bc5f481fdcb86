"""The DICOM tree beside a NIfTI copy: demographics by subject and study."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from vct.autopet.demographics import (
    Source,
    another_visit,
    from_header,
    lasting,
    study_key,
    subject_key,
)
from vct.autopet.dicom_file import read_header
from vct.autopet.element import text
from vct.autopet.refusal import ScanError

_Key = tuple[str, str]


class HeaderIndex:
    """Demographics of the headers of a DICOM tree, one file of each folder read."""

    def __init__(self, folders: dict[Path, list[Path]]) -> None:
        self._studies: dict[_Key, list[Source]] = defaultdict(list)
        for folder, files in folders.items():
            self._add(folder, files)

    def find(self, subject_id: str, study: str) -> list[Source]:
        """What the headers of a study know, or those of the subject's only study.

        The most trusted first; none if there are no such headers. Of another visit
        only sex and height are taken.
        """
        subject = subject_key(subject_id)
        exact = self._studies.get((subject, study_key(study)))
        if exact is not None:
            return exact
        others = {
            key: known for key, known in self._studies.items() if key[0] == subject
        }
        if len(others) != 1:
            return []
        [((_, visit), known)] = others.items()
        if not another_visit(study, visit):
            return known
        return [(source, lasting(person)) for source, person in known]

    def _add(self, folder: Path, files: Iterable[Path]) -> None:
        for path in files:
            try:
                file = read_header(path)
            except ScanError:
                continue
            subject = text(file.header, "PatientID")
            if file.kind not in ("CT", "PT") or subject is None:
                return
            key = (subject_key(subject), study_key(folder.parent.name))
            what = "PET" if file.kind == "PT" else "CT"
            entry = (f"the {what} header", from_header(file.header)[0])
            # The PET is where weights are entered with care.
            self._studies[key].insert(0 if file.kind == "PT" else 1, entry)
            return
