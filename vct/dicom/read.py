"""A series on disk → Volume: sorted by place, checked, in HU or SUV."""

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset

from vct.errors import CohortError
from vct.grid import Grid
from vct.uptake import bq_ml_per_suv
from vct.volume import Volume

_SPACING_TOLERANCE = 1e-3  # relative; our own files keep 1e-6
_SAME = (
    *("SeriesInstanceUID", "StudyInstanceUID", "PatientID", "FrameOfReferenceUID"),
    *("Rows", "Columns", "PixelSpacing"),
)
_SAME_IN_PET = (
    *("Units", "DecayCorrection", "CorrectedImage", "PatientWeight"),
    *("SeriesDate", "SeriesTime", "RadiopharmaceuticalInformationSequence"),
)
_NEEDED = (
    *("Modality", "SeriesInstanceUID", "Rows", "Columns", "PixelSpacing"),
    *("ImagePositionPatient", "ImageOrientationPatient"),
    *("RescaleSlope", "RescaleIntercept"),
)
_NUMBERS = {  # how many there are in an attribute
    "Rows": 1,
    "Columns": 1,
    "PixelSpacing": 2,
    "ImagePositionPatient": 3,
    "ImageOrientationPatient": 6,
    "RescaleSlope": 1,
    "RescaleIntercept": 1,
    "SliceThickness": 1,
    "ImagesInAcquisition": 1,
}
_LOOKED_AT = {*_NEEDED, *_NUMBERS, *_SAME, *_SAME_IN_PET}


def read_series(folder: Path | str, modality: Literal["CT", "PT"]) -> Volume:
    """Read a CT or PET series.

    Parameters
    ----------
    folder
        A subject's folder (``dicom/S0001``) or the folder of the series itself.

    Returns
    -------
    Volume
        float32, k j i, inferior first: HU of CT, body-weight SUV of PET.

    Raises
    ------
    CohortError
        If a file is truncated or no DICOM, a slice is missing or double, series are
        mixed, slices do not tell the same of patient and SUV, or the PET header does
        not allow SUV.
    """
    inside = Path(folder) / modality
    path = inside if inside.is_dir() else Path(folder)
    slices = [_read(file) for file in sorted(path.glob("*.dcm"))]
    if not slices:
        raise CohortError(
            f"{path} holds no DICOM files. Name a folder such as 'out/dicom/S0001'."
        )
    _check_same(path, modality, slices)
    slices.sort(key=_height_mm)
    grid = _grid(path, slices)

    per_unit = 1.0 if modality == "CT" else _bq_ml_per_suv(path, slices)
    voxels = np.empty(grid.shape, np.float32)
    for out, ds in zip(voxels, slices, strict=True):
        slope, intercept = float(ds.RescaleSlope), float(ds.RescaleIntercept)
        out[:] = (ds.pixel_array * slope + intercept) / per_unit
    return Volume(voxels, grid, "HU" if modality == "CT" else "SUV")


def _read(file: Path) -> Dataset:
    """One file, its pixels complete."""
    try:
        ds = dcmread(file)
        complete = ds.pixel_array.shape == (ds.Rows, ds.Columns)
        # Values are converted, and found damaged, when they are looked at.
        values = {keyword: ds.get(keyword) for keyword in _LOOKED_AT}
        for injection in ds.get("RadiopharmaceuticalInformationSequence") or ():
            list(injection.iterall())
    except Exception as error:  # a damaged file raises whatever it likes
        raise CohortError(
            f"{file} is truncated or no DICOM image ({error}). Remove the subject's "
            "folder and run the same build again."
        ) from error
    if not complete:
        raise CohortError(f"{file} is not a single slice, as CT and PET here are.")
    missing = [keyword for keyword in _NEEDED if values[keyword] in (None, "")]
    if missing:
        raise CohortError(
            f"{file} lacks {', '.join(missing)}: not a CT or PET slice of a cohort."
        )
    for keyword, count in _NUMBERS.items():
        value = values[keyword]
        if value not in (None, "") and not _are_numbers(value, count):
            raise CohortError(
                f"{file} is damaged: its {keyword} is {value}. Remove the subject's "
                "folder and run the same build again."
            )
    return ds


def _are_numbers(value: Any, count: int) -> bool:
    """Whether an attribute's value is so many finite numbers."""
    try:
        numbers = np.ravel(value).astype(float)
    except ValueError:
        return False
    return numbers.size == count and bool(np.isfinite(numbers).all())


