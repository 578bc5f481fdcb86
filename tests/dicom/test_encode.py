"""Spliced files are what pydicom itself would write."""

from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from tests.dicom.people import Person, a_study, some_images
from vct.dicom import write_subject


@pytest.mark.parametrize("modality", ["CT", "PT", "SEG"])
def test_pydicom_writes_the_same_bytes(modality: str, tmp_path: Path) -> None:
    write_subject(some_images(), Person(), a_study(cohort="Übung"), tmp_path)
    for path in sorted((tmp_path / modality).glob("*.dcm")):
        ds = pydicom.dcmread(path)
        for element in ds.iterall():
            assert element.value is not None or element.VM == 0  # read every element
        out = BytesIO()
        ds.save_as(out, enforce_file_format=True)
        assert out.getvalue() == path.read_bytes()
        assert ds.ClinicalTrialProtocolID == "Übung"
