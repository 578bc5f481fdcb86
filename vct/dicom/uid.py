"""UIDs from names: the same build makes the same UIDs.

``2.25.`` and the decimal UUID need no registered root (DICOM PS3.5 B.2).
"""

import json
import uuid
from dataclasses import dataclass

NAMESPACE = uuid.UUID("5a2f1c0e-7a06-5d8c-9d3b-0c6f4f2f7a11")


def uid(*path: str | int) -> str:
    """UID of a named thing; different paths give different UIDs.

    Examples
    --------
    >>> uid("S1", "11") == uid("S11", "1")
    False
    >>> uid("S1").startswith("2.25.") and len(uid("S1")) <= 44
    True
    """
    name = json.dumps([str(part) for part in path], ensure_ascii=True)
    return f"2.25.{uuid.uuid5(NAMESPACE, name).int}"


@dataclass(frozen=True)
class StudyUids:
    """UIDs of one subject's study, its series and their instances."""

    root: str
    subject_id: str

    @property
    def study(self) -> str:
        """Study Instance UID (0020,000D)."""
        return uid(self.root, self.subject_id, "study")

    @property
    def frame_of_reference(self) -> str:
        """Frame of Reference UID (0020,0052), shared by CT, PET and SEG."""
        return uid(self.root, self.subject_id, "frame of reference")

    def series(self, modality: str) -> str:
        """Series Instance UID (0020,000E)."""
        return uid(self.root, self.subject_id, "series", modality)

    def instance(self, modality: str, number: int) -> str:
        """SOP Instance UID (0008,0018)."""
        return uid(self.root, self.subject_id, "instance", modality, number)

    def other(self, *path: str | int) -> str:
        """UID of anything else inside the study, such as a dimension organization."""
        return uid(self.root, self.subject_id, "other", *path)
