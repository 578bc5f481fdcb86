"""The headers as text: what changes in them is seen in a review.

``pytest tests/dicom --update-golden`` rewrites the files.
"""

from pathlib import Path

import pydicom
import pytest

from tests.dicom.people import Person, a_study, some_images
from vct.dicom import write_subject

GOLDEN = Path(__file__).parent / "golden"


def header_text(path: Path) -> str:
    """A header without pixels, and of many frames only the first."""
    ds = pydicom.dcmread(path)
    del ds.PixelData
    for keyword in ("PerFrameFunctionalGroupsSequence", "SegmentSequence"):
        if keyword in ds:
            setattr(ds, keyword, list(ds[keyword].value)[:1])
    for referenced in ds.get("ReferencedSeriesSequence", ()):
        first = list(referenced.ReferencedInstanceSequence)[:1]
        referenced.ReferencedInstanceSequence = first
    lines = [line.rstrip() for line in str(ds).splitlines()]
    return "\n".join([*lines, f"Image Comments: {ds.ImageComments}", ""])


@pytest.mark.parametrize("modality", ["CT", "PT", "SEG"])
def test_headers_are_those_of_the_golden_text(
    modality: str, tmp_path: Path, update_golden: bool
) -> None:
    images = some_images((4, 8, 10), n_labels=3)
    write_subject(images, Person(), a_study(), tmp_path)
    text = header_text(tmp_path / modality / "0001.dcm")
    golden = GOLDEN / f"{modality.lower()}.txt"
    if update_golden:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
