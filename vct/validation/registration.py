"""Does the PET lie on its CT? The shifts measured in the images, judged."""

from typing import TYPE_CHECKING

import numpy as np

from vct.validation.finding import Finding, Interval, Verdict
from vct.validation.statistics import CONFIDENCE, mean_interval

if TYPE_CHECKING:
    import pandas as pd

SHIFT_COLUMNS = ("pet_shift_z_mm", "pet_shift_y_mm", "pet_shift_x_mm")
_AXES = ("z", "y", "x")

# Half of a slice of the finest bundled model, 2 mm. A faultless cohort's mean lies
# within 0.2 mm of 0, that of one such a slice off beyond 1.6 mm: measured, see
# docs/explanation/validation.md.
MEAN_BOUND_MM = 1.0
# One subject from the cohort's median: half of a slice of 4 mm. The furthest of the
# faultless subjects measured lies at 1.1 mm.
SUBJECT_BOUND_MM = 2.0
# A cohort that learned from patients who moved between CT and PET spreads more: there,
# only what no normal law explains is far.
_SPREADS = 6.0
# Where so many lie apart that they make the spread, nobody is far from the others.
# None of the 316 faultless subjects measured lies ``SUBJECT_BOUND_MM`` off its CT.
FEW_OFF = 0.1  # share of subjects above which no cohort passes
MOST_OFF = 0.5  # above which it fails
FEWEST_KNOWN = 0.5  # share of subjects with a known shift, below which none passes
_SD_PER_MAD = 1.4826  # of a normal law
_NAMED = 5


def shift_finding(images: "pd.DataFrame") -> Finding | None:
    """Is the PET displaced from its CT, in the mean or in single subjects?

    Parameters
    ----------
    images
        One row a subject: ``subject_id`` and ``SHIFT_COLUMNS`` [mm], NaN where
        nothing could be said.

    Returns
    -------
    Finding or None
        ``fail`` if the interval of the mean shift along an axis lies beyond
        ``MEAN_BOUND_MM``, a subject lies far from the others, or most subjects, by the
        95 % interval of their share, lie ``SUBJECT_BOUND_MM`` off their CT; ``pass`` if
        all three intervals lie within, at most ``FEW_OFF`` of the subjects lie that far
        off, and ``FEWEST_KNOWN`` of the shifts are known. Its value is the mean along
        the axis furthest off. None without subjects.
    """
    if images.empty:
        return None
    shifts = images[list(SHIFT_COLUMNS)].to_numpy(dtype=float)
    told = np.isfinite(shifts).all(axis=1)
    names = images["subject_id"].to_numpy(dtype=str)[told]
    shifts = shifts[told]
    far = far_subjects(names, shifts)
    means = shifts.mean(axis=0) if len(shifts) else np.full(3, np.nan)
    intervals = [mean_interval(column) for column in shifts.T]
    off = int((np.abs(shifts) > SUBJECT_BOUND_MM).any(axis=1).sum())
    worst = int(np.argmax(np.abs(means)))
    return Finding(
        id="image/pet-ct-shift",
        title="Shift of the PET against its CT, mean along the axis furthest off",
        quantity="shift_mm",
        n=len(shifts),
        value=float(means[worst]) if len(shifts) else None,
        reference=0.0,
        interval=intervals[worst],
        bound=(-MEAN_BOUND_MM, MEAN_BOUND_MM),
        verdict="fail" if far else _verdict(intervals, off, told),
        source="measured in the images; bound: half a slice of 2 mm",
        kind="conformance",
        excluded=int((~told).sum()),
        note=_note(means, off, told, far),
    )


def far_subjects(names: np.ndarray, shifts: np.ndarray) -> list[str]:
    """Subjects whose shift lies far from the cohort's median, each with its shift.

    Parameters
    ----------
    names
        (n,).
    shifts
        z, y, x [mm], (n, 3), finite.
    """
    if not len(shifts):
        return []
    apart = np.abs(shifts - np.median(shifts, axis=0))
    spread = _SD_PER_MAD * np.median(apart, axis=0)
    far = apart > np.maximum(SUBJECT_BOUND_MM, _SPREADS * spread)
    found = np.flatnonzero(far.any(axis=1))
    return [f"{names[row]} ({_told(shifts[row])})" for row in found]


def _verdict(intervals: list[Interval | None], off: int, told: np.ndarray) -> Verdict:
    """Of the three axes' mean shifts, and of how many subjects lie off their CT.

    Two subjects at least give an interval. ``told`` is whose shift is known, (n,).
    """
    known = [interval for interval in intervals if interval is not None]
    if any(low > MEAN_BOUND_MM or high < -MEAN_BOUND_MM for low, high in known):
        return "fail"
    if _are_most(off, int(told.sum())):
        return "fail"
    centered = known and all(max(-low, high) <= MEAN_BOUND_MM for low, high in known)
    few_off = off <= FEW_OFF * told.sum()
    if centered and few_off and told.mean() >= FEWEST_KNOWN:
        return "pass"
    return "inconclusive"


def _are_most(some: int, n: int) -> bool:
    """Whether the share's exact interval (Clopper and Pearson) lies above a half."""
    from scipy import stats

    if not n:
        return False
    return stats.binomtest(some, n).proportion_ci(CONFIDENCE).low > MOST_OFF


def _note(means: np.ndarray, off: int, told: np.ndarray, far: list[str]) -> str:
    if not np.isfinite(means).all():
        return "No subject's images tell a shift."
    note = f"Mean shift {_told(means)} (superior, posterior, left are positive)."
    if off:
        note += (
            f" {off} of {told.sum()} subjects lie more than {SUBJECT_BOUND_MM:g} mm "
            "off along an axis."
        )
    if told.mean() < FEWEST_KNOWN:
        note += f" Of {(~told).sum()} of {len(told)} subjects no shift is known."
    if not far:
        return note
    more = len(far) - _NAMED
    rest = f" and {more} more" if more > 0 else ""
    return f"{note} Far from the other subjects: {', '.join(far[:_NAMED])}{rest}."


def _told(shift: np.ndarray) -> str:
    """A displacement in words: z +4.1, y +0.0, x -0.1 mm."""
    parts = (f"{axis} {mm:+.1f}" for axis, mm in zip(_AXES, shift, strict=True))
    return f"{', '.join(parts)} mm"
