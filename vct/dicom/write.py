"""One subject's study on disk."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom import config
from pydicom.dataset import Dataset

from vct.dicom.check import check_images, check_study
from vct.dicom.ct import ct_shared, ct_slices
from vct.dicom.encode import Template, whole_file
from vct.dicom.pet import pet_shared, pet_slices
from vct.dicom.records import InstanceRecord, Modality, SeriesRecord, StudyContext
from vct.dicom.seg import organ_segmentation
from vct.dicom.study import written_weight_kg
from vct.dicom.timing import pet_timing
from vct.dicom.uid import StudyUids
from vct.grid import Grid

if TYPE_CHECKING:
    from vct.subjects import Subject
    from vct.volume import StoredImages

_UNITS: dict[Modality, str] = {"CT": "HU", "PT": "BQML", "SEG": "label"}


def write_subject(
    images: "StoredImages", subject: "Subject", study: StudyContext, folder: Path
) -> tuple[list[SeriesRecord], list[InstanceRecord]]:
    """Write CT, PET and, if there are labels, the segmentation of one subject.

    The same arguments give the same bytes. Files go to ``folder/CT``, ``folder/PT``
    and ``folder/SEG`` as ``0001.dcm`` (most inferior) and up; the caller makes the
    folder appear in one step, by renaming it.

    Returns
    -------
    tuple
        One record per series, and one per file.

    Raises
    ------
    SpecError
        If no reader could compute SUV for this subject; nothing is written then.
    OSError
        If the folder cannot be written.
    """
    check_study(subject, study)
    check_images(images)
    timing = pet_timing(subject, study)
    factor = timing.bq_ml_per_suv(written_weight_kg(subject))
    uids = StudyUids(study.uid_root, subject.subject_id)
    out = _Folder(folder, subject.subject_id, images.grid, uids)

    shared = ct_shared(images, subject, study, uids)
    with config.disable_value_validation():  # per slice: numbers of our own making
        slices = list(ct_slices(images, uids))
        records = [out.write_slices("CT", shared, slices)]
        pet = pet_shared(images, subject, study, timing, uids)
        pet_own = pet_slices(images, factor, timing, uids)
        records.append(out.write_slices("PT", pet, pet_own, bq_ml_per_suv=factor))
        if images.labels is not None:
            sources = [_without_pixels(shared, own) for own in slices]
            seg = organ_segmentation(sources, images.labels, study, uids, timing.end)
            records.append(out.write_segmentation(seg))
    return [series for series, _ in records], [i for _, own in records for i in own]


def _without_pixels(shared: Dataset, own: Dataset) -> Dataset:
    """CT header as highdicom wants it."""
    elements = [*shared, *(e for e in own if e.keyword != "PixelData")]
    return Dataset({e.tag: e for e in elements})


@dataclass(frozen=True)
class _Folder:
    """Where a subject's files go, and what their records have in common."""

    path: Path
    subject_id: str
    grid: Grid
    uids: StudyUids

    def write_slices(
        self,
        modality: Modality,
        shared: Dataset,
        slices: Iterable[Dataset],
        *,
        bq_ml_per_suv: float | None = None,
    ) -> tuple[SeriesRecord, list[InstanceRecord]]:
        """Write a classic series, slice by slice."""
        template = Template(shared)
        instances = [
            self._write(modality, shared.SOPClassUID, own, template.file(own))
            for own in slices
        ]
        n = len(instances)
        return self._series(modality, shared, n, n, bq_ml_per_suv), instances

    def write_segmentation(
        self, ds: Dataset
    ) -> tuple[SeriesRecord, list[InstanceRecord]]:
        """Write the one file of the segmentation series."""
        instance = self._write("SEG", ds.SOPClassUID, ds, whole_file(ds))
        return self._series("SEG", ds, 1, int(ds.NumberOfFrames), None), [instance]

    def _write(
        self, modality: Modality, sop_class: str, own: Dataset, content: bytes
    ) -> InstanceRecord:
        number = int(own.InstanceNumber)
        relative = f"{modality}/{number:04d}.dcm"
        path = self.path / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return InstanceRecord(
            subject_id=self.subject_id,
            modality=modality,
            series_uid=self.uids.series(modality),
            sop_uid=str(own.SOPInstanceUID),
            sop_class=str(sop_class),
            instance_number=number,
            path=relative,
            sha256=hashlib.sha256(content).hexdigest(),
            bytes=len(content),
        )

    def _series(
        self,
        modality: Modality,
        ds: Dataset,
        n_instances: int,
        n_frames: int,
        bq_ml_per_suv: float | None,
    ) -> SeriesRecord:
        return SeriesRecord(
            subject_id=self.subject_id,
            modality=modality,
            study_uid=self.uids.study,
            series_uid=self.uids.series(modality),
            frame_of_reference_uid=self.uids.frame_of_reference,
            n_instances=n_instances,
            n_frames=n_frames,
            rows=self.grid.shape[1],
            columns=self.grid.shape[2],
            spacing_mm=self.grid.spacing_mm,
            units=_UNITS[modality],
            bq_ml_per_suv=bq_ml_per_suv,
            description=str(ds.SeriesDescription),
        )
