"""A cohort against a reference: every organ, quantity and subgroup, with a verdict.

Verdicts of a mean, after Benjamini-Hochberg over the judged rows of the reference,
everybody, the sexes and the other subgroups each for themselves (among hundreds of
subgroups the main question would drown):

- *pass*: equivalent; two one-sided tests put the ratio of means within the bound.
- *fail*: different by Welch's test, and the estimate lies beyond the bound.
- *inconclusive*: neither; more subjects are needed.
- *info*: not judged, because there are too few values or no ratio makes sense (HU).

Verdicts of a spread: *fail* where the ratio of SDs differs from 1 and lies outside
``SD_BOUNDS``, *pass* where its 95 % interval lies within ``SD_PASS``.

Of few values a side no interval and no ratio of SDs is told: ``FEWEST_OF_INTERVAL``,
``FEWEST_OF_SPREAD_INTERVAL``, ``FEWEST_OF_SPREAD``.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vct.errors import CohortError
from vct.seeds import generator
from vct.validation.equivalence import (
    Moments,
    adjusted,
    alike_p,
    difference_p,
    equivalence_p,
    weighted_moments,
)
from vct.validation.groups import Group, groups
from vct.validation.people import People
from vct.validation.resampling import (
    N_RESAMPLES,
    distances,
    intervals,
    resampled_moments,
)
from vct.validation.standardization import GAP, standardized, standardized_within

if TYPE_CHECKING:
    import pandas as pd

BOUND_PERCENT = 5.0
BOUNDS_PERCENT = (0.1, 99.0)  # a smaller one is a share taken for a percentage
SIGNIFICANT = 0.05
SD_BOUNDS = (0.85, 1.15)
SD_PASS = (0.80, 1.25)
FEWEST = 20  # values a side below which nothing is judged
FEWEST_OF_INTERVAL = 5  # values a side below which a mean has no interval
FEWEST_OF_SPREAD_INTERVAL = 10  # for SDs: fewer often make resamples of one subject
FEWEST_OF_SPREAD = 3  # values a side below which a ratio of SDs says nothing
TOO_FEW = f" Fewer than {FEWEST} values: not judged."
_JUDGED = ("volume_ml", "suv_mean")  # HU has no meaningful zero
_FEWEST_OF = {
    "low_percent": FEWEST_OF_INTERVAL,
    "high_percent": FEWEST_OF_INTERVAL,
    "low90_percent": FEWEST_OF_INTERVAL,
    "high90_percent": FEWEST_OF_INTERVAL,
    "sd_ratio": FEWEST_OF_SPREAD,
    "sd_ratio_low": FEWEST_OF_SPREAD_INTERVAL,
    "sd_ratio_high": FEWEST_OF_SPREAD_INTERVAL,
}
_DISTANCES = ("ks", "p_ks", "wasserstein", "p_wasserstein")
_DISTRIBUTIONS_OF = ("all", "sex", "age", "bmi", "diagnosis")  # permuting takes time
_FAMILIES = (("all",), ("sex",))  # kinds adjusted together; the others are one more


@dataclass(frozen=True)
class Against:
    """What a cohort is held against, and how far it may be off.

    Attributes
    ----------
    name
        Of the reference, in tables.
    evidence
        ``calibrated``, ``seen``, ``published``, ``own reference`` or ``other cohort``.
    source
        Citation.
    bound_percent
        Of the reference's mean.
    standardize
        Weight the reference's people so that sex, age band and BMI band occur as often
        as in the cohort.
    """

    name: str
    evidence: str
    source: str = ""
    bound_percent: float = BOUND_PERCENT
    standardize: bool = True


def check_bound(bound_percent: float) -> None:
    """Refuse what is no bound of a ratio of means.

    Raises
    ------
    CohortError
        If it is not within ``BOUNDS_PERCENT``.
    """
    low, high = BOUNDS_PERCENT
    if not low <= bound_percent <= high:
        raise CohortError(
            f"a bound of {bound_percent:g} % is none; name a percentage from {low:g} "
            f"to {high:g}, such as {BOUND_PERCENT:g}."
        )


def compare(
    cohort: People,
    reference: People,
    against: Against,
    *,
    seed: int = 0,
    distributions: bool = True,
) -> "pd.DataFrame":
    """Compare with people measured one by one.

    Parameters
    ----------
    distributions
        Tell Kolmogorov-Smirnov and Wasserstein distances too, which takes time.

    Returns
    -------
    DataFrame
        Columns of ``comparison_tables.COMPARISONS`` but ``primary``.
    """
    weighted = against.standardize
    whole = standardized(cohort, reference, weighted=weighted)
    theirs = {g.label: g for g in groups(reference.who)}
    parts = []
    for group in groups(cohort.who):
        other = theirs.get(group.label)
        if other is None:
            continue
        rng = generator(seed, "comparison", against.name, group.label)
        made = whole
        if group.kind == "diagnosis":
            made = standardized_within(
                cohort, reference, group.mask, other.mask, weighted=weighted
            )
            if made.left_out:
                made = made._replace(note=f"{group.label}: {made.note}")
        ours = group.mask & made.keep.any(axis=1)
        x = np.where(made.keep[ours], cohort.values[ours], np.nan)
        inside = other.mask & (made.weights > 0).any(axis=1)
        y, w = reference.values[inside], made.weights[inside]
        if len(x) < 2 or len(y) < 2:
            continue
        own = weighted_moments(x, np.ones(len(x)))
        yours = weighted_moments(y, w)
        draws = (
            *resampled_moments(x, np.ones(len(x)), rng),
            *resampled_moments(y, w, rng),
        )
        spread_p = alike_p(_deviations(x, np.ones(len(x))), _deviations(y, w))
        df = _rows(cohort, group, own, yours, draws, spread_p, against, made.notes)
        if distributions and group.kind in _DISTRIBUTIONS_OF:
            apart = [_apart(*of, rng) for of in zip(x.T, y.T, w.T, strict=True)]
            df[list(_DISTANCES)] = np.array(apart)
        parts.append(df[df["n"] > 0])
    return _judged(parts)


def compare_summary(
    cohort: People, summary: "pd.DataFrame", against: Against, *, seed: int = 0
) -> "pd.DataFrame":
    """Compare with published means and SDs of groups.

    Parameters
    ----------
    summary
        Columns ``group organ quantity mean sd n reading_error source``; groups of
        ``vct.validation.groups`` by their label.
    """
    parts = []
    for group in groups(cohort.who):
        rows = summary[summary["group"] == group.label]
        if rows.empty:
            continue
        rng = generator(seed, "comparison", against.name, group.label)
        known = rows.set_index(["organ", "quantity"]).reindex(list(cohort.measures))
        yours = Moments(
            known["mean"].to_numpy(float),
            known["sd"].to_numpy(float) ** 2,
            known["n"].to_numpy(float),
            known["reading_error"].fillna(0.0).to_numpy(float),
        )
        x = cohort.values[group.mask]
        if len(x) < 2:
            continue
        own = weighted_moments(x, np.ones(len(x)))
        draws = (*resampled_moments(x, np.ones(len(x)), rng), *_drawn(yours, rng))
        spread_p = _summary_spread_p(own, yours, draws)
        df = _rows(cohort, group, own, yours, draws, spread_p, against, _OTHER_PEOPLE)
        df["source"] = known["source"].fillna("").to_numpy()
        parts.append(df[np.isfinite(yours.mean) & (df["n"] > 0)])
    return _judged(parts)


_OTHER_PEOPLE = (
    "Published for other people than the cohort asks for; their demographics are not "
    "adjusted for."
)


def _apart(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Distances of two distributions, of the values that were measured."""
    present = np.isfinite(y) & (weights > 0)
    x, y, w = x[np.isfinite(x)], y[present], weights[present]
    if len(x) < FEWEST or len(y) < FEWEST:
        return (np.nan,) * 4
    return distances(x, y, w, rng)


