"""Were the people drawn that the spec describes?

The reference is a large sample of the same spec under another seed, so it knows every
truncation, correlation, rule and quota. Bounds are those that a correct cohort of this
size passes but for one time in a thousand, row by row.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from vct.manifest import Cohort
from vct.subjects import differing_subjects
from vct.validation.finding import Finding, Interval, Verdict
from vct.validation.statistics import (
    CONFIDENCE,
    correlation,
    finite,
    percent,
    sample_sd,
)

if TYPE_CHECKING:
    import pandas as pd

POOL_SIZE = 20_000
FALSE_ALARM = 0.001  # chance that a row fails although the cohort is right
FEWEST_JUDGED = 20  # below, moments and distances are shown and not judged

CONTINUOUS = {
    "age_years": "age [years]",
    "height_m": "height [m]",
    "weight_kg": "weight [kg]",
    "bmi_kg_m2": "BMI [kg/m²]",
    "injected_mbq": "injected activity [MBq]",
    "uptake_min": "uptake time [min]",
}
CORRELATED = ("age_years", "height_m", "weight_kg", "bmi_kg_m2")


def demographic_findings(
    cohort: Cohort, pool: "pd.DataFrame", planned: "pd.DataFrame", *, drawn: bool = True
) -> list[Finding]:
    """Marginals, correlations, sex share and counts of the finished subjects.

    Parameters
    ----------
    pool
        Large sample of the spec under another seed.
    planned
        The spec sampled again under its own seed: what ``subjects`` must be.
    drawn
        The first subjects are drawn as all are; rows of a table have an order of
        their own, so that only the whole table is judged.
    """
    subjects = cohort.finished
    findings = [_redrawn(cohort.subjects, planned)]
    if subjects.empty:
        return findings
    findings += _constants(subjects, pool)
    distributed = _distributed(subjects, pool)
    if not (_are_first(subjects, planned) if drawn else len(subjects) == len(planned)):
        distributed = [replace(f, **_CHOSEN) for f in distributed]
    findings += distributed
    for column in ("arm", "stratum", "diagnosis"):
        findings += _counts(column, subjects, planned)
    return findings


_CHOSEN: dict[str, Any] = {
    "bound": None,
    "verdict": "inconclusive",
    "note": "These subjects are a part of the cohort that chance has not chosen.",
}


def _are_first(subjects: "pd.DataFrame", planned: "pd.DataFrame") -> bool:
    """The cohort up to some subject, as ``--limit`` builds it."""
    first = planned["subject_id"].head(len(subjects))
    return list(subjects["subject_id"]) == list(first)


def _distributed(subjects: "pd.DataFrame", pool: "pd.DataFrame") -> list[Finding]:
    """Marginals, correlations and the share of women."""
    source = f"{len(pool)} subjects of the same spec under another seed"
    findings = []
    for column, x, reference in _measured(subjects, pool):
        if np.ptp(reference) > 0:
            findings += _moments(column, x, reference, source)
            findings.append(_distance(column, x, reference, source))
    findings += _correlations(subjects, pool, source)
    findings.append(_sex_share(subjects, pool, source))
    return findings


def _constants(subjects: "pd.DataFrame", pool: "pd.DataFrame") -> list[Finding]:
    """Variables that the spec holds fixed, of the cohort or of any part of it."""
    return [
        _constant(column, x, float(reference[0]))
        for column, x, reference in _measured(subjects, pool)
        if np.ptp(reference) == 0
    ]


def _measured(
    subjects: "pd.DataFrame", pool: "pd.DataFrame"
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Continuous variables of subjects (n,) and pool (m,), where both have any."""
    for column in CONTINUOUS:
        x, reference = (finite(df[column].to_numpy()) for df in (subjects, pool))
        if len(x) and len(reference):
            yield column, x, reference


def _finding(
    column: str, statistic: str, title: str, n: int, value: float | None, **more: Any
) -> Finding:
    """Finding on the demographics, with what most of them share."""
    tail = f"/{more['group']}" if "group" in more else ""
    return Finding(
        id=f"demographics/{column}{tail}/{statistic}",
        title=title,
        quantity=column,
        n=n,
        value=value,
        statistic=statistic,
        kind="spec",
        **more,
    )


