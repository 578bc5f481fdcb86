"""Single values of foreign DICOM headers, whatever was written into them."""

import math
import re
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from vct.autopet.refusal import ScanError

_TIME = re.compile(r"(\d{2}):?(\d{2})?:?(\d{2})?(\.\d+)?")
_DATE = re.compile(r"(\d{4})[.]?(\d{2})[.]?(\d{2})")
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})$")


def text(ds: Dataset, keyword: str) -> str | None:
    """Value as text; None if absent or empty. Several values are joined by a slash."""
    return as_text(_value(ds, keyword))


def as_text(value: Any) -> str | None:
    """Any element's value as text; None if empty."""
    if isinstance(value, bytes):  # a private element without its dictionary
        value = value.decode("ascii", "ignore").strip("\0")
    if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue":
        value = "\\".join(str(each) for each in value)
    found = "" if value is None else str(value).strip()
    return found or None


def number(ds: Dataset, keyword: str) -> float | None:
    """Value as a finite number; None if absent or empty.

    Raises
    ------
    ScanError
        If it is something else.
    """
    return as_number(_value(ds, keyword), keyword)


def as_number(value: Any, name: str) -> float | None:
    """Any element's value as a finite number; None if empty.

    Raises
    ------
    ScanError
        If it is something else.
    """
    found = as_text(value)
    if found is None:
        return None
    try:
        result = float(found)
    except ValueError:
        result = math.nan
    if not math.isfinite(result):
        raise ScanError(f"{name} is no number: {found!r}")
    return result


def numbers(ds: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Several numbers; None if absent or empty.

    Raises
    ------
    ScanError
        If they are not ``count`` finite numbers.
    """
    found = text(ds, keyword)
    if found is None:
        return None
    parts = [as_number(part, keyword) for part in found.split("\\")]
    if len(parts) != count or None in parts:
        raise ScanError(f"{keyword} is not {count} numbers: {found!r}")
    return tuple(part for part in parts if part is not None)


def moment(ds: Dataset, name: str, *other_dates: str) -> datetime | None:
    """Date and time of a pair such as ``SeriesDate`` and ``SeriesTime``.

    Parameters
    ----------
    name
        ``Series`` or ``Acquisition``.
    other_dates
        Keywords of dates to take where the pair's own is missing.
    """
    at = clock(text(ds, f"{name}Time"))
    if at is None:
        local_offset = text(ds, "TimezoneOffsetFromUTC")
        return date_time(text(ds, f"{name}DateTime"), local_offset)
    for keyword in (f"{name}Date", *other_dates):
        day = _date(text(ds, keyword))
        if day is not None:
            return datetime.combine(day, at)
    return None


def clock(value: str | None) -> time | None:
    """Time of day of a TM value; None if there is none.

    Examples
    --------
    >>> clock("113005.250000"), clock("11:30"), clock("")
    (datetime.time(11, 30, 5, 250000), datetime.time(11, 30), None)
    """
    match = _TIME.fullmatch((value or "").strip())
    if match is None:
        return None
    hour, minute, second, fraction = match.groups()
    micro = round(float(fraction or 0) * 1e6)
    try:
        # A leap second is written 60 (PS3.5).
        return time(
            int(hour), int(minute or 0), min(int(second or 0), 59), min(micro, 999999)
        )
    except ValueError:
        return None


def date_time(value: str | None, local_offset: str | None = None) -> datetime | None:
    """Moment of a DT value, by the clock of the scanner; None if it lacks a time.

    Parameters
    ----------
    local_offset
        TimezoneOffsetFromUTC of the data set, such as ``+0100``: a DT with another
        offset is moved to it.

    Raises
    ------
    ScanError
        If the value names an offset from UTC and the data set does not: then the hour
        is not known. Or if an offset is a day or more.
    """
    found = (value or "").strip()
    offset = _offset(found)
    if offset is not None:
        found = _OFFSET.sub("", found)
    day, at = _date(found[:8]), clock(found[8:])
    if day is None or at is None:
        return None
    moment = datetime.combine(day, at)
    if offset is None:
        return moment
    local = _offset(local_offset or "")
    if local is None:
        raise ScanError(
            f"{value} counts from UTC, but TimezoneOffsetFromUTC is not in the header"
        )
    try:
        zoned = moment.replace(tzinfo=timezone(offset)).astimezone(timezone(local))
    except (ValueError, OverflowError) as error:
        raise ScanError(f"{value} by an offset of {local_offset}: {error}") from error
    return zoned.replace(tzinfo=None)


def _offset(value: str) -> timedelta | None:
    match = _OFFSET.search(value)
    if match is None:
        return None
    sign, hours, minutes = match.groups()
    span = timedelta(hours=int(hours), minutes=int(minutes))
    return -span if sign == "-" else span


def _date(value: str | None) -> date | None:
    match = _DATE.fullmatch((value or "").strip())
    if match is None:
        return None
    try:
        return date(*(int(part) for part in match.groups()))
    except ValueError:
        return None


def items(ds: Dataset, keyword: str) -> list[Dataset]:
    """Items of a sequence; none if it is absent.

    Raises
    ------
    ScanError
        If the element is no sequence.
    """
    value = _value(ds, keyword)
    found = list(value) if value is not None else []
    if not all(isinstance(item, Dataset) for item in found):
        raise ScanError(f"{keyword} is no sequence")
    return found


def element(ds: Dataset, group: int, number: int) -> Any:
    """Value of an element without a keyword; None if absent."""
    return _value(ds, (group, number)) if (group, number) in ds else None


def _value(ds: Dataset, key: str | tuple[int, int]) -> Any:
    try:
        found = ds.get(key)
        return found.value if isinstance(found, DataElement) else found
    except Exception as error:  # a damaged element raises whatever it likes
        raise ScanError(f"{key} cannot be read ({error})") from error
