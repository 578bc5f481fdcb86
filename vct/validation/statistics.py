"""The few statistics the findings rest on, with their intervals."""

import numpy as np

from vct.seeds import generator
from vct.validation.finding import Interval

CONFIDENCE = 0.95
N_RESAMPLES = 2000


def finite(values: np.ndarray) -> np.ndarray:
    """The values that are numbers, float64, (n,)."""
    x = np.asarray(values, dtype=float)
    return x[np.isfinite(x)]


def sample_sd(x: np.ndarray) -> float | None:
    """Standard deviation with n - 1 in the denominator; None below two values."""
    return float(np.std(x, ddof=1)) if len(x) > 1 else None


def percent(value: float | None, reference: float | None) -> float | None:
    """Difference of value from reference [% of the reference]."""
    if value is None or not reference:
        return None
    return 100.0 * (value - reference) / reference


def mean_interval(x: np.ndarray) -> Interval | None:
    """Student's 95 % interval of the mean; None below two values."""
    from scipy import stats

    sd = sample_sd(x)
    if sd is None:
        return None
    reach = stats.t.ppf(0.5 + CONFIDENCE / 2, len(x) - 1) * sd / np.sqrt(len(x))
    return (float(np.mean(x) - reach), float(np.mean(x) + reach))


def mean_difference_interval(
    x: np.ndarray, mean: float, sd: float, n: int, reading_error: float = 0.0
) -> Interval | None:
    """95 % interval of ``100 (mean(x) - mean) / mean`` by Welch's t.

    Parameters
    ----------
    x
        Values of the cohort, (n,).
    mean, sd, n
        Of the reference.
    reading_error
        How far the reference's mean may be wrong, for values read off a figure;
        taken as a standard error, which errs on the wide side.

    Returns
    -------
    Interval or None
        None below two values, where there is no spread to go by.

    References
    ----------
    Welch, Biometrika 34 (1947) 28: degrees of freedom after Satterthwaite.
    """
    from scipy import stats

    own_sd = sample_sd(x)
    if own_sd is None or not mean:
        return None
    own = own_sd**2 / len(x)
    other = sd**2 / n if n > 1 else 0.0
    variance = own + other
    error = np.sqrt(variance + reading_error**2)
    pieces = own**2 / (len(x) - 1) + (other**2 / (n - 1) if n > 1 else 0.0)
    degrees = variance**2 / pieces if pieces > 0 else float(len(x) - 1)
    reach = stats.t.ppf(0.5 + CONFIDENCE / 2, degrees) * error
    difference = float(np.mean(x)) - mean
    low, high = (
        100.0 * (difference - reach) / mean,
        100.0 * (difference + reach) / mean,
    )
    return (float(low), float(high))


def sd_difference_interval(
    x: np.ndarray, sd: float, n: int, *, name: str
) -> Interval | None:
    """95 % interval of ``100 (sd(x) - sd) / sd`` by the bootstrap.

    The cohort is resampled; the reference's standard deviation is drawn from the
    chi-square law of ``n`` normal values, since only its summary is known. The random
    stream is fixed by ``name``.

    Returns
    -------
    Interval or None
        None below five values: their resamples say nothing about spread.
    """
    if len(x) < 5 or not sd > 0:
        return None
    rng = generator(0, "bootstrap", name)
    own = _resampled_sd(x, rng)
    draws = rng.chisquare(n - 1, N_RESAMPLES) if n > 1 else np.ones(N_RESAMPLES)
    other = sd * np.sqrt(draws / (n - 1)) if n > 1 else sd * draws
    tail = 50.0 * (1 - CONFIDENCE)
    low, high = np.percentile(100.0 * (own / other - 1.0), [tail, 100.0 - tail])
    return (float(low), float(high))


def _resampled_sd(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Standard deviations of resamples, (N_RESAMPLES,), in chunks that fit memory."""
    chunk = max(1, 2_000_000 // len(x))
    parts = []
    for start in range(0, N_RESAMPLES, chunk):
        size = (min(chunk, N_RESAMPLES - start), len(x))
        parts.append(np.std(x[rng.integers(0, len(x), size)], axis=1, ddof=1))
    return np.concatenate(parts)


def correlation(x: np.ndarray, y: np.ndarray) -> tuple[float, Interval] | None:
    """Pearson's r with Fisher's 95 % interval; None below four pairs or no spread."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    both = np.isfinite(x) & np.isfinite(y)
    x, y = x[both], y[both]
    if len(x) < 4 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    r = float(np.corrcoef(x, y)[0, 1])
    z, reach = np.arctanh(np.clip(r, -0.999999, 0.999999)), 1.96 / np.sqrt(len(x) - 3)
    return r, (float(np.tanh(z - reach)), float(np.tanh(z + reach)))
