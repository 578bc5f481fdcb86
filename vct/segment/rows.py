"""From sums to rows of organs.parquet: a number, or the reason why there is none."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vct.anatomy import CURRENT_LIST, OrganList
from vct.grid import Grid
from vct.segment.measure import COLUMNS, THRESHOLD_ORGANS, measured
from vct.segment.plausible import plausible_range_ml

# Every field of view cuts these: their numbers are of the part inside it.
OPEN_ENDED = frozenset(
    {
        "body", "spine", "bone", "muscle", "subcutaneous_fat", "visceral_fat",
        "vertebrae", "hips", "femurs", "ribs", "skull", "scapulae", "clavicles",
        "humeri", "gluteal_muscle", "paraspinal_muscle", "other_muscle", "other_bone",
        "other_vessels", "other_soft_tissue", "body_hu", "fat_hu", "bone_hu",
    }
)  # fmt: skip
MEN_ONLY = frozenset({"prostate"})
# Rows of two organs: with one of them they are a wrong number, not a smaller one.
PAIRS = frozenset({"kidneys", "lungs"})
# Area on the faces of the field, in parts of volume^(2/3), that counts as a cut: a ball
# cut so lacks 0.1 % of its volume. A few stray voxels are no cut.
LEAST_CUT = 0.1
# Expected error of a volume (1 SD) beyond which it is not told.
MOST_EXPECTED_ERROR = 0.2

OK = "ok"
IN_FIELD = "in_field"
NOT_FOUND = "not_found"
CUT_BY_FIELD = "cut_by_field"
IMPLAUSIBLE_VOLUME = "implausible_volume"
UNCERTAIN = "uncertain"
NOT_APPLICABLE = "not_applicable"
STATUSES = {
    OK: "whole organ, measured",
    IN_FIELD: "tissue that every field cuts: numbers are of its part inside",
    NOT_FOUND: "no voxel found",
    CUT_BY_FIELD: "touches the end of the field: no numbers",
    IMPLAUSIBLE_VOLUME: "volume no adult has: no numbers",
    UNCERTAIN: "expected volume error above 20 %: no numbers",
    NOT_APPLICABLE: "not an organ of this sex: no numbers",
}
_MEASURED_STATUSES = frozenset({OK, IN_FIELD})
_ORGAN_NOT_WHOLE = frozenset({NOT_FOUND, CUT_BY_FIELD, IMPLAUSIBLE_VOLUME})
_NUMBERS = (
    "volume_ml", "suv_mean", "suv_sd", "suv_max", "hu_mean", "hu_sd", "mass_kg",
)  # fmt: skip


@dataclass(frozen=True)
class OrganMeasurement:
    """One row of organs.parquet, without its subject.

    ``volume_error_ml`` is the error (1 SD) that the segmenter expects of its volume,
    calibrated on phantoms; NaN without calibration. Where ``status`` is a refusal, the
    numbers are NaN.
    """

    organ: str
    source: str
    status: str
    volume_ml: float
    volume_error_ml: float
    suv_mean: float
    suv_sd: float
    suv_max: float
    hu_mean: float
    hu_sd: float
    mass_kg: float
    touches_edge: bool


def organ_rows(
    sums: list[list[float]],
    grid: Grid,
    *,
    organs: OrganList = CURRENT_LIST,
    sex: str | None = None,
    error_per_doubt: Mapping[str, float] | None = None,
) -> list[OrganMeasurement]:
    """Rows from the table of ``measure``, on the host; refused numbers are NaN.

    Parameters
    ----------
    sums
        (rows, columns) of ``measure``.
    organs
        The list that was measured.
    sex
        F or M, for the plausible ranges; None checks none.
    error_per_doubt
        Expected volume error over doubt, by row; of the segmenter's calibration.
    """
    rows = {
        name: _row(name, dict(zip(COLUMNS, values, strict=True)), grid, sex,
                   (error_per_doubt or {}).get(name, math.nan))
        for name, values in zip(measured(organs), sums, strict=True)
    }  # fmt: skip
    for pair in PAIRS.intersection(rows):
        halves = [rows[part].status for part in organs.parts(pair)]
        rows[pair] = _told_if_both_are(rows[pair], halves)
    return list(rows.values())


def _told_if_both_are(pair: OrganMeasurement, halves: list[str]) -> OrganMeasurement:
    """A pair of organs, refused for the reason for which one of them is not whole."""
    reasons = [status for status in halves if status in _ORGAN_NOT_WHOLE]
    if pair.status not in _MEASURED_STATUSES or not reasons:
        return pair
    return _refused(pair, reasons[0])


def _row(
    organ: str, sums: dict[str, float], grid: Grid, sex: str | None, per_doubt: float
) -> OrganMeasurement:
    n = sums["voxels"]
    suv_mean, suv_sd = _mean_sd(n, sums["suv_sum"], sums["suv_square_sum"])
    hu_mean, hu_sd = _mean_sd(n, sums["hu_sum"], sums["hu_square_sum"])
    row = OrganMeasurement(
        organ=organ,
        source="threshold" if organ in THRESHOLD_ORGANS else "segmenter",
        status=OK,
        volume_ml=n * grid.voxel_ml,
        volume_error_ml=per_doubt * sums["doubt_voxels"] * grid.voxel_ml,
        suv_mean=suv_mean,
        suv_sd=suv_sd,
        suv_max=sums["suv_max"],
        hu_mean=hu_mean,
        hu_sd=hu_sd,
        mass_kg=sums["density_g_ml_sum"] * grid.voxel_ml / 1000,
        touches_edge=sums["edge_voxels"] > LEAST_CUT * n ** (2 / 3),
    )
    status = status_of(row, sex)
    if status in _MEASURED_STATUSES:
        return replace(row, status=status)
    return _refused(row, status)


def _refused(row: OrganMeasurement, status: str) -> OrganMeasurement:
    """The row without its numbers, and why."""
    refused: dict[str, Any] = dict.fromkeys(_NUMBERS, math.nan)
    return replace(row, status=status, **refused)


def status_of(row: OrganMeasurement, sex: str | None) -> str:
    """Whether a measured row may be told, and if not, the first reason why.

    >>> from vct.segment.rows import OrganMeasurement, status_of
    >>> row = OrganMeasurement("liver", "segmenter", "ok", 90, 2, *[0.0] * 6, False)
    >>> status_of(row, "F")
    'implausible_volume'
    """
    if row.organ in MEN_ONLY and sex == "F":
        return NOT_APPLICABLE
    if row.volume_ml == 0:
        return NOT_FOUND
    if row.touches_edge and row.organ not in OPEN_ENDED:
        return CUT_BY_FIELD
    between = plausible_range_ml(row.organ, sex) if sex else None
    if between and not between[0] <= row.volume_ml <= between[1]:
        return IMPLAUSIBLE_VOLUME
    if row.volume_error_ml > MOST_EXPECTED_ERROR * row.volume_ml:
        return UNCERTAIN
    return IN_FIELD if row.organ in OPEN_ENDED else OK


def _mean_sd(n: float, total: float, squares: float) -> tuple[float, float]:
    if not n:
        return math.nan, math.nan
    mean = total / n
    return mean, max(squares / n - mean**2, 0.0) ** 0.5
