"""Values of foreign headers, as odd as they come."""

from datetime import datetime, time

import pytest
from pydicom.dataset import Dataset

from vct.autopet.element import as_number, clock, date_time, moment, number
from vct.autopet.nuclide import nuclide_named
from vct.autopet.refusal import ScanError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("113005", time(11, 30, 5)),
        ("11:30:05.5", time(11, 30, 5, 500000)),
        ("235960", time(23, 59, 59)),
        ("1130", time(11, 30)),
        ("250000", None),
        ("noon", None),
        (None, None),
    ],
)
def test_clock(value: str | None, expected: time | None) -> None:
    assert clock(value) == expected


def test_date_time_moves_to_the_clock_of_the_scanner() -> None:
    told = "20250101090000.00+0000"
    assert date_time(told, "+0100") == datetime(2025, 1, 1, 10)
    assert date_time("20250101100000.00+0100", "+0100") == datetime(2025, 1, 1, 10)
    assert date_time("20250101100000") == datetime(2025, 1, 1, 10)
    assert date_time("20250101") is None
    with pytest.raises(ScanError, match="TimezoneOffsetFromUTC"):
        date_time(told)
    with pytest.raises(ScanError, match=r"by an offset of \+9959: offset must be"):
        date_time(told, "+9959")
    with pytest.raises(ScanError, match="by an offset of -0100: date value out of"):
        date_time("00010101000000+0000", "-0100")


def test_moment_takes_another_date_where_its_own_is_missing() -> None:
    ds = Dataset()
    ds.AcquisitionTime, ds.SeriesDate = "110000", "20250101"
    assert moment(ds, "Acquisition", "SeriesDate") == datetime(2025, 1, 1, 11)
    assert moment(ds, "Acquisition") is None
    only = Dataset()
    only.AcquisitionDateTime = "20250101110000"
    assert moment(only, "Acquisition") == datetime(2025, 1, 1, 11)
    only.AcquisitionDateTime = "20250101100000+0000"
    only.TimezoneOffsetFromUTC = "+0100"
    assert moment(only, "Acquisition") == datetime(2025, 1, 1, 11)


def test_numbers_are_finite_or_refused() -> None:
    assert as_number(b"2.5 \0", "factor") == 2.5
    assert as_number("", "factor") is None
    for odd in ("heavy", "nan", "inf"):
        with pytest.raises(ScanError, match="factor is no number"):
            as_number(odd, "factor")
    assert number(Dataset(), "PatientWeight") is None


@pytest.mark.parametrize(
    ("text", "nuclide"),
    [
        ("^18^Fluorine", "F-18"),
        ("Fluorine-18", "F-18"),
        ("F18", "F-18"),
        ("^68^Gallium", "Ga-68"),
        ("^68^Germanium", None),  # the generator, not what is injected
        ("^15^Oxygen", "O-15"),
        ("Solution", None),
        ("", None),
    ],
)
def test_nuclides_by_name(text: str, nuclide: str | None) -> None:
    assert nuclide_named(text) == nuclide
