"""Volumes that an adult's organ may have: outside, the segmenter is not believed.

The middle is the reference adult of ICRP Publication 89 (2002, tables 2.8 and the organ
chapters): masses [g] of tissue, blood and contents, read as mL; lungs at rest from its
functional residual capacity and mass. How far from it still counts is assumed, wide
enough for the sizes that adults of 40 to 150 kg come in: a range that a healthy organ
leaves would hide people instead of failures.
"""

from typing import NamedTuple

SOURCE = "ICRP Publication 89 reference adult; width assumed"


class _Reference(NamedTuple):
    """Volume of the reference woman and man [mL], and the factors about it."""

    female_ml: float
    male_ml: float
    low: float
    high: float


_REFERENCES: dict[str, _Reference] = {
    "liver": _Reference(1400, 1800, 0.35, 3.0),
    "spleen": _Reference(130, 150, 0.2, 6.0),
    "kidney_left": _Reference(138, 155, 0.35, 2.5),
    "kidney_right": _Reference(138, 155, 0.35, 2.5),
    "kidneys": _Reference(275, 310, 0.4, 2.5),
    "heart": _Reference(620, 840, 0.4, 2.2),
    "lung_left": _Reference(1650, 2050, 0.3, 2.5),
    "lung_right": _Reference(1950, 2450, 0.3, 2.5),
    "lungs": _Reference(3600, 4500, 0.35, 2.3),
    "brain": _Reference(1300, 1450, 0.65, 1.4),
    "urinary_bladder": _Reference(200, 200, 0.1, 6.0),
    "stomach": _Reference(370, 400, 0.15, 5.0),
    "small_bowel": _Reference(880, 1000, 0.2, 3.5),
    "colon": _Reference(680, 670, 0.2, 3.5),
    "pancreas": _Reference(120, 140, 0.25, 2.5),
    "gallbladder": _Reference(56, 68, 0.1, 5.0),
    "thyroid": _Reference(17, 20, 0.2, 5.0),
    "prostate": _Reference(0, 17, 0.4, 8.0),
}


def plausible_range_ml(organ: str, sex: str) -> tuple[float, float] | None:
    """Lowest and highest plausible volume of a whole organ [mL]; None where unknown.

    ``sex`` is F or M.
    """
    reference = _REFERENCES.get(organ)
    if reference is None:
        return None
    middle = reference.male_ml if sex == "M" else reference.female_ml
    return reference.low * middle, reference.high * middle
