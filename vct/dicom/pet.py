"""Positron Emission Tomography Image Storage: Bq/mL at series start, a slope a slice.

SUV from the header alone follows the QIBA vendor-neutral pseudo-code; what each
attribute must hold for the readers in use stands in ``docs/reference/dicom.md``.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from vct.dicom.plane import add_image, slice_dataset
from vct.dicom.records import StudyContext
from vct.dicom.study import (
    add_series,
    coded,
    decimal_string,
    study_dataset,
    written_weight_kg,
)
from vct.dicom.timing import PetTiming
from vct.dicom.uid import StudyUids
from vct.uptake import F18_HALF_LIFE_S
from vct.volume import StoredImages

if TYPE_CHECKING:
    from vct.subjects import Subject

PET_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.128"
TITLE = "FDG PET whole body"
POSITRON_FRACTION = 0.967  # F-18, ENSDF
WINDOW_SUV = (0.0, 7.0)


def pet_shared(
    images: StoredImages,
    subject: "Subject",
    study: StudyContext,
    timing: PetTiming,
    uids: StudyUids,
) -> Dataset:
    """Attributes that all PET slices of a subject share."""
    ds = study_dataset(subject, study, uids)
    add_series(ds, "PT", TITLE, study, uids)
    add_image(ds, images.grid, study)
    ds.SOPClassUID = PET_IMAGE_STORAGE
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    # Series Time is the time of decay correction; Content Time must not vary.
    for event in ("Series", "Content"):
        setattr(ds, f"{event}Date", timing.series_start.strftime("%Y%m%d"))
        setattr(ds, f"{event}Time", timing.series_start.strftime("%H%M%S"))
    ds.AcquisitionDate = timing.series_start.strftime("%Y%m%d")
    ds.BitsStored = 16
    ds.HighBit = 15
    ds.RescaleIntercept = "0"
    _add_window(ds, timing.bq_ml_per_suv(written_weight_kg(subject)))
    _add_orientation(ds)
    _add_pet_series(ds, images.grid.shape[0], timing)
    ds.RadiopharmaceuticalInformationSequence = Sequence([_radiopharmaceutical(timing)])
    return ds


def _add_window(ds: Dataset, factor: float) -> None:
    low, high = (factor * suv for suv in WINDOW_SUV)
    ds.WindowCenter = decimal_string(round((low + high) / 2, 3))
    ds.WindowWidth = decimal_string(round(high - low, 3))


def _add_orientation(ds: Dataset) -> None:
    """Head first, supine; Patient Position must be absent beside these codes."""
    recumbent = coded("102538003", "SCT", "recumbent")
    supine = coded("40199007", "SCT", "supine")
    recumbent.PatientOrientationModifierCodeSequence = Sequence([supine])
    ds.PatientOrientationCodeSequence = Sequence([recumbent])
    head_first = coded("102540008", "SCT", "headfirst")
    ds.PatientGantryRelationshipCodeSequence = Sequence([head_first])


def _add_pet_series(ds: Dataset, n_slices: int, timing: PetTiming) -> None:
    ds.Units = "BQML"
    ds.CountsSource = "EMISSION"
    ds.SeriesType = ["WHOLE BODY" if len(timing.beds) > 1 else "STATIC", "IMAGE"]
    ds.NumberOfSlices = n_slices
    ds.CorrectedImage = ["DECY", "ATTN", "SCAT", "DTIM", "RAN", "NORM", "DCAL"]
    ds.DecayCorrection = "START"
    ds.CollimatorType = "NONE"
    ds.AttenuationCorrectionMethod = "CT (synthetic)"
    ds.ReconstructionMethod = "none: drawn by a generative model"
    ds.ActualFrameDuration = 1000 * timing.beds[0].duration_s


def _radiopharmaceutical(timing: PetTiming) -> Dataset:
    item = Dataset()
    item.Radiopharmaceutical = "FDG"
    # The time without a date is retired, and still the only one some readers know.
    item.RadiopharmaceuticalStartTime = timing.injection.strftime("%H%M%S")
    item.RadiopharmaceuticalStartDateTime = timing.injection.strftime("%Y%m%d%H%M%S")
    item.RadionuclideTotalDose = str(timing.dose_bq)
    item.RadionuclideHalfLife = decimal_string(F18_HALF_LIFE_S)
    item.RadionuclidePositronFraction = decimal_string(POSITRON_FRACTION)
    nuclide = coded("77004003", "SCT", "^18^Fluorine")
    drug = coded("35321007", "SCT", "Fluorodeoxyglucose F^18^")
    route = coded("47625008", "SCT", "Intravenous route")
    item.RadionuclideCodeSequence = Sequence([nuclide])
    item.RadiopharmaceuticalCodeSequence = Sequence([drug])
    item.AdministrationRouteCodeSequence = Sequence([route])
    return item


def pet_slices(
    images: StoredImages, bq_ml_per_suv: float, timing: PetTiming, uids: StudyUids
) -> Iterator[Dataset]:
    """What distinguishes each PET slice, inferior first."""
    n_slices = images.grid.shape[0]
    for k, pixels in enumerate(images.pet_stored):
        bed = timing.bed_of(k, n_slices)
        begin = timing.series_start + timedelta(seconds=bed.offset_s)
        ds = slice_dataset("PT", k, images.grid, uids)
        ds.AcquisitionTime = begin.strftime("%H%M%S")
        ds.ImageIndex = k + 1
        ds.FrameReferenceTime = decimal_string(bed.frame_reference_ms)
        ds.DecayFactor = decimal_string(bed.decay_factor)
        slope = float(images.pet_suv_per_step[k]) * bq_ml_per_suv
        ds.RescaleSlope = decimal_string(slope)
        ds.add_new("PixelData", "OW", pixels.astype("<u2").tobytes())
        yield ds
