"""Is this a study that every reader understands? Refused before a file is written."""

import math
from typing import TYPE_CHECKING

import numpy as np

from vct.anatomy import LABEL_OF
from vct.dicom.names import check_names
from vct.errors import SpecError

if TYPE_CHECKING:
    from vct.dicom.records import StudyContext
    from vct.subjects import Subject
    from vct.volume import StoredImages

# Two first letters by which dcm2niix tells vendors, and words z-rad looks for anywhere.
_VENDOR_STARTS = (
    "BR",
    "CA",
    "CP",
    "GE",
    "HI",
    "HY",
    "ME",
    "MR",
    "PH",
    "SI",
    "TO",
    "UI",
)
_VENDOR_WORDS = ("CPS", "CTI", "GE", "PHILIPS", "SIEMENS")

# Beyond any person, yet what units mixed up (cm, lb, Bq) run into.
_LIMITS = {
    "age_years": (0.0, 130.0, "years"),
    "height_m": (0.3, 2.8, "m"),
    "weight_kg": (1.0, 500.0, "kg"),
    "injected_mbq": (1.0, 5000.0, "MBq"),
    "uptake_min": (0.0, 600.0, "min"),
}


def check_manufacturer(manufacturer: str) -> None:
    """Refuse a name that a reader takes for a real vendor's.

    Raises
    ------
    SpecError
        If dcm2niix or z-rad would apply a vendor's private rules to our files.
    """
    upper = manufacturer.strip().upper()
    where = "protocol.scanner.manufacturer"
    if not upper:
        raise SpecError(f"{where}: empty. Write a name, such as 'VCT project'.")
    start = upper[:2] if upper.startswith(_VENDOR_STARTS) else None
    word = next((word for word in _VENDOR_WORDS if word in upper), None)
    if start or word:
        reason = f"begins with {start!r}" if start else f"contains {word!r}"
        raise SpecError(
            f"{where}: {manufacturer!r} {reason}, by which PET readers tell a vendor "
            "and its private rules. Choose another name, such as 'VCT project'."
        )


def check_beds(duration_s: float, count: int | str) -> None:
    """Refuse bed timings that headers cannot hold.

    Raises
    ------
    SpecError
        If the duration is no positive whole second, or the count no number.
    """
    if not (duration_s >= 1 and float(duration_s).is_integer()):
        raise SpecError(
            f"protocol.beds.duration_s: {duration_s} is not a whole number of seconds, "
            "at least 1: some SUV readers cut fractions off."
        )
    if count != "single" and not (isinstance(count, int) and count >= 1):
        raise SpecError(
            f"protocol.beds.count: {count!r} is neither 'single' nor a number of beds."
        )


def check_subject(subject: "Subject") -> None:
    """Refuse a subject of whom no SUV could be computed.

    Raises
    ------
    SpecError
        If sex is not F or M, or a number is missing or impossible in its unit.
    """
    name = subject.subject_id
    if subject.sex not in ("F", "M"):
        raise SpecError(
            f"subject {name}: sex is {subject.sex!r}; SUV readers accept F or M only."
        )
    for column, (low, high, unit) in _LIMITS.items():
        value = getattr(subject, column)
        if not (math.isfinite(value) and low <= value <= high):
            raise SpecError(
                f"subject {name}: {column} is {value}; expected {low:g} to {high:g} "
                f"{unit}. Check the units in the population or the subjects file."
            )


def check_study(subject: "Subject", study: "StudyContext") -> None:
    """Refuse, before anything is generated, a subject whom no reader could use.

    Raises
    ------
    SpecError
        If a name is too long, or sex, a number or the times of the scan do not allow
        SUV.
    """
    from vct.dicom.timing import pet_timing  # which needs the checks above

    check_names(study.cohort, subject.subject_id)
    check_subject(subject)
    pet_timing(subject, study)


def check_images(images: "StoredImages") -> None:
    """Assert what the generator promises of stored integers.

    Raises
    ------
    ValueError
        If a type, shape or range is not that of ``StoredImages``.
    """
    shape, steps = images.grid.shape, images.pet_suv_per_step
    for name, array, kind, top in (
        ("ct_stored", images.ct_stored, np.uint16, 4095),
        ("pet_stored", images.pet_stored, np.uint16, 32767),
        ("labels", images.labels, np.uint8, max(LABEL_OF.values())),
    ):
        if array is None:
            continue
        if array.dtype != kind or array.shape != shape:
            raise ValueError(
                f"{name} is {array.dtype} {array.shape}, not {np.dtype(kind)} {shape}"
            )
        if array.max(initial=0) > top:
            raise ValueError(f"{name} reaches {array.max()}, above {top}")
    if steps.shape != shape[:1] or not (np.isfinite(steps) & (steps > 0)).all():
        raise ValueError(f"pet_suv_per_step must be {shape[0]} positive numbers")
