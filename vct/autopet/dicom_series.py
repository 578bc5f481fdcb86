"""CT and PET series of any scanner: checked by their headers, read as volumes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset

from vct.autopet.dicom_file import DicomFile
from vct.autopet.element import number, numbers, text
from vct.autopet.geometry import Placement, place_slices
from vct.autopet.header import PetHeader
from vct.autopet.pet_header import pet_header
from vct.autopet.refusal import ScanError
from vct.autopet.suv import SuvScaling, suv_scaling
from vct.grid import Grid
from vct.volume import Volume

LOWEST_HU = -1024  # what scanners write outside their circle lies below it
PADDING_HU = LOWEST_HU - 1  # what is read for it, when padding is kept
_HIGHEST_HU = 32767
_NEEDED = (
    *("SeriesInstanceUID", "StudyInstanceUID", "Rows", "Columns", "BitsAllocated"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"),
    *("RescaleSlope", "RescaleIntercept"),
)
_SAME = ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID", "Rows", "Columns")


@dataclass(frozen=True)
class Slice:
    """One file of a series."""

    path: Path
    slope: float
    intercept: float


@dataclass(frozen=True)
class Series:
    """A CT or PET series that can be read.

    Attributes
    ----------
    slices
        Inferior first.
    suv
        Of a PET series.
    header
        Of a PET series: what its SUV follows from.
    """

    modality: Literal["CT", "PT"]
    uid: str
    study_uid: str
    patient_id: str | None
    frame_of_reference: str | None
    description: str
    placement: Placement = field(repr=False)
    slices: tuple[Slice, ...] = field(repr=False)
    suv: SuvScaling | None = None
    header: PetHeader | None = None

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return self.slices[0].path.parent

    @property
    def grid(self) -> Grid:
        """Axis-aligned, LPS, inferior first."""
        return self.placement.grid

    def read(self) -> Volume:
        """Read the voxels.

        Returns
        -------
        Volume
            float32, k j i, inferior first: HU of CT, body-weight SUV of PET.

        Raises
        ------
        ScanError
            If the pixels of a file cannot be decoded, or are not finite.
        """
        voxels = np.empty(self.grid.shape, np.float32)
        for k, each in enumerate(self.slices):
            image, _ = _pixels(each.path, self.grid.shape[1:])
            value = image * each.slope + each.intercept
            if self.suv is not None:
                value *= self.suv.factor[k]
            voxels[k] = self.placement.turned(value)
        if self.modality == "CT":
            np.maximum(voxels, LOWEST_HU, out=voxels)
        return Volume(voxels, self.grid, "HU" if self.modality == "CT" else "SUV")

    def read_padded(self) -> Volume:
        """Read a CT with its padding told from air, in half the memory of ``read``.

        Returns
        -------
        Volume
            int16 [HU], k j i, inferior first. What the header calls Pixel Padding
            Value, and what lies below -1024 HU, is ``PADDING_HU``.

        Raises
        ------
        ScanError
            As ``read``.
        """
        voxels = np.empty(self.grid.shape, np.int16)
        for k, each in enumerate(self.slices):
            image, padding = _pixels(each.path, self.grid.shape[1:])
            value = image * each.slope + each.intercept
            if padding is not None:
                value[image == padding] = PADDING_HU
            voxels[k] = whole_hu(self.placement.turned(value))
        return Volume(voxels, self.grid, "HU")


def whole_hu(ct_hu: np.ndarray) -> np.ndarray:
    """Whole HU; all that lies below -1024 is ``PADDING_HU``."""
    padded = np.where(ct_hu < LOWEST_HU, PADDING_HU, ct_hu)
    return np.rint(np.minimum(padded, _HIGHEST_HU))


def series_of(files: Sequence[DicomFile], weight_kg: float | None = None) -> Series:
    """Check the headers of one series and place its slices.

    Parameters
    ----------
    files
        CT or PT slices with one SeriesInstanceUID, in any order.
    weight_kg
        To take where the header lacks a weight, or says zero.

    Raises
    ------
    ScanError
        If a tag is missing, slices do not belong together or lie badly, some are
        missing, or no SUV follows from the header.
    """
    for file in files:
        if file.problem is not None:
            raise ScanError(f"{file.path}: {file.problem}")
        missing = [key for key in _NEEDED if text(file.header, key) is None]
        if missing:
            raise ScanError(f"{file.path} lacks {', '.join(missing)}")
    first = files[0].header
    modality: Literal["CT", "PT"] = "CT" if files[0].kind == "CT" else "PT"
    _check_same(files)
    placement = _placed(files)
    placed = [files[k] for k in placement.order]
    _check_count(files, modality)
    header = scaling = None
    if modality == "PT":
        header = _with_weight(pet_header([file.header for file in placed]), weight_kg)
        scaling = suv_scaling(header)
    return Series(
        modality=modality,
        uid=text(first, "SeriesInstanceUID") or "",
        study_uid=text(first, "StudyInstanceUID") or "",
        patient_id=text(first, "PatientID"),
        frame_of_reference=text(first, "FrameOfReferenceUID"),
        description=text(first, "SeriesDescription") or "",
        placement=placement,
        slices=tuple(_slice(file) for file in placed),
        suv=scaling,
        header=header,
    )


def _slice(file: DicomFile) -> Slice:
    slope = number(file.header, "RescaleSlope")
    intercept = number(file.header, "RescaleIntercept")
    assert slope is not None
    assert intercept is not None
    if not slope > 0:
        raise ScanError(f"{file.path}: Rescale Slope is {slope:g}")
    return Slice(file.path, slope, intercept)


def _check_same(files: Sequence[DicomFile]) -> None:
    first = files[0]
    for keyword in _SAME:
        expected = text(first.header, keyword)
        for file in files:
            found = text(file.header, keyword)
            if found != expected:
                raise ScanError(
                    f"{keyword} is {found} in {file.path}, but {expected} in "
                    f"{first.path.name}"
                )


def _placed(files: Sequence[DicomFile]) -> Placement:
    first = files[0].header
    positions = [_three(file.header) for file in files]
    orientation = _several(first, "ImageOrientationPatient", 6)
    spacing = _several(first, "PixelSpacing", 2)
    for file in files:
        here = _several(file.header, "ImageOrientationPatient", 6)
        if not np.allclose(here, orientation, atol=1e-3):
            raise ScanError(f"{file.path} is turned against {files[0].path.name}")
        if not np.allclose(_several(file.header, "PixelSpacing", 2), spacing):
            raise ScanError(f"{file.path} has other pixels in PixelSpacing")
    return place_slices(
        np.array(positions),
        orientation,
        (_count(first, "Rows"), _count(first, "Columns")),
        (spacing[0], spacing[1]),
        number(first, "SliceThickness"),
    )


def _check_count(files: Sequence[DicomFile], modality: str) -> None:
    """The number of slices that a PET header names are there."""
    expected = number(files[0].header, "NumberOfSlices") if modality == "PT" else None
    if expected and len(files) < expected:
        raise ScanError(f"{len(files)} slices, but the header says {expected:g}")


def _with_weight(header: PetHeader, weight_kg: float | None) -> PetHeader:
    if weight_kg is None or header.weight_kg:
        return header
    return replace(header, weight_kg=weight_kg)


def _count(ds: Dataset, keyword: str) -> int:
    found = number(ds, keyword)
    if found is None or found < 1:
        raise ScanError(f"{keyword} is {found}")
    return int(found)


def _three(ds: Dataset) -> tuple[float, ...]:
    return _several(ds, "ImagePositionPatient", 3)


def _several(ds: Dataset, keyword: str, count: int) -> tuple[float, ...]:
    found = numbers(ds, keyword, count)
    if found is None:
        raise ScanError(f"{keyword} is missing")
    return found


def _pixels(
    path: Path, shape: tuple[int, ...]
) -> tuple[np.ndarray, int | float | None]:
    """Stored values as float64, and the one that means no value, if the file has it."""
    try:
        file = dcmread(path)
        image = np.asarray(file.pixel_array)
    except Exception as error:  # decoders raise whatever they like
        raise ScanError(f"{path}: the pixels cannot be decoded ({error})") from error
    if image.shape != shape:
        raise ScanError(f"{path} holds an image of {image.shape}, not {shape}")
    return image.astype(np.float64), _padding_value(file)


def _padding_value(file: Dataset) -> int | float | None:
    try:
        return number(file, "PixelPaddingValue")
    except ScanError:
        return None  # not a number: no pixel can equal it
