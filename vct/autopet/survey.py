"""All studies of a folder, one after the other: found, checked, paired with people."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from vct.autopet.beside import HeaderIndex
from vct.autopet.demographics import Source, study_key, subject_key
from vct.autopet.demographics_table import DemographicsTable
from vct.autopet.dicom_folder import patient_id, study_uid, subject_of
from vct.autopet.dicom_study import dicom_study
from vct.autopet.layouts import find_layouts
from vct.autopet.nifti_study import (
    case_names,
    challenge_study,
    converted_names,
    converted_study,
)
from vct.autopet.refusal import Problem, ScanError
from vct.autopet.study import SeriesLine, StudyReport, check_voxels
from vct.errors import VctError


class Survey:
    """The studies of a folder; iterating checks one after the other.

    Parameters
    ----------
    root
        Folder with any of the layouts, or several.
    demographics
        Table keyed by subject, for what images do not carry; it outweighs the clinical
        metadata found in the folder, not the DICOM headers.
    dicom
        DICOM tree of the same studies, for weight and height of NIfTI copies. One
        inside ``root`` is found without being named.
    include_psma
        Take PSMA studies too.

    Attributes
    ----------
    problems
        Folders and tables that could not be read.

    Raises
    ------
    VctError
        If no layout is recognized, or a table cannot be read.

    Examples
    --------
    Stream what is usable::

        for report in Survey(Path("FDG-PET-CT-Lesions")):
            if report.study is not None:
                ct_hu, suv = report.study.read()
    """

    def __init__(
        self,
        root: Path,
        *,
        demographics: Path | None = None,
        dicom: Path | None = None,
        include_psma: bool = False,
    ) -> None:
        if not root.is_dir():
            raise VctError(f"{root} is no folder.")
        self.root = root
        self.found = find_layouts(root)
        if self.found.empty:
            raise VctError(
                f"{root} holds no layout of AutoPET: neither DICOM files, nor folders "
                "with SUV.nii.gz and CT.nii.gz, nor imagesTr/CASE_0000.nii.gz."
            )
        self.problems = list(self.found.problems)
        self._tables = [DemographicsTable(demographics)] if demographics else []
        self._add_found_tables(demographics)
        self._dicom = dicom
        self._include_psma = include_psma

    def _add_found_tables(self, given: Path | None) -> None:
        for path in self.found.tables:
            if given is not None and path.samefile(given):
                continue
            try:
                self._tables.append(DemographicsTable(path))
            except VctError as error:
                self.problems.append(Problem(path, f"not used: {error}"))

    @property
    def absurd(self) -> list[str]:
        """What the tables say that no one believes, in words."""
        return [f"{t.name}: {words}" for t in self._tables for words in t.absurd]

    @cached_property
    def _dicom_studies(self) -> list[dict[Path, list[Path]]]:
        studies: dict[str, dict[Path, list[Path]]] = defaultdict(dict)
        for folder, files in self.found.dicom.items():
            studies[study_uid(files) or str(folder)][folder] = files
        return list(studies.values())

    def __len__(self) -> int:
        """Studies and cases to look at."""
        found = self.found
        return len(self._dicom_studies) + len(found.nifti) + len(found.nnunet)

    def __iter__(self) -> Iterator[StudyReport]:
        taken: dict[tuple[str, str], StudyReport] = {}
        for report in self._reports():
            report = self._decided(report)
            study = report.study
            if study is not None:
                key = _key(report)
                if key in taken:
                    report = _left_out(report, _why_taken(report, taken[key]))
                else:
                    taken[key] = report
            yield report

    def _reports(self) -> Iterator[StudyReport]:
        """Reports as the layouts give them; the layout that knows most comes first."""
        for folders in self._dicom_studies:
            known = self._in_tables(*_names_of(folders))
            images = {k: v for table in self._tables for k, v in table.images.items()}
            yield dicom_study(folders, known, images)
        for folder, files in self.found.nifti.items():
            subject, study = converted_names(folder)
            yield converted_study(folder, files, self._known(subject, study))
        for case, files in self.found.nnunet.items():
            _, subject, study = case_names(case)
            yield challenge_study(case, files, self._known(subject, study))

    def _decided(self, report: StudyReport) -> StudyReport:
        """Tracer and demographics decide too."""
        study = report.study
        if study is None:
            return report
        if study.tracer != "FDG" and not (
            study.tracer == "PSMA" and self._include_psma
        ):
            return _left_out(report, f"its tracer is {study.tracer}, not FDG")
        person = study.demographics
        missing = [
            name
            for name, value in [("age", person.age_years), ("sex", person.sex)]
            if value is None
        ]
        if missing:
            words = " and ".join(missing)
            return _left_out(
                report, f"{words} not known: give a table with --demographics"
            )
        if person.unknown:
            note = f"{' and '.join(person.unknown)} not known"
            study = replace(study, notes=(*study.notes, note))
            report = replace(report, study=study, notes=(*report.notes, note))
        return report

    @cached_property
    def _beside(self) -> HeaderIndex:
        folders = dict(self.found.dicom)
        if self._dicom is not None:
            if not self._dicom.is_dir():
                raise VctError(f"{self._dicom} is no folder.")
            folders |= find_layouts(self._dicom).dicom
        return HeaderIndex(folders)

    def _known(self, subject: str, study: str) -> list[Source]:
        """What headers and tables know of a NIfTI study."""
        beside = self._beside.find(subject, study)
        return [*beside, *self._in_tables(subject, study)]

    def _in_tables(self, subject: str, study: str) -> list[Source]:
        found = [(table.name, table.find(subject, study)) for table in self._tables]
        return [(name, person) for name, person in found if person is not None]


def with_voxels(report: StudyReport) -> StudyReport:
    """The report after reading every voxel: truncated files, ranges of values."""
    lines, reasons = [], []
    for line in report.series:
        if line.image is not None:
            line, reason = _line_with_voxels(line)
            reasons += [reason] if reason else []
        lines.append(line)
    study = None if reasons else report.study
    return replace(
        report,
        study=study,
        reasons=(*report.reasons, *reasons),
        series=tuple(lines),
    )


def _line_with_voxels(line: SeriesLine) -> tuple[SeriesLine, str | None]:
    assert line.image is not None
    try:
        volume = line.image.read()
        check_voxels(volume)
    except ScanError as error:
        return replace(line, what=str(error), image=None), str(error)
    voxels = volume.voxels
    if volume.quantity == "HU":
        range_told = f"{voxels.min():.0f} to {voxels.max():.0f} HU"
    else:
        inside = voxels[voxels > 0]
        low, middle, high = inside.min(), np.median(inside), inside.max()
        range_told = f"SUV above 0: {low:.4f}, median {middle:.4f}, to {high:.4f}"
    return replace(line, what=f"{line.what}; {range_told}"), None


def _why_taken(report: StudyReport, first: StudyReport) -> str:
    """Why a study whose subject and name are those of another is not read."""
    if report.layout == first.layout == "dicom":  # which Study Instance UID tells apart
        return (
            f"another study of {report.study_id} is read from {first.path}, and "
            "studies of a subject are told apart by their folders' names: rename one "
            "folder"
        )
    return f"the same study is read from {first.path}"


def _left_out(report: StudyReport, reason: str) -> StudyReport:
    return replace(report, study=None, reasons=(*report.reasons, reason))


def _names_of(folders: dict[Path, list[Path]]) -> tuple[str, str]:
    """Subject and study that the folders of the TCIA tree are named after."""
    first = next(iter(folders))
    return subject_of(first) or patient_id(folders[first]) or "", first.parent.name


def _key(report: StudyReport) -> tuple[str, str]:
    """Subject and study, the same in all layouts."""
    study = report.study
    assert study is not None
    if report.layout == "nnunet":
        _, subject, name = case_names(report.study_id)
        return subject_key(subject), study_key(name) if name else report.study_id
    name = report.path.name
    return subject_key(study.subject_id), study_key(name)
