"""The moment to which the decay of a series is corrected.

Sources: DICOM PS3.3 C.8.9.1 and C.8.9.4; QIBA FDG-PET/CT Profile, vendor-neutral SUV
pseudo-code; IBSI, Comprehensive Manual for SUV Computation (oncoray.github.io).
"""

import math
from dataclasses import replace
from datetime import datetime, timedelta

from vct.autopet.header import PetHeader
from vct.autopet.refusal import SuvError

DAY_S = 86400.0
# Below this half-life an injection more than a day before the scan leaves nothing to
# see, so a date may be mended; above it a wrong date gives a plausible number.
DATE_CAN_BE_MENDED_BELOW_S = 41400.0
AGREES = 1e-3  # relative, in SUV: below this a difference of times is rounding
_CONTRADICTS = 1e-2  # relative, in SUV: above this a header contradicts itself
_LONGEST_SCAN_S = DAY_S / 2  # 6.5 half-lives of F-18


def mean_activity_s(duration_s: float, half_life: float) -> float:
    """When, after its start, a frame's activity is its mean [s].

    PS3.3 C.8.9.4.1.5: T_ave = ln(λT / (1 − exp(−λT))) / λ.

    Examples
    --------
    >>> round(mean_activity_s(300.0, 6586.2), 1)
    149.6
    """
    x = math.log(2.0) / half_life * duration_s
    return duration_s * math.log(x / -math.expm1(-x)) / x


def on_one_day(header: PetHeader, half_life: float) -> tuple[PetHeader, list[str]]:
    """Beds by the day they were acquired on, where their dates do not tell it.

    Where Acquisition Date is missing, or stays that of the series, the beds after
    midnight seem to lie almost a day before the others. The second value is what had
    to be assumed.
    """
    acquired = [t.acquired for t in header.timings if t.acquired is not None]
    if not acquired or half_life >= DATE_CAN_BE_MENDED_BELOW_S:
        return header, []
    latest = max(acquired)
    if (latest - min(acquired)).total_seconds() <= _LONGEST_SCAN_S:
        return header, []
    anchor = _same_day(latest, header.series_start, half_life)
    timings = tuple(
        replace(timing, acquired=_same_day(timing.acquired, anchor, half_life))
        if timing.acquired is not None
        else timing
        for timing in header.timings
    )
    return replace(header, timings=timings), [
        "Acquisition Times lie more than 12 h apart by their dates: the scan is taken "
        "to cross midnight"
    ]


def start_reference(header: PetHeader, half_life: float) -> tuple[datetime, list[str]]:
    """Moment to which a START series is corrected.

    Decay Correction DateTime, or the private time of GE or Siemens, where there is
    one. Else the start of the series, unless that lies after the first acquisition:
    then the series was written anew, and the moment follows from the frames' own
    reference times, or is the first acquisition. The second value is what had to be
    assumed.

    Raises
    ------
    SuvError
        If the header does not tell the moment, or contradicts itself.
    """
    acquired = [t.acquired for t in header.timings if t.acquired is not None]
    first = min(acquired) if acquired else None
    series = header.series_start
    if header.decay_reference is not None:
        named = _same_day(header.decay_reference, first or series, half_life)
        starts = [moment for moment in (series, first) if moment is not None]
        return named, _unlike_starts(named, starts, half_life)
    by_frames = _reference_by_frames(header, half_life)
    if series is not None and (first is None or series <= first):
        return series, _series_confirmed(series, first, by_frames, half_life)
    if first is None:
        raise SuvError("neither Series Time nor Acquisition Time is in the header")
    changed = (
        "Series Time lies after Acquisition Time"
        if series
        else "no Series Time in the header"
    )
    if not by_frames:
        return first, [f"{changed}: decay reference is the first Acquisition Time"]
    # A whole series starts at its reference; a part of one starts after it.
    whole = [m for m in by_frames if _agree(m, first, half_life)]
    for moment in whole + [m for m in by_frames if m < first]:
        return moment, [f"{changed}: decay reference from Frame Reference Time"]
    raise SuvError(
        f"{changed}, and Frame Reference Time puts the decay reference after the "
        "acquisition"
    )


def _same_day(moment: datetime, other: datetime | None, half_life: float) -> datetime:
    """A moment on the day that brings it closest to another.

    De-identification moves public dates and forgets private ones: in AutoPET the
    private time of Siemens lies exactly a day before the series.
    """
    if other is None or half_life >= DATE_CAN_BE_MENDED_BELOW_S:
        return moment
    days = round((other - moment).total_seconds() / DAY_S)
    return moment + timedelta(days=days)


def _reference_by_frames(header: PetHeader, half_life: float) -> list[datetime]:
    """Decay references that all frames of the series agree on, likeliest first.

    By the standard Frame Reference Time means the frame's mean activity; GE means its
    start. None where the frames do not agree: then it counts from each frame's start.
    """
    starts: list[datetime] = []
    means: list[datetime] = []
    for timing in header.timings:
        if timing.acquired is None or not timing.reference_s:
            continue
        start = timing.acquired - timedelta(seconds=timing.reference_s)
        starts.append(start)
        if timing.duration_s:
            middle = mean_activity_s(timing.duration_s, half_life)
            means.append(start + timedelta(seconds=middle))
    ge = header.manufacturer.upper().startswith(("GE ", "GEMS", "GENERAL ELECTRIC"))
    both = [starts, means] if ge else [means, starts]
    return [_middle(found) for found in both if _uniform(found, half_life)]


def _uniform(moments: list[datetime], half_life: float) -> bool:
    if not moments:
        return False
    spread_s = (max(moments) - min(moments)).total_seconds()
    return relative_change(spread_s, half_life) <= AGREES


def _middle(moments: list[datetime]) -> datetime:
    return sorted(moments)[len(moments) // 2]


def _series_confirmed(
    series: datetime,
    first: datetime | None,
    by_frames: list[datetime],
    half_life: float,
) -> list[str]:
    """What is said when Series Time, not after the first acquisition, is taken.

    Raises
    ------
    SuvError
        If the frames' own reference times deny it.
    """
    apart_s = [(moment - series).total_seconds() for moment in by_frames]
    changes = [relative_change(seconds, half_life) for seconds in apart_s]
    least = min(changes, default=0.0)
    if least > _CONTRADICTS:
        raise SuvError(
            f"Series Time says that decay is corrected to {series:%H:%M:%S}, Frame "
            f"Reference Time says {by_frames[0]:%H:%M:%S}"
        )
    if least > AGREES:
        return [
            f"Frame Reference Time differs from Series Time by {100 * least:.2g} % of "
            "SUV; Series Time is taken"
        ]
    if first is None:
        return ["no Acquisition Time: decay reference is Series Time"]
    early_s = (first - series).total_seconds()
    if changes or _agree(series, first, half_life):
        return []
    return [
        f"decay reference is Series Time, {early_s:.0f} s before the first "
        "acquisition; Frame Reference Time does not confirm it"
    ]


def _unlike_starts(
    named: datetime, starts: list[datetime], half_life: float
) -> list[str]:
    """What is said when the named moment is neither the series's nor a bed's start."""
    if not starts or any(_agree(named, moment, half_life) for moment in starts):
        return []
    return [
        "decay reference is the header's own moment of decay correction, "
        f"{named:%H:%M:%S}"
    ]


def _agree(one: datetime, other: datetime, half_life: float) -> bool:
    return relative_change((one - other).total_seconds(), half_life) <= AGREES


def relative_change(seconds: float, half_life: float) -> float:
    """What a difference of times changes in SUV, relative."""
    return abs(math.expm1(math.log(2.0) * seconds / half_life))
