"""From injection to the moment that the voxels of a PET series mean."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from vct.autopet.header import PetHeader
from vct.autopet.nuclide import half_life_s
from vct.autopet.reference import (
    AGREES,
    DATE_CAN_BE_MENDED_BELOW_S,
    DAY_S,
    mean_activity_s,
    on_one_day,
    relative_change,
    start_reference,
)
from vct.autopet.refusal import SuvError

_LONGEST_UPTAKE_HALF_LIVES = 5.0


@dataclass(frozen=True)
class Decay:
    """How long the dose had decayed when the voxels' moment came.

    Attributes
    ----------
    uptake_s
        Seconds from injection to that moment, one per slice.
    half_life_s
        Half-life.
    notes
        What had to be assumed.
    """

    uptake_s: np.ndarray
    half_life_s: float
    notes: tuple[str, ...]

    @property
    def factor(self) -> np.ndarray:
        """Share of the dose that is left, one per slice."""
        return np.asarray(2.0 ** (-self.uptake_s / self.half_life_s))


def decay_of(header: PetHeader) -> Decay:
    """Decay from injection to the moment the voxels mean.

    ======  =====================================================
    ADMIN   the injection itself
    START   one moment for the series: see ``reference.start_reference``
    NONE    the middle of each slice's own frame, by activity
    ======  =====================================================

    Raises
    ------
    SuvError
        If the moment or the injection cannot be told, or the header contradicts itself.
    """
    kind, slices = header.decay_correction, len(header.timings)
    if kind == "ADMIN":
        half_life = header.half_life_s or math.inf  # plays no part
        return Decay(np.zeros(slices), half_life, ())
    half_life, notes = half_life_s(header)
    header, moved = on_one_day(header, half_life)
    if kind == "START":
        moment, why = start_reference(header, half_life)
        moments = [moment] * slices
    elif kind == "NONE":
        moments, why = _frame_moments(header, half_life), []
    else:
        raise SuvError(f"Decay Correction is {kind}; ADMIN, START or NONE is needed")
    uptake, assumed = _uptake_s(header, min(moments), half_life)
    later = [(moment - min(moments)).total_seconds() for moment in moments]
    told = (*notes, *moved, *why, *assumed)
    return Decay(np.array(later) + uptake, half_life, told)


def _frame_moments(header: PetHeader, half_life: float) -> list[datetime]:
    moments = []
    for timing in header.timings:
        if timing.acquired is None or not timing.duration_s:
            raise SuvError(
                "decay is not corrected, and a slice lacks its Acquisition Time or "
                "Actual Frame Duration"
            )
        middle = mean_activity_s(timing.duration_s, half_life)
        moments.append(timing.acquired + timedelta(seconds=middle))
    return moments


def _uptake_s(
    header: PetHeader, reference: datetime, half_life: float
) -> tuple[float, list[str]]:
    """Seconds from injection to the reference, and what had to be assumed."""
    told = []
    if header.injected is not None:
        told.append((header.injected, "Radiopharmaceutical Start DateTime"))
    if header.injected_clock is not None and half_life < DATE_CAN_BE_MENDED_BELOW_S:
        moment = datetime.combine(reference.date(), header.injected_clock)
        told.append((moment, "Radiopharmaceutical Start Time"))
    if not told:
        raise SuvError("the time of injection is not in the header")
    found = [
        (_elapsed_s(moment, reference, half_life), moment, name)
        for moment, name in told
    ]
    longest = _LONGEST_UPTAKE_HALF_LIVES * half_life
    plausible = [each for each in found if 0.0 <= each[0] <= longest]
    if not plausible:
        _, moment, name = found[0]
        raise SuvError(
            f"{name} {moment:%Y-%m-%d %H:%M:%S} does not lie before the decay "
            f"reference {reference:%Y-%m-%d %H:%M:%S} by less than "
            f"{longest / 3600:.1f} h"
        )
    uptake, moment, name = plausible[0]
    if any(
        relative_change(uptake - other, half_life) > AGREES for other, *_ in plausible
    ):
        raise SuvError(
            "Radiopharmaceutical Start DateTime and Start Time give two times of "
            f"injection: {told[0][0]:%H:%M:%S} and {told[1][0]:%H:%M:%S}"
        )
    notes = []
    if len(plausible) < len(found):
        notes.append(f"of two times of injection only {name} is possible")
    if name.endswith("DateTime") and abs(_off_s(moment, reference, uptake)) > 1.0:
        notes.append("the date of injection does not fit; its time of day is taken")
    return uptake, notes


def _elapsed_s(moment: datetime, reference: datetime, half_life: float) -> float:
    elapsed = (reference - moment).total_seconds()
    return elapsed % DAY_S if half_life < DATE_CAN_BE_MENDED_BELOW_S else elapsed


def _off_s(moment: datetime, reference: datetime, uptake: float) -> float:
    return (reference - moment).total_seconds() - uptake
