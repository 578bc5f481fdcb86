"""Comparison tables of made-up people, with a liver that takes up too much."""

from functools import cache

import numpy as np
import pandas as pd

from tests.validation.synthetic_people import of, with_column
from vct.validation.against import Asked, judged_findings
from vct.validation.comparison import Against, compare
from vct.validation.comparison_tables import COMPARISONS, HISTOGRAMS, SLOPES
from vct.validation.finding import Finding
from vct.validation.ruler import draw_people
from vct.validation.slopes import compare_slopes

CLINIC = Against("clinic", "own reference", "A clinic's own scans")


def compared_tables() -> dict[str, pd.DataFrame]:
    """A cohort of 64 against 80: liver SUV +30 %, spleens of nearly one volume."""
    return {name: df.copy() for name, df in _computed().items()}


@cache
def _computed() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(3)
    cohort, people = draw_people(rng, 64), draw_people(rng, 80)
    cohort = with_column(
        cohort, "liver", "suv_mean", 1.3 * of(cohort, "liver", "suv_mean")
    )
    spleen = of(cohort, "spleen", "volume_ml")
    narrow = spleen.mean() + 0.3 * (spleen - spleen.mean())
    cohort = with_column(cohort, "spleen", "volume_ml", narrow)
    comparisons = compare(cohort, people, CLINIC).assign(primary=True)
    return {
        "comparisons": comparisons[list(COMPARISONS)],
        "slopes": compare_slopes(cohort, people, CLINIC)[list(SLOPES)],
        "histograms": histograms(),
    }


def judged(tables: dict[str, pd.DataFrame]) -> list[Finding]:
    """Findings on those tables, the clinic named as the reference to judge by."""
    return list(judged_findings(tables, Asked((CLINIC.name,))))


def histograms() -> pd.DataFrame:
    """Normal distributions of SUV; the brain's has no reference."""
    edges = np.r_[np.linspace(0, 30, 301), np.inf]
    center = np.minimum(edges[:-1] + 0.05, 30.0)
    parts = []
    for organ, mean, width in (("liver", 2.3, 0.5), ("brain", 7.0, 2.5)):
        known = organ == "liver"
        parts.append(
            pd.DataFrame(
                {
                    "organ": organ,
                    "group": "all",
                    "low_suv": edges[:-1],
                    "high_suv": edges[1:],
                    "share": _shares(center, mean, width),
                    "reference_share": _shares(center, 0.8 * mean, width)
                    if known
                    else np.nan,
                    "reference": "clinic",
                }
            )
        )
    return pd.concat(parts, ignore_index=True)[list(HISTOGRAMS)]


def _shares(x: np.ndarray, mean: float, width: float) -> np.ndarray:
    weight = np.exp(-0.5 * ((x - mean) / width) ** 2)
    return weight / weight.sum()
