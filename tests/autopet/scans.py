"""Tiny CT and PET series, written tag by tag with pydicom; nothing of vct.autopet.

The PET is physics: a body with hot 4.00, background 1.00 and cold 0.20 SUV, whose raw
values each dialect gets from dose, weight and decay by its own arithmetic here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

CT_CLASS = "1.2.840.10008.5.1.4.1.1.2"
PET_CLASS = "1.2.840.10008.5.1.4.1.1.128"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
ROOT_UID = "1.2.826.0.1.3680043.8.498.77"
HOT, BACKGROUND, COLD = 4.0, 1.0, 0.2
SLICES, ROWS, COLUMNS = 4, 8, 10

# Decay of the test's own: half-lives [s] of NuDat.
F18, GA68 = 6586.2, 4062.6

Change = Callable[[Dataset, int], None]


def suv_truth() -> np.ndarray:
    """SUV of the body, shape (slices, rows, columns), inferior first."""
    suv = np.zeros((SLICES, ROWS, COLUMNS))
    suv[:, 1:-1, 1:-2] = BACKGROUND
    suv[1, 3:5, 3:6] = HOT
    suv[2, 3:5, 3] = COLD
    return suv


@dataclass
class PetScan:
    """One injection and one PET of it; ``write`` makes the files.

    ``units_per_suv`` is, slice by slice, the rescaled value of SUV 1; ``suv`` is what
    was scanned (k, j, i), stored in steps of ``suv_per_step``.
    """

    weight_kg: float = 70.0
    height_m: float = 1.75
    sex: str = "F"
    dose_bq: float = 368.08e6
    half_life_s: float = F18
    injected: datetime = datetime(2025, 1, 1, 10)
    start: datetime = datetime(2025, 1, 1, 11)
    frame_s: float = 300.0
    bed_delay_s: tuple[float, ...] = (0.0,) * SLICES
    subject: str = "PETCT_00000000aa"
    study: str = "1"
    series: str = "1.2"
    units: str = "BQML"
    decay_correction: str = "START"
    units_per_suv: Callable[["PetScan", int], float] | None = None
    changes: list[Change] = field(default_factory=list)
    suv: np.ndarray = field(default_factory=lambda: suv_truth())
    # 20000, 5000 and 1000 steps: hot, background and cold are exact.
    suv_per_step: float = HOT / 20000.0

    @property
    def bq_ml_at_injection(self) -> float:
        """Activity concentration of SUV 1 [Bq/mL], decay corrected to injection."""
        return self.dose_bq / (self.weight_kg * 1000.0)

    def decayed(self, seconds: float) -> float:
        """Share of activity that is left."""
        return math.exp(-math.log(2.0) * seconds / self.half_life_s)

    def bq_ml_at_start(self) -> float:
        """Activity concentration of SUV 1 [Bq/mL] when the scan starts."""
        uptake_s = (self.start - self.injected).total_seconds()
        return self.bq_ml_at_injection * self.decayed(uptake_s)

    def bq_ml_in_frame(self, k: int) -> float:
        """Mean activity concentration of SUV 1 over the frame of slice k [Bq/mL]."""
        rate = math.log(2.0) / self.half_life_s * self.frame_s
        mean = (1.0 - math.exp(-rate)) / rate
        return self.bq_ml_at_start() * self.decayed(self.bed_delay_s[k]) * mean

    def datasets(self) -> list[Dataset]:
        """Slices, inferior first."""
        unit = self.units_per_suv or (lambda scan, k: scan.bq_ml_at_start())
        return [self._slice(k, unit(self, k)) for k in range(len(self.suv))]

    def write(self, folder: Path) -> Path:
        """Write the slices in an order that no reader may trust."""
        folder.mkdir(parents=True, exist_ok=True)
        for k, ds in enumerate(self.datasets()):
            save(ds, folder / f"{(k * 7 + 3) % 10}-{k}.dcm")
        return folder

    def _slice(self, k: int, unit: float) -> Dataset:
        ds = image_slice(PET_CLASS, "PT", self.subject, self.study, self.series, k)
        ds.PatientSex = self.sex
        ds.PatientWeight, ds.PatientSize = (
            f"{self.weight_kg:.9g}",
            f"{self.height_m:.9g}",
        )
        begin = self.start + timedelta(seconds=self.bed_delay_s[k])
        middle_s = self._middle_s()
        ds.SeriesDate, ds.SeriesTime = _date(self.start), _time(self.start)
        ds.AcquisitionDate, ds.AcquisitionTime = _date(begin), _time(begin)
        ds.ActualFrameDuration = str(round(self.frame_s * 1e3))
        ds.FrameReferenceTime = f"{(self.bed_delay_s[k] + middle_s) * 1e3:.3f}"
        ds.Units, ds.DecayCorrection = self.units, self.decay_correction
        ds.CorrectedImage = ["NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN"]
        ds.NumberOfSlices = len(self.suv)
        drug = Dataset()
        drug.Radiopharmaceutical = "FDG"
        drug.RadiopharmaceuticalStartTime = _time(self.injected)
        drug.RadiopharmaceuticalStartDateTime = _date(self.injected) + _time(
            self.injected
        )
        drug.RadionuclideTotalDose = f"{self.dose_bq:.9g}"
        drug.RadionuclideHalfLife = str(self.half_life_s)
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator = "C-111A1", "SRT"
        code.CodeMeaning = "^18^Fluorine"
        drug.RadionuclideCodeSequence = Sequence([code])
        ds.RadiopharmaceuticalInformationSequence = Sequence([drug])
        slope = f"{unit * self.suv_per_step:.10g}"
        ds.RescaleSlope, ds.RescaleIntercept = slope, "0"
        stored = np.rint(self.suv[k] * unit / float(slope))
        set_pixels(ds, stored.astype(np.int16))
        for change in self.changes:
            change(ds, k)
        return ds

    def _middle_s(self) -> float:
        """When the frame's activity is its mean, from its start: by bisection."""
        rate = math.log(2.0) / self.half_life_s
        mean = (1.0 - math.exp(-rate * self.frame_s)) / (rate * self.frame_s)
        return -math.log(mean) / rate


