"""Does the PET lie on the CT? Its displacement, measured in every subject's images."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from vct.validation.finding import Finding, Verdict
from vct.validation.statistics import finite, mean_interval

if TYPE_CHECKING:
    import pandas as pd

# Half the thinnest slice of the bundled models: a cohort whose PET lies a slice off is
# beyond it. Faultless cohorts lie within 0.2 mm (docs/explanation/validation.md).
MOST_MEAN_MM = 1.0
# A subject this far from the cohort's median, in mm and in robust SDs, is displaced.
# Both: scans of moving patients spread more than generated ones.
MOST_APART_MM = 1.5
MOST_APART_SD = 5.0
_MOST_NAMED = 5
_DIRECTIONS = {"z": "the head", "y": "the back", "x": "the left"}


def shift_findings(images: "pd.DataFrame") -> Iterator[Finding]:
    """Mean displacement of the PET against the CT along z, y and x.

    Parameters
    ----------
    images
        Columns of ``vct.manifest.IMAGES``; no rows give no finding.
    """
    for axis, direction in _DIRECTIONS.items():
        shift_mm = images[f"pet_shift_{axis}_mm"].to_numpy(float)
        if np.isfinite(shift_mm).any():
            names = images["subject_id"].to_numpy(str)
            yield _finding(axis, direction, names, shift_mm)


def displaced(shift_mm: np.ndarray) -> np.ndarray:
    """Which subjects' PET lies apart from where the cohort's does, (n,) bool."""
    if not np.isfinite(shift_mm).any():
        return np.zeros(len(shift_mm), bool)
    apart = np.abs(shift_mm - np.nanmedian(shift_mm))
    robust_sd = 1.4826 * np.nanmedian(apart)  # of a normal law: 1 / Φ⁻¹(3/4)
    return np.nan_to_num(apart) > max(MOST_APART_MM, MOST_APART_SD * robust_sd)


def verdict_of_shift(shift_mm: np.ndarray) -> Verdict:
    """Fail, pass or inconclusive: displaced subjects, and where the mean lies."""
    x = finite(shift_mm)
    if displaced(x).any():
        return "fail"
    interval = mean_interval(x)
    if interval is None:
        return "inconclusive"
    low, high = interval
    if low > MOST_MEAN_MM or high < -MOST_MEAN_MM:
        return "fail"
    return "pass" if -MOST_MEAN_MM < low <= high < MOST_MEAN_MM else "inconclusive"


def _finding(
    axis: str, direction: str, names: np.ndarray, shift_mm: np.ndarray
) -> Finding:
    x = finite(shift_mm)
    apart = names[displaced(shift_mm)]
    more = f" and {len(apart) - _MOST_NAMED} more" if len(apart) > _MOST_NAMED else ""
    named = f"Displaced: {', '.join(apart[:_MOST_NAMED])}{more}. " if len(apart) else ""
    return Finding(
        id=f"image/pet-ct-shift/{axis}",
        title=f"Displacement of the PET against the CT towards {direction} [mm]",
        quantity=f"pet_shift_{axis}_mm",
        group="all",
        n=len(x),
        value=float(x.mean()),
        reference=0.0,
        difference_percent=None,
        interval=mean_interval(x),
        bound=(-MOST_MEAN_MM, MOST_MEAN_MM),
        verdict=verdict_of_shift(shift_mm),
        source="images.parquet: fit of the PET to organs found in the CT",
        kind="conformance",
        excluded=len(shift_mm) - len(x),
        note=f"{named}Smallest {x.min():+.2f}, largest {x.max():+.2f} mm.",
    )
