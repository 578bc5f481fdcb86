"""Two means: are they different, and are they the same within a bound?

All functions work on arrays of comparisons at once.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Moments:
    """Mean, variance and effective number of values of many quantities, (c,) each.

    ``mean_error`` is how far the mean may be wrong beside sampling, as a standard
    error: the reading error of a figure.
    """

    mean: np.ndarray
    variance: np.ndarray
    n: np.ndarray
    mean_error: np.ndarray

    @property
    def sd(self) -> np.ndarray:
        """Standard deviation."""
        return np.sqrt(self.variance)


def weighted_moments(values: np.ndarray, weights: np.ndarray) -> Moments:
    """Moments of the columns of ``values`` (n, c), NaN left out.

    Weights are of the subjects, (n,), or of every value, (n, c).

    The effective number is (Σw)² / Σw² (Kish 1965).
    """
    present = np.isfinite(values)
    w = np.where(present, weights.reshape(len(weights), -1), 0.0)
    total, squares = w.sum(axis=0), (w**2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        n = total**2 / squares
        mean = (w * np.where(present, values, 0.0)).sum(axis=0) / total
        apart = np.where(present, values - mean, 0.0)
        variance = (w * apart**2).sum(axis=0) / total * n / (n - 1)
    return Moments(
        mean, np.where(n > 1, variance, np.nan), np.nan_to_num(n), np.zeros_like(mean)
    )


def difference_p(x: Moments, y: Moments) -> np.ndarray:
    """Two-sided p of Welch's test that both means are one.

    References
    ----------
    Welch, Biometrika 34 (1947) 28.
    """
    from scipy import stats

    t, degrees = _welch(x, y, 1.0)
    return 2 * stats.t.sf(np.abs(t), degrees)


def alike_p(x: Moments, y: Moments) -> np.ndarray:
    """Two-sided p of Student's test, with one variance for both.

    For absolute deviations, whose variance falls with their mean: a small group that is
    calm by chance must not lend its own small variance to the test.
    """
    from scipy import stats

    with np.errstate(invalid="ignore", divide="ignore"):
        degrees = x.n + y.n - 2
        pooled = ((x.n - 1) * x.variance + (y.n - 1) * y.variance) / degrees
        t = (x.mean - y.mean) / np.sqrt(pooled * (1 / x.n + 1 / y.n))
        return 2 * stats.t.sf(np.abs(t), degrees)


def equivalence_p(x: Moments, y: Moments, bound: float) -> np.ndarray:
    """p of two one-sided tests that mean(x) / mean(y) is within 1 ± ``bound``.

    The reference's mean is uncertain too: each side compares mean(x) with
    (1 ∓ bound) · mean(y), by Welch.

    References
    ----------
    Schuirmann, J Pharmacokinet Biopharm 15 (1987) 657; for ratios Hauschke et al.,
    Stat Med 18 (1999) 93.
    """
    from scipy import stats

    t_low, df_low = _welch(x, y, 1.0 - bound)
    t_high, df_high = _welch(x, y, 1.0 + bound)
    return np.maximum(stats.t.sf(t_low, df_low), stats.t.cdf(t_high, df_high))


def _welch(x: Moments, y: Moments, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """t of mean(x) − factor · mean(y), and Satterthwaite's degrees of freedom."""
    with np.errstate(invalid="ignore", divide="ignore"):
        own, other = x.variance / x.n, factor**2 * y.variance / y.n
        error = np.sqrt(own + other + (factor * y.mean_error) ** 2)
        degrees = (own + other) ** 2 / (
            own**2 / (x.n - 1) + other**2 / np.maximum(y.n - 1, 1e-9)
        )
        return (x.mean - factor * y.mean) / error, degrees


def adjusted(p: np.ndarray) -> np.ndarray:
    """Benjamini-Hochberg adjusted p values, NaN passed over.

    References
    ----------
    Benjamini and Hochberg, J R Stat Soc B 57 (1995) 289.
    """
    from scipy import stats

    out = np.full(len(p), np.nan)
    given = np.isfinite(p)
    if given.any():
        out[given] = stats.false_discovery_control(p[given], method="bh")
    return out