def drug_of(ds: Dataset) -> Dataset:
    """The injection of a slice."""
    item = ds.RadiopharmaceuticalInformationSequence[0]
    assert isinstance(item, Dataset)
    return item


def image_slice(
    sop_class: str, modality: str, subject: str, study: str, series: str, k: int
) -> Dataset:
    """What CT and PET slices share; 4 × 5 × 6 mm voxels around the origin."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.SOPClassUID, ds.Modality = sop_class, modality
    ds.SOPInstanceUID = f"{ROOT_UID}.{study}.{series}.{k + 1}"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.PatientID, ds.PatientName = subject, subject
    ds.PatientAge, ds.PatientSex = "063Y", "F"
    ds.StudyInstanceUID = f"{ROOT_UID}.{study}"
    ds.SeriesInstanceUID = f"{ROOT_UID}.{study}.{series}"
    ds.FrameOfReferenceUID = f"{ROOT_UID}.{study}.9"
    ds.StudyDate, ds.StudyTime = "20250101", "110000"
    ds.SeriesDescription, ds.Manufacturer = "test", "Synthetic"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.Rows, ds.Columns = ROWS, COLUMNS
    ds.PixelSpacing, ds.SliceThickness = ["5", "6"], "4"
    ds.ImagePositionPatient = ["-27", "-17.5", str(-6 + 4 * k)]
    ds.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    return ds


def ct_truth() -> np.ndarray:
    """CT numbers [HU], shape (slices, rows, columns), inferior first."""
    hu = np.full((SLICES, ROWS, COLUMNS), -1000.0)
    hu[:, 1:-1, 1:-2] = 40.0
    hu[0] += np.arange(COLUMNS)
    hu[:, 2, 2] = 900.0
    return hu


def ct_datasets(
    subject: str = "PETCT_00000000aa", study: str = "1", series: str = "1.1"
) -> list[Dataset]:
    """CT slices, inferior first."""
    slices = []
    for k, hu in enumerate(ct_truth()):
        ds = image_slice(CT_CLASS, "CT", subject, study, series, k)
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = "1", "-1024", "HU"
        set_pixels(ds, (hu + 1024).astype(np.int16))
        slices.append(ds)
    return slices


def write_ct(folder: Path, datasets: list[Dataset] | None = None, **names: str) -> Path:
    """Write a CT series."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, ds in enumerate(ct_datasets(**names) if datasets is None else datasets):
        save(ds, folder / f"{k}.dcm")
    return folder


def save(ds: Dataset, path: Path) -> Path:
    """Write one file."""
    ds.save_as(path, enforce_file_format=True)
    return path


def set_pixels(ds: Dataset, stored: np.ndarray) -> None:
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation = 15, 1
    ds.PixelData = stored.tobytes()
    ds["PixelData"].VR = "OW"


def _date(moment: datetime) -> str:
    return f"{moment:%Y%m%d}"


def _time(moment: datetime) -> str:
    return f"{moment:%H%M%S.%f}"


def set_value(keyword: str, value: Any) -> Change:
    """A change of one element in every slice."""

    def change(ds: Dataset, k: int) -> None:
        setattr(ds, keyword, value)

    return change


def drop(*keywords: str) -> Change:
    """A change that removes elements from every slice."""

    def change(ds: Dataset, k: int) -> None:
        for keyword in keywords:
            del ds[keyword]

    return change


def in_drug(**values: Any) -> Change:
    """A change within the injection; None removes."""

    def change(ds: Dataset, k: int) -> None:
        for keyword, value in values.items():
            if value is None:
                del drug_of(ds)[keyword]
            else:
                setattr(drug_of(ds), keyword, value)

    return change


def in_block(group: int, creator: str, element: int, vr: str, value: Any) -> Change:
    """A change that adds a private element."""

    def change(ds: Dataset, k: int) -> None:
        ds.private_block(group, creator, create=True).add_new(element, vr, value)

    return change