def _height_mm(ds: Dataset) -> float:
    return float(ds.ImagePositionPatient[2])


def _check_same(path: Path, modality: str, slices: list[Dataset]) -> None:
    """All slices are of one series, axial, of the modality asked for."""
    first = slices[0]
    same = _SAME + (_SAME_IN_PET if modality == "PT" else ())
    for ds in slices:
        name = Path(ds.filename).name
        if ds.Modality != modality:
            raise CohortError(f"{path}: {name} is {ds.Modality}, not {modality}.")
        for keyword in same:
            if ds.get(keyword) != first.get(keyword):
                raise CohortError(
                    f"{path} mixes series: {name} differs from "
                    f"{Path(first.filename).name} in {keyword}. Keep one series in a "
                    "folder."
                )
        if not np.allclose(ds.ImageOrientationPatient, (1, 0, 0, 0, 1, 0), atol=1e-6):
            raise CohortError(f"{path}: {name} is not axial, head first and supine.")


def _grid(path: Path, slices: list[Dataset]) -> Grid:
    """Grid of sorted slices; their distances agree."""
    first = slices[0]
    dy, dx = (float(v) for v in first.PixelSpacing)
    x, y, z = (float(v) for v in first.ImagePositionPatient)
    dz = float(first.get("SliceThickness") or 1.0)
    if len(slices) > 1:
        steps = np.diff([_height_mm(ds) for ds in slices])
        dz = float(np.median(steps))
        wrong = np.flatnonzero(np.abs(steps - dz) > _SPACING_TOLERANCE * abs(dz))
        if dz <= 0 or wrong.size:
            k = int(wrong[0]) if wrong.size else 0
            problem = "two slices lie" if steps[k] <= 0 else "a slice is missing"
            place = "at" if steps[k] <= 0 else "above"
            raise CohortError(
                f"{path}: {problem} {place} z = {_height_mm(slices[k]):g} mm; the "
                f"next is {steps[k]:g} mm away, not {dz:g} mm."
            )
    expected = first.get("ImagesInAcquisition")
    if expected is not None and int(expected) != len(slices):
        raise CohortError(
            f"{path}: a slice is missing: {len(slices)} files, but the header says "
            f"{expected} slices."
        )
    shape = (len(slices), int(first.Rows), int(first.Columns))
    return Grid(shape, (dz, dy, dx), (z, y, x))


def _bq_ml_per_suv(path: Path, slices: list[Dataset]) -> float:
    """Activity concentration of SUV 1 by the QIBA vendor-neutral rules, for BQML."""
    ds = slices[0]
    try:
        for _ in ds.iterall():
            pass  # as in _read
    except Exception as error:
        raise CohortError(f"{path}: the header is damaged ({error}).") from error
    wanted: dict[str, Any] = {"Units": "BQML", "DecayCorrection": "START"}
    for keyword, value in wanted.items():
        found = ds.get(keyword)
        if found != value:
            raise CohortError(
                f"{path}: {keyword} is {found}; SUV is read from {value} only."
            )
    if not {"ATTN", "DECY"} <= set(ds.get("CorrectedImage") or ()):
        raise CohortError(
            f"{path}: no SUV without correction of attenuation and decay."
        )
    try:
        drug = ds.RadiopharmaceuticalInformationSequence[0]
        injection = _moment(drug.RadiopharmaceuticalStartDateTime)
        start = _moment(ds.SeriesDate + ds.SeriesTime)
        acquired = min(_moment(s.AcquisitionDate + s.AcquisitionTime) for s in slices)
        factor = bq_ml_per_suv(
            weight_kg=float(ds.PatientWeight),
            injected_mbq=float(drug.RadionuclideTotalDose) * 1e-6,
            uptake_min=(start - injection).total_seconds() / 60,
            half_life_s=float(drug.RadionuclideHalfLife),
        )
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise CohortError(
            f"{path}: the header does not allow SUV ({error}). It needs weight, dose, "
            "half-life, injection, series and acquisition time."
        ) from error
    if start > acquired:
        raise CohortError(
            f"{path}: Series Time {start:%H:%M:%S} lies after the first Acquisition "
            f"Time {acquired:%H:%M:%S}, so it is not the time of decay correction: the "
            "series was written anew. Read the files that 'vct build' wrote."
        )
    return factor


def _moment(value: str) -> datetime:
    """Date and time of a DICOM DT value in whole seconds."""
    return datetime.strptime(str(value)[:14], "%Y%m%d%H%M%S")
