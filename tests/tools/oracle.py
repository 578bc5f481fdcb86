"""Body-weight SUV from DICOM headers, written from the QIBA pseudo-code alone.

The vendor-neutral pseudo-code of the QIBA FDG-PET/CT Profile ("happy path"). Shares no
code with the product; pydicom is the reader, nothing more.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pydicom


class SuvSeries(NamedTuple):
    """SUV of a series with its slices by height, and the factor SUV per (Bq/mL)."""

    suv: np.ndarray
    factor: float


def _seconds(da: str, tm: str) -> float:
    """Seconds since an epoch from DA and TM, fractions of a second included."""
    day = np.datetime64(f"{da[:4]}-{da[4:6]}-{da[6:8]}").astype(int)
    return (
        int(day) * 86400.0 + int(tm[:2]) * 3600 + int(tm[2:4]) * 60 + float(tm[4:] or 0)
    )


def suv_of(folder: Path) -> SuvSeries:
    """SUV of a PET series by the header alone."""
    slices = [pydicom.dcmread(path) for path in Path(folder).glob("*.dcm")]
    slices.sort(key=lambda ds: float(ds.ImagePositionPatient[2]))
    head = slices[0]

    corrections = list(head.CorrectedImage)
    assert "ATTN" in corrections
    assert "DECY" in corrections
    assert head.DecayCorrection == "START"
    assert head.Units == "BQML"

    drug = head.RadiopharmaceuticalInformationSequence[0]
    series = _seconds(head.SeriesDate, head.SeriesTime)
    first = min(_seconds(ds.AcquisitionDate, ds.AcquisitionTime) for ds in slices)
    assert series <= first, "series time after acquisition: not the reference time"
    injected = _seconds(head.SeriesDate, str(drug.RadiopharmaceuticalStartTime))
    decay_s = series - injected
    assert decay_s >= 0

    half_life = float(drug.RadionuclideHalfLife)
    decayed_dose = float(drug.RadionuclideTotalDose) * 2 ** (-decay_s / half_life)
    factor = float(head.PatientWeight) * 1000 / decayed_dose

    suv = []
    for ds in slices:
        assert float(ds.RescaleIntercept) == 0
        stored = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns)
        suv.append(stored.astype(float) * float(ds.RescaleSlope) * factor)
    return SuvSeries(np.stack(suv), factor)
