"""Bootstrap and permutation, many quantities at once."""

import numpy as np

N_RESAMPLES = 2000
N_PERMUTATIONS = 499
MOST_PERMUTED = 1000  # values a side; more make p finer than anyone needs
_CHUNK = 4_000_000  # weights drawn at once


def resampled_moments(
    values: np.ndarray, weights: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and SD of resamples of the subjects, (N_RESAMPLES, c) each.

    Of one subject there is no SD.

    Poisson bootstrap: every subject counts Poisson(1) times, in all columns alike, so
    that a matrix product does it. NaN are left out.

    Parameters
    ----------
    values
        (n, c).
    weights
        Of the subjects, (n,), or of every value, (n, c).
    """
    n = len(values)
    present = np.isfinite(values)
    w = np.where(present, weights.reshape(n, -1), 0.0)
    some = present.any(axis=0)
    center = np.nanmean(np.where(some, values, 0.0), axis=0, keepdims=True)
    apart = np.where(present, values - center, 0.0)
    table = np.hstack([w, w * apart, w * apart**2])
    step = max(1, _CHUNK // max(n, 1))
    sums = np.vstack(
        [
            rng.poisson(1.0, (min(step, N_RESAMPLES - first), n)) @ table
            for first in range(0, N_RESAMPLES, step)
        ]
    )
    total, first, second = np.split(sums, 3, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = first / total
        variance = np.maximum(second / total - mean**2, 0.0)
        effective = w.sum(axis=0) ** 2 / (w**2).sum(axis=0)
        variance *= np.where(effective > 1, effective / (effective - 1), np.nan)
    return mean + center, np.sqrt(variance)


def intervals(draws: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval of the columns of ``draws``, NaN passed over."""
    tail = 50.0 * (1 - confidence)
    draws = np.where(np.isfinite(draws), draws, np.nan)
    empty = np.isnan(draws).all(axis=0)
    filled = np.where(empty, 0.0, draws)
    low, high = np.nanpercentile(filled, [tail, 100.0 - tail], axis=0)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def distances(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Kolmogorov-Smirnov and Wasserstein distance of x (n,) and weighted y (m,).

    Where weights differ there is nothing to permute: what chance does is drawn from
    both sides' values pooled, n of them and as many as the weights are worth (the
    effective number of Kish 1965), with replacement (Efron and Tibshirani 1993, 16.2).

    Returns
    -------
    tuple
        KS distance, its p; Wasserstein distance in the values' unit, its p. p are of
        at most ``MOST_PERMUTED`` values a side.
    """
    share, steps = _steps(x, y, weights)
    ks, wasserstein = (float(d[0]) for d in _apart(share[None], steps))
    some, chosen = _at_most(len(x), rng), _at_most(len(y), rng)
    x, y, weights = x[some], y[chosen], weights[chosen]
    share, steps = _steps(x, y, weights)
    if np.ptp(weights) > 0:
        chance = _drawn_shares(share, len(x), weights, rng)
    else:
        chance = rng.permuted(np.tile(share, (N_PERMUTATIONS, 1)), axis=1)
    found = _apart(np.vstack([share, chance]), steps)
    p_ks, p_wasserstein = (float(np.mean(d >= d[0] * (1 - 1e-9))) for d in found)
    return ks, p_ks, wasserstein, p_wasserstein


def _steps(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Steps of F_x - F_y at all values in order, (n + m,), and the way between them."""
    pooled = np.concatenate([x, y])
    order = np.argsort(pooled, kind="stable")
    own = np.full(len(x), 1 / len(x))
    share = np.concatenate([own, -weights / weights.sum()])
    return share[order], np.diff(pooled[order])


def _apart(shares: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """KS and Wasserstein distance of each row of steps of F_x - F_y."""
    apart = np.abs(np.cumsum(shares, axis=1))[:, :-1]
    # Equal values are one step of the distribution functions.
    return (apart * (steps > 0)).max(axis=1), apart @ steps


def _drawn_shares(
    share: np.ndarray, n: int, weights: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Steps of F_x - F_y where both are drawn from the pooled values, in rows."""
    m = max(round(weights.sum() ** 2 / (weights**2).sum()), 1)
    # Positive steps are x's, negative ones y's; each side's add up to 1.
    pooled = np.where(share > 0, n * share, -m * share) / (n + m)
    x, y = (rng.multinomial(k, pooled, N_PERMUTATIONS) / k for k in (n, m))
    return x - y


def _at_most(n: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of at most ``MOST_PERMUTED`` of n, by chance."""
    few = n <= MOST_PERMUTED
    return np.arange(n) if few else rng.choice(n, MOST_PERMUTED, replace=False)
