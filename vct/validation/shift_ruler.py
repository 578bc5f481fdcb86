"""Is the ruler of PET against CT straight? Measured shifts drawn, faults planted."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from vct.seeds import generator
from vct.validation.registration import SHIFT_COLUMNS, shift_finding

if TYPE_CHECKING:
    import pandas as pd

# z, y, x [mm] as ``vct.segment.shift`` measured them, taken as normal laws. Without a
# fault: 89 subjects of whole-body-4mm, which spread more than 48 held-out phantoms
# (SD 0.17, 0.05, 0.06). By fault: what a PET rolled by one slice measures above itself
# (phantoms, SD 0.05). tests/segment/test_shift.py measures phantoms anew.
FAULTLESS_MEAN_MM = (0.05, -0.02, 0.01)
FAULTLESS_SD_MM = (0.30, 0.18, 0.10)
SLICE_READ_MM = {4: 3.7, 2: 1.8}

Plant = Callable[[np.ndarray], None]


def _all(slice_mm: int) -> Plant:
    def plant(shifts: np.ndarray) -> None:
        shifts[:, 0] += SLICE_READ_MM[slice_mm]

    return plant


def _one(slice_mm: int) -> Plant:
    def plant(shifts: np.ndarray) -> None:
        shifts[0, 0] += SLICE_READ_MM[slice_mm]

    return plant


def _half_each_way(slice_mm: int) -> Plant:
    def plant(shifts: np.ndarray) -> None:
        shifts[::2, 0] += SLICE_READ_MM[slice_mm]
        shifts[1::2, 0] -= SLICE_READ_MM[slice_mm]

    return plant


SHIFT_FAULTS: dict[str, Plant] = {
    "PET shifted by a slice of 4 mm": _all(4),
    "PET shifted by a slice of 2 mm": _all(2),
    "half of the PETs shifted by a slice of 4 mm up, half down": _half_each_way(4),
    "PET of one subject shifted by a slice of 4 mm": _one(4),
    "PET of one subject shifted by a slice of 2 mm": _one(2),
    "shifted PET named without a fault": lambda shifts: None,
}


def draw_shifts(rng: np.random.Generator, n: int) -> np.ndarray:
    """Shifts of ``n`` faultless subjects [mm], (n, 3)."""
    return rng.normal(FAULTLESS_MEAN_MM, FAULTLESS_SD_MM, (n, 3))


def shift_table(shifts: np.ndarray) -> "pd.DataFrame":
    """The table of which ``shift_finding`` judges."""
    import pandas as pd

    df = pd.DataFrame(shifts, columns=list(SHIFT_COLUMNS))
    df.insert(0, "subject_id", [f"S{n:04d}" for n in range(1, len(df) + 1)])
    return df


def shift_rates(n: int, repetitions: int, seed: int) -> dict[str, float]:
    """How often the finding fails, by planted fault, in cohorts of ``n``."""
    told: dict[str, list[bool]] = {name: [] for name in SHIFT_FAULTS}
    for k in range(repetitions):
        faultless = draw_shifts(generator(seed, "ruler/shift", n, k), n)
        for name, plant in SHIFT_FAULTS.items():
            shifts = faultless.copy()
            plant(shifts)
            found = shift_finding(shift_table(shifts))
            told[name].append(found is not None and found.verdict == "fail")
    return {name: float(np.mean(found)) for name, found in told.items()}