def _judgment(value: float, bound: Interval, n: int) -> dict[str, Any]:
    """Bound, verdict and note; nothing is judged below the fewest subjects."""
    if n < FEWEST_JUDGED:
        note = f"Fewer than {FEWEST_JUDGED} subjects are not judged."
        return {"bound": None, "verdict": "inconclusive", "note": note}
    verdict: Verdict = "pass" if bound[0] <= value <= bound[1] else "fail"
    return {"bound": bound, "verdict": verdict}


def _moments(
    column: str, x: np.ndarray, pool: np.ndarray, source: str
) -> list[Finding]:
    """Mean and standard deviation, by their large-sample laws.

    The standard error of a standard deviation is ``s sqrt((k - 1) / 4n)`` with the
    kurtosis k of the population (Kendall and Stuart, vol. 1, 10.9).
    """
    from scipy import stats

    n, m = len(x), len(pool)
    mean, sd = float(np.mean(pool)), float(np.std(pool, ddof=1))
    kurtosis = float(np.mean(((pool - mean) / sd) ** 4))
    width = np.sqrt(1 / n + 1 / m)
    # Of two values the estimate of a kurtosis lies below its least, 1.
    errors = {"mean": sd * width, "sd": sd * np.sqrt(max(kurtosis - 1, 0) / 4) * width}
    values = {"mean": float(np.mean(x)), "sd": sample_sd(x)}
    judged, shown = (
        stats.norm.ppf(p) for p in (1 - FALSE_ALARM / 2, 0.5 + CONFIDENCE / 2)
    )
    findings = []
    for statistic, reference in (("mean", mean), ("sd", sd)):
        value, error = values[statistic], errors[statistic]
        if value is None:
            continue
        bound = (float(reference - judged * error), float(reference + judged * error))
        center = percent(value, reference)
        reach = 100 * shown * error / abs(reference) if reference else None
        findings.append(
            _finding(
                column,
                statistic,
                f"{CONTINUOUS[column]}: "
                + {"mean": "mean", "sd": "standard deviation"}[statistic],
                n,
                value,
                reference=reference,
                difference_percent=center,
                interval=None
                if center is None or reach is None
                else (max(float(center - reach), -100.0), float(center + reach)),
                source=source,
                **_judgment(value, bound, n),
            )
        )
    return findings


def _distance(column: str, x: np.ndarray, pool: np.ndarray, source: str) -> Finding:
    """Kolmogorov-Smirnov distance, with its asymptotic critical value."""
    from scipy import stats

    n, m = len(x), len(pool)
    value = float(stats.ks_2samp(x, pool, method="asymp").statistic)
    critical = np.sqrt(-np.log(FALSE_ALARM / 2) / 2 * (n + m) / (n * m))
    bound = (0.0, float(critical))
    return _finding(
        column,
        "ks",
        f"{CONTINUOUS[column]}: Kolmogorov-Smirnov distance",
        n,
        value,
        source=source,
        **_judgment(value, bound, n),
    )


def _correlations(
    subjects: "pd.DataFrame", pool: "pd.DataFrame", source: str
) -> list[Finding]:
    """Pearson's r of each pair of body measures and age.

    Its large-sample variance is that of its influence function,
    ``zx zy - r (zx² + zy²) / 2``, over n: right for any distribution, where Fisher's
    is for the normal one (Devlin, Gnanadesikan, Kettenring, Biometrika 62:531, 1975).
    """
    from scipy import stats

    findings = []
    n, m = len(subjects), len(pool)
    judged = stats.norm.ppf(1 - FALSE_ALARM / 2)
    for one, other in combinations(CORRELATED, 2):
        own, large = (df[[one, other]].to_numpy(float) for df in (subjects, pool))
        if n < 3 or not (np.ptp(own, axis=0).all() and np.ptp(large, axis=0).all()):
            continue
        value, reference = (float(np.corrcoef(x.T)[0, 1]) for x in (own, large))
        z = (large - large.mean(axis=0)) / large.std(axis=0)
        influence = z.prod(axis=1) - reference * (z**2).mean(axis=1)
        reach = float(judged * influence.std() * np.sqrt(1 / n + 1 / m))
        names = " and ".join(CONTINUOUS[c].split(" [")[0] for c in (one, other))
        bound = (max(reference - reach, -1.0), min(reference + reach, 1.0))
        found = correlation(own[:, 0], own[:, 1])
        findings.append(
            _finding(
                f"{one}-{other}",
                "r",
                f"{names}: Pearson's r",
                n,
                value,
                reference=reference,
                interval=found[1] if found else None,
                source=source,
                **_judgment(value, bound, n),
            )
        )
    return findings


