"""Stored images → DICOM: a CT, a PET and a segmentation series for each subject.

``write_subject`` is a pure function of its arguments, safe in a process pool;
``read_series`` brings a series back as HU or SUV. What is written and why:
``docs/reference/dicom.md``.

Names are imported on first use (PEP 562): checking a study needs no pydicom.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vct.dicom.check import check_study
    from vct.dicom.read import read_series
    from vct.dicom.records import InstanceRecord, SeriesRecord, StudyContext
    from vct.dicom.write import write_subject

_HOME = {
    "InstanceRecord": "vct.dicom.records",
    "SeriesRecord": "vct.dicom.records",
    "StudyContext": "vct.dicom.records",
    "check_study": "vct.dicom.check",
    "read_series": "vct.dicom.read",
    "write_subject": "vct.dicom.write",
}

__all__ = [
    "InstanceRecord",
    "SeriesRecord",
    "StudyContext",
    "check_study",
    "read_series",
    "write_subject",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
