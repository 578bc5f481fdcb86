"""One body in seventeen header dialects reads as one SUV picture."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from tests.autopet.dialects import DIALECTS
from tests.autopet.scans import (
    SLICES,
    Change,
    PetScan,
    drop,
    set_value,
    suv_truth,
)
from vct.autopet.dicom_file import read_header
from vct.autopet.dicom_series import Series, series_of
from vct.autopet.header import PetHeader
from vct.autopet.pet_header import pet_header
from vct.autopet.suv import suv_scaling


def read(folder: Path) -> Series:
    return series_of([read_header(path) for path in sorted(folder.glob("*.dcm"))])


@pytest.mark.parametrize("name", DIALECTS)
def test_dialect_reads_as_body_weight_suv(name: str, tmp_path: Path) -> None:
    """The acceptance: 0.1 % of minimum, median and maximum of the body."""
    series = read(DIALECTS[name]().write(tmp_path))
    suv = series.read().voxels
    body = suv[suv_truth() > 0]
    found = [body.min(), np.median(body), body.max()]
    np.testing.assert_allclose(found, [0.2, 1.0, 4.0], rtol=1e-3)
    np.testing.assert_allclose(suv, suv_truth(), rtol=1e-3)


def as_header(scan: PetScan) -> PetHeader:
    return pet_header(scan.datasets())


def value_of_suv_one(scan: PetScan, k: int) -> float:
    """Rescaled value that SUV 1 has in slice k."""
    return float(scan.datasets()[k].RescaleSlope) * 5000.0


people = st.fixed_dictionaries(
    {
        "weight_kg": st.floats(40.0, 150.0),
        "height_m": st.floats(1.45, 2.0),
        "dose_bq": st.floats(5e7, 9e8),
        "uptake_s": st.integers(600, 3 * 3600),
        "frame_s": st.integers(30, 600),
    }
)


@settings(max_examples=25)
@given(person=people, name=st.sampled_from(sorted(DIALECTS)))
def test_equal_bodies_read_equal_in_every_dialect(
    person: dict[str, float], name: str
) -> None:
    """Whoever is scanned, whenever: the factor undoes what the physics did."""
    scan = DIALECTS[name]()
    for key in ("weight_kg", "height_m", "frame_s"):
        setattr(scan, key, float(person[key]))
    if name not in ("DRO_2_4", "DRO_3_0", "DRO_3_2", "DRO_3_3"):  # they fix their own
        scan.dose_bq = person["dose_bq"]
        scan.start = scan.injected + timedelta(seconds=person["uptake_s"])
    scaling = suv_scaling(as_header(scan))
    for k in range(0, SLICES, 2):  # an odd slice of DRO_1_0 has another slope
        found = scaling.factor[k] * value_of_suv_one(scan, k)
        assert found == pytest.approx(1.0, rel=1e-5)


@given(hours=st.integers(0, 23), minutes=st.integers(0, 59))
def test_time_of_day_of_the_scan_does_not_matter(hours: int, minutes: int) -> None:
    """An injection an hour before the scan, told as a time only, wraps at midnight."""
    scan = DIALECTS["DRO_4_1"]()
    scan.start = datetime(2025, 1, 2, hours, minutes)
    scan.injected = scan.start - timedelta(hours=1)
    scaling = suv_scaling(as_header(scan))
    assert scaling.uptake_min == pytest.approx(60.0)


def written_after_midnight(ds: Dataset, k: int) -> None:
    """The series as a workstation saves it anew, without dates of the beds."""
    ds.SeriesDate, ds.SeriesTime = "20250102", "013000"
    del ds.AcquisitionDate


@pytest.mark.parametrize("decay_correction", ["START", "NONE"])
@pytest.mark.parametrize(
    "change",
    [
        drop("AcquisitionDate"),
        set_value("AcquisitionDate", "20250101"),
        written_after_midnight,
    ],
)
@pytest.mark.parametrize("minutes", [53, 55, 59])
def test_beds_over_midnight_need_no_dates(
    minutes: int, change: Change, decay_correction: str
) -> None:
    start = datetime(2025, 1, 1, 23, minutes)
    scan = PetScan(
        start=start,
        injected=start - timedelta(hours=1),
        bed_delay_s=(0.0, 150.0, 300.0, 450.0),
        frame_s=120.0,
        decay_correction=decay_correction,
    )
    if decay_correction == "NONE":
        scan.changes.append(set_value("CorrectedImage", ["ATTN"]))
    dated = suv_scaling(as_header(scan))
    scan.changes.append(change)
    scaling = suv_scaling(as_header(scan))
    np.testing.assert_allclose(scaling.factor, dated.factor, rtol=1e-6)
    assert any("cross midnight" in note for note in scaling.notes)
    assert not any("midnight" in note for note in dated.notes)


def test_a_morning_scan_written_anew_at_night_did_not_cross_midnight() -> None:
    start = datetime(2025, 1, 1, 8)
    scan = PetScan(start=start, injected=start - timedelta(hours=1))
    before = suv_scaling(as_header(scan)).factor
    scan.changes += [drop("AcquisitionDate"), set_value("SeriesTime", "213000")]
    np.testing.assert_allclose(suv_scaling(as_header(scan)).factor, before, rtol=1e-6)


@pytest.mark.parametrize("name", ["DRO_3_0", "DRO_3_2", "DRO_2_2"])
def test_what_is_assumed_is_said(name: str) -> None:
    assert suv_scaling(as_header(DIALECTS[name]())).notes