def _constant(column: str, x: np.ndarray, reference: float) -> Finding:
    """A variable the spec holds fixed."""
    worst = float(x[np.argmax(np.abs(x - reference))])
    tolerance = 1e-9 * max(abs(reference), 1.0)
    bound = (reference - tolerance, reference + tolerance)
    return _finding(
        column,
        "mean",
        f"{CONTINUOUS[column]}: fixed by the spec",
        len(x),
        worst,
        reference=reference,
        difference_percent=percent(worst, reference),
        bound=bound,
        verdict="pass" if bound[0] <= worst <= bound[1] else "fail",
        source="cohort.yaml",
    )


def _sex_share(subjects: "pd.DataFrame", pool: "pd.DataFrame", source: str) -> Finding:
    """Share of women, bound by the binomial law."""
    from scipy import stats

    n = len(subjects)
    share = float((subjects["sex"] == "F").mean())
    expected = float((pool["sex"] == "F").mean())
    # The pool's own error shifts the law before its tails are taken.
    doubt = 3.0 * np.sqrt(expected * (1 - expected) / len(pool))
    shares = np.clip([expected - doubt, expected + doubt], 0.0, 1.0)
    low, high = stats.binom.ppf([FALSE_ALARM / 2, 1 - FALSE_ALARM / 2], n, shares) / n
    test = stats.binomtest(int((subjects["sex"] == "F").sum()), n)
    interval = test.proportion_ci(CONFIDENCE, method="wilson")
    bound = (float(low), float(high))
    return _finding(
        "sex",
        "share",
        "share of women",
        n,
        share,
        reference=expected,
        interval=(float(interval.low), float(interval.high)),
        source=source,
        **_judgment(share, bound, n),
    )


def _counts(
    column: str, subjects: "pd.DataFrame", planned: "pd.DataFrame"
) -> list[Finding]:
    """Finished subjects of each arm, stratum or diagnosis, against the plan."""
    wanted, found = (
        df[column].astype(str).value_counts() for df in (planned, subjects)
    )
    names = sorted(set(wanted.index) | set(found.index))
    if len(names) < 2:
        return []
    complete = len(subjects) == len(planned)
    findings = []
    for name in names:
        value, target = int(found.get(name, 0)), int(wanted.get(name, 0))
        wrong: Verdict = "fail" if complete or value > target else "inconclusive"
        findings.append(
            _finding(
                column,
                "count",
                f"subjects of {column} {name}",
                len(subjects),
                float(value),
                group=str(name),
                reference=float(target),
                bound=(float(target), float(target)),
                verdict="pass" if value == target else wrong,
                source="the spec, sampled again under its own seed",
                note="" if complete else "The build was limited or has not finished.",
            )
        )
    return findings


def _redrawn(subjects: "pd.DataFrame", planned: "pd.DataFrame") -> Finding:
    """Is subjects.parquet what the spec and its seed give?"""
    differ = len(differing_subjects(subjects, planned))
    return _finding(
        "subjects",
        "count",
        "subjects that differ from the spec sampled again under its own seed",
        len(subjects),
        float(differ),
        reference=0.0,
        bound=(0.0, 0.0),
        verdict="pass" if differ == 0 else "fail",
        source="cohort.yaml and its seed",
    )