def _drawn(summary: Moments, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Means and SDs that a summary of n normal values may have come from."""
    shape = (N_RESAMPLES, len(summary.mean))
    n = np.maximum(summary.n, 2)
    error = np.sqrt(summary.variance / n + summary.mean_error**2)
    means = summary.mean + error * rng.standard_normal(shape)
    return means, summary.sd * np.sqrt(rng.chisquare(n - 1, shape) / (n - 1))


def _rows(
    cohort: People,
    group: Group,
    own: Moments,
    other: Moments,
    draws: tuple[np.ndarray, ...],
    spread_p: np.ndarray,
    against: Against,
    note: str | np.ndarray,
) -> "pd.DataFrame":
    import pandas as pd

    mean, sd, other_mean, other_sd = draws
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.abs(other.mean)
        difference = 100 * (own.mean - other.mean) / scale
        drawn = 100 * (mean - other_mean) / np.abs(other_mean)
        ratio, drawn_ratio = own.sd / other.sd, sd / other_sd
    low, high = intervals(drawn, 0.95)
    low90, high90 = intervals(drawn, 0.90)
    sd_low, sd_high = intervals(drawn_ratio, 0.95)
    bound = against.bound_percent / 100
    df = pd.DataFrame(
        {
            "organ": [m.organ for m in cohort.measures],
            "quantity": [m.quantity for m in cohort.measures],
            "group": group.label,
            "group_kind": group.kind,
            "reference": against.name,
            "evidence": against.evidence,
            "n": np.rint(own.n).astype(int),
            "n_reference": np.rint(np.nan_to_num(other.n)).astype(int),
            "mean": own.mean,
            "reference_mean": other.mean,
            "difference_percent": difference,
            "low_percent": low,
            "high_percent": high,
            "low90_percent": low90,
            "high90_percent": high90,
            "p_difference": difference_p(own, other),
            "p_equivalence": equivalence_p(own, other, bound),
            "bound_percent": against.bound_percent,
            "sd": own.sd,
            "reference_sd": other.sd,
            "sd_ratio": ratio,
            "sd_ratio_low": sd_low,
            "sd_ratio_high": sd_high,
            "p_spread": spread_p,
            **dict.fromkeys(_DISTANCES, np.nan),
            "source": against.source,
            "note": note,
        }
    )
    fewest = df[["n", "n_reference"]].min(axis=1)
    for name, needed in _FEWEST_OF.items():
        df.loc[fewest < needed, name] = np.nan
    few = fewest < FEWEST
    unjudged = few | ~df["quantity"].isin(_JUDGED)
    df.loc[unjudged, ["p_difference", "p_equivalence", "p_spread"]] = np.nan
    df.loc[few, "note"] += TOO_FEW
    return df


def _deviations(values: np.ndarray, weights: np.ndarray) -> Moments:
    """Moments of absolute deviations from the median, of which spreads are tested.

    References
    ----------
    Brown and Forsythe, J Am Stat Assoc 69 (1974) 364.
    """
    each = np.broadcast_to(weights.reshape(len(weights), -1), values.shape)
    some = (np.isfinite(values) & (each > 0)).any(axis=0)
    filled, each = np.where(some, values, 0.0), np.where(some, each, 1.0)
    median = np.nanquantile(filled, 0.5, axis=0, weights=each, method="inverted_cdf")
    return weighted_moments(np.abs(values - median), weights)


def _summary_spread_p(
    own: Moments, other: Moments, draws: tuple[np.ndarray, ...]
) -> np.ndarray:
    """p that a ratio of SDs is 1 where the reference is a summary: bootstrapped."""
    from scipy import stats

    _, sd, _, other_sd = draws
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log(sd / other_sd)
        error = np.std(np.where(np.isfinite(logs), logs, 0.0), axis=0)
        return 2 * stats.norm.sf(np.abs(np.log(own.sd / other.sd)) / error)


def _judged(parts: list["pd.DataFrame"]) -> "pd.DataFrame":
    """All rows of one reference, p adjusted family by family, with verdicts."""
    import pandas as pd

    from vct.validation.comparison_tables import COMPARISONS

    if not parts:
        return pd.DataFrame(columns=[c for c in COMPARISONS if c != "primary"])
    df = pd.concat(parts, ignore_index=True)
    families = [df["group_kind"].isin(kinds) for kinds in _FAMILIES]
    families.append(~np.any(families, axis=0))
    for name in ("p_difference", "p_equivalence", "p_spread"):
        for rows in families:
            df.loc[rows, f"{name}_adjusted"] = adjusted(df.loc[rows, name].to_numpy())
    df["verdict"] = _mean_verdicts(df)
    df["spread_verdict"] = _spread_verdicts(df)
    return df[[c for c in COMPARISONS if c != "primary"]]


def remarks(comparisons: "pd.DataFrame") -> list[str]:
    """What must be known of a whole comparison: the notes of its rows, each once.

    What is said of one row only is left out; rows that leave out more subjects than
    the others are counted.
    """
    notes = comparisons["note"].astype(str)
    general = notes.str.replace(TOO_FEW, "", regex=False).str.replace(
        GAP, "", regex=True
    )
    told = [note for note in dict.fromkeys(general) if note]
    if gaps := int(notes.str.contains(GAP).sum()):
        told.append(
            f"{gaps} rows leave out more subjects, like whom the reference has nobody "
            "with that organ's number; their notes count them."
        )
    return told


def _mean_verdicts(df: "pd.DataFrame") -> np.ndarray:
    same = df["p_equivalence_adjusted"] < SIGNIFICANT
    other = df["p_difference_adjusted"] < SIGNIFICANT
    beyond = df["difference_percent"].abs() > df["bound_percent"]
    return verdicts(df["p_equivalence"].isna(), same, other & beyond)


def _spread_verdicts(df: "pd.DataFrame") -> np.ndarray:
    same = (df["sd_ratio_low"] > SD_PASS[0]) & (df["sd_ratio_high"] < SD_PASS[1])
    other = df["p_spread_adjusted"] < SIGNIFICANT
    beyond = ~df["sd_ratio"].between(*SD_BOUNDS)
    return verdicts(df["p_spread"].isna(), same, other & beyond)


def verdicts(
    unjudged: "pd.Series", passed: "pd.Series", failed: "pd.Series"
) -> np.ndarray:
    """Words for rows that are not judged, pass, or fail; else inconclusive."""
    words = ["info", "pass", "fail"]
    return np.select([unjudged, passed, failed], words, "inconclusive")
