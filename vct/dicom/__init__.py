"""Stored images → DICOM: a CT, a PET and a segmentation series for each subject.

``write_subject`` is a pure function of its arguments, safe in a process pool;
``read_series`` brings a series back as HU or SUV. What is written and why:
``docs/reference/dicom.md``.
"""

from vct.dicom.check import check_study
from vct.dicom.read import read_series
from vct.dicom.records import InstanceRecord, SeriesRecord, StudyContext
from vct.dicom.write import write_subject

__all__ = [
    "InstanceRecord",
    "SeriesRecord",
    "StudyContext",
    "check_study",
    "read_series",
    "write_subject",
]
