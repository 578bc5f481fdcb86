"""One DICOM file of a tree: its header, and whether its pixels are all there."""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydicom import dcmread
from pydicom.config import IGNORE, disable_value_validation
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID

from vct.autopet.element import number, text
from vct.autopet.refusal import ScanError

_PIXEL_DATA = 0x7FE00010
_UNDEFINED_LENGTH = 0xFFFFFFFF
_IDENTITY = (
    "SOPInstanceUID",
    "PatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "ImageType",
)
_ALWAYS_THERE = ("SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID")
_DEFER_FROM_BYTES = 4096  # pixel data stay on disk
_KINDS: dict[str, Literal["CT", "PT", "SEG"]] = {
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.128": "PT",
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
    "1.2.840.10008.5.1.4.1.1.66.7": "SEG",
}
_ENHANCED = {
    "1.2.840.10008.5.1.4.1.1.2.1": "Enhanced CT",
    "1.2.840.10008.5.1.4.1.1.2.2": "Legacy Converted Enhanced CT",
    "1.2.840.10008.5.1.4.1.1.128.1": "Legacy Converted Enhanced PET",
    "1.2.840.10008.5.1.4.1.1.130": "Enhanced PET",
}


@dataclass(frozen=True)
class DicomFile:
    """A header without its pixels.

    Attributes
    ----------
    kind
        CT or PT of a classic image, SEG, or None: secondary capture, localizer,
        report …
    what
        What kind None is, for people.
    problem
        Why the file cannot be a slice, or None.
    """

    path: Path
    header: Dataset
    kind: Literal["CT", "PT", "SEG"] | None
    what: str
    problem: str | None


def looks_like_dicom(path: Path) -> bool:
    """Whether a file claims to be DICOM, by its name or its preamble."""
    if path.suffix.lower() in (".dcm", ".ima", ".dicom"):
        return True
    if path.suffix and not path.suffix[1:].isdigit():
        return False
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def read_header(path: Path) -> DicomFile:
    """Header of a file, its kind, and whether its pixels are complete.

    Raises
    ------
    ScanError
        If it is no DICOM, or ends within its header.
    """
    try:
        with disable_value_validation():
            ds = dcmread(path, defer_size=_DEFER_FROM_BYTES)
    except InvalidDicomError as error:
        raise ScanError("no DICOM file, or cut off at its start") from error
    except Exception as error:  # a damaged file raises whatever it likes
        raise ScanError(f"cannot be read ({error})") from error
    sop_class = text(ds, "SOPClassUID")
    for keyword in _IDENTITY:
        text(ds, keyword)  # whose elements are damaged is told here, not later
    missing = _bytes_missing(path, ds)
    kind = _KINDS.get(sop_class or "")
    what = (
        kind
        or _ENHANCED.get(sop_class or "")
        or UID(sop_class or "", validation_mode=IGNORE).name
    )
    image_type = (text(ds, "ImageType") or "").upper()
    if kind in ("CT", "PT") and "LOCALIZER" in image_type:
        kind, what = None, "localizer"
    problem = None
    absent = [key for key in _ALWAYS_THERE if text(ds, key) is None]
    if absent:
        problem = f"{', '.join(absent)} is missing: cut off within the header?"
    elif sop_class in _ENHANCED:
        problem = f"{what}: multi-frame objects are not read, only classic slices"
    elif kind in ("CT", "PT") and missing:
        problem = f"truncated: {missing} bytes of pixel data are missing"
    return DicomFile(path, ds, kind, what, problem)


def _bytes_missing(path: Path, ds: Dataset) -> int:
    """Bytes of pixel data that the file should still hold."""
    if _PIXEL_DATA not in ds:
        values = [number(ds, key) or 0 for key in ("Rows", "Columns", "BitsAllocated")]
        return int(math.prod(values)) // 8
    element = ds.get_item(_PIXEL_DATA, keep_deferred=True)
    if not isinstance(element, RawDataElement):
        return 0
    if element.length == _UNDEFINED_LENGTH:
        return 0  # compressed; decoding will tell
    return max(0, element.value_tell + element.length - os.path.getsize(path))
