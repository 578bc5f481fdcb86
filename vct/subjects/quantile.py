"""Distributions of a spec as functions: probability below a value, and its inverse.

Drawing is inversion: one uniform number makes one value, so a copula can join
variables and row k needs one row of uniform numbers, whatever it draws.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vct.spec.distributions import (
    ByAge,
    BySex,
    Categorical,
    Constant,
    Histogram,
    LogNormal,
    Mixture,
    Normal,
    TruncatedNormal,
    Uniform,
)

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_HALVINGS = 60  # of a mixture's bracket: below the spacing of doubles


@dataclass(frozen=True)
class People:
    """What a distribution may depend on, one value per subject."""

    is_male: Mask
    age_years: Floats

    def take(self, mask: Mask) -> "People":
        """Some of them."""
        return People(self.is_male[mask], self.age_years[mask])


@dataclass(frozen=True)
class RowNormal:
    """Normal distribution with a mean and an SD for each subject."""

    mean: Floats
    sd: Floats


@dataclass(frozen=True)
class RowLogNormal:
    """Log-normal distribution with the moments of each subject's logarithm."""

    mean: Floats
    sd: Floats


def quantile(distribution: Any, u: Floats, people: People) -> Floats:
    """Value below which a share ``u`` of the distribution lies, per subject.

    Parameters
    ----------
    u
        Above 0 and below 1.
    """
    from scipy.special import ndtri

    match distribution:
        case int() | float():
            return np.full(len(u), float(distribution))
        case Constant(value=value):
            return np.full(len(u), value)
        case Normal(mean=mean, sd=sd) | RowNormal(mean=mean, sd=sd):
            return np.asarray(mean + sd * ndtri(u))
        case LogNormal():
            mean, sd = log_moments(distribution)
            return np.exp(mean + sd * ndtri(u))
        case RowLogNormal(mean=mean, sd=sd):
            return np.exp(mean + sd * ndtri(u))
        case TruncatedNormal():
            return _truncated_normal(distribution, u)
        case Uniform(low=low, high=high):
            return low + u * (high - low)
        case Categorical(weights=weights):
            values = np.array(sorted(weights))
            shares = _cumulative([weights[x] for x in values])
            at = np.searchsorted(shares[1:], u)
            return values[np.minimum(at, len(values) - 1)]
        case Histogram(edges=edges, counts=counts):
            return np.interp(u, _cumulative(counts), edges)
        case Mixture():
            return _mixture(distribution, u, people)
    return _by_group(
        distribution, people, lambda d, m: quantile(d, u[m], people.take(m))
    )


def below(distribution: Any, x: float | Floats, people: People) -> Floats:
    """Probability of a value below ``x``, per subject."""
    from scipy.special import ndtr

    x = np.broadcast_to(np.asarray(x, float), people.is_male.shape)
    match distribution:
        case int() | float():
            return (x > float(distribution)).astype(float)
        case Constant(value=value):
            return (x > value).astype(float)
        case Normal(mean=mean, sd=sd) | RowNormal(mean=mean, sd=sd):
            return np.asarray(ndtr((x - mean) / sd))
        case LogNormal():
            mean, sd = log_moments(distribution)
            return _log_below(x, mean, sd)
        case RowLogNormal(mean=mean, sd=sd):
            return _log_below(x, mean, sd)
        case TruncatedNormal():
            return _truncated_normal_below(distribution, x)
        case Uniform(low=low, high=high):
            return np.clip((x - low) / (high - low), 0.0, 1.0)
        case Categorical(weights=weights):
            values = np.array(sorted(weights))
            shares = _cumulative([weights[v] for v in values])
            return shares[np.searchsorted(values, x)]
        case Histogram(edges=edges, counts=counts):
            return np.interp(x, edges, _cumulative(counts))
        case Mixture(components=components):
            shares = np.array([c.weight for c in components])
            parts = [below(c.draw, x, people) for c in components]
            return np.asarray(shares / shares.sum() @ np.array(parts))
    return _by_group(distribution, people, lambda d, m: below(d, x[m], people.take(m)))


def quantile_within(
    distribution: Any, u: Floats, low: float, high: float, people: People
) -> Floats:
    """Quantile of the distribution cut to ``low`` (inside) and ``high`` (outside).

    Where the distribution has nothing between them, the result is NaN.
    """
    start, end = below(distribution, low, people), below(distribution, high, people)
    v = np.clip(start + u * (end - start), 1e-300, 1.0 - 2.0**-53)
    x = np.clip(quantile(distribution, v, people), low, np.nextafter(high, low))
    return np.where(end > start, x, np.nan)


def log_moments(distribution: LogNormal) -> tuple[float, float]:
    """Mean and SD of the logarithm."""
    variance = np.log1p((distribution.sd / distribution.mean) ** 2)
    return float(np.log(distribution.mean) - variance / 2), float(np.sqrt(variance))


def _by_group(distribution: Any, people: People, part: Any) -> Floats:
    """Distributions that depend on sex or age, one group after the other."""
    out = np.empty(len(people.is_male))
    match distribution:
        case BySex(by_sex=by_sex):
            for sex, inner in by_sex.items():
                mask = people.is_male == (sex == "M")
                out[mask] = part(inner, mask)
            return out
        case ByAge(by_age=bands):
            ends = [band.below for band in bands[:-1]]
            group = np.searchsorted(np.array(ends, float), people.age_years, "right")
            for i, band in enumerate(bands):
                mask = group == i
                out[mask] = part(band.draw, mask)
            return out
    raise TypeError(f"no distribution: {distribution!r}")


def _cumulative(weights: Any) -> Floats:
    """0, then the growing share, up to 1."""
    total = np.concatenate([[0.0], np.cumsum(np.asarray(weights, float))])
    return total / total[-1]


def _log_below(x: Floats, mean: float | Floats, sd: float | Floats) -> Floats:
    from scipy.special import ndtr

    with np.errstate(divide="ignore"):
        return np.asarray(ndtr((np.log(np.maximum(x, 0.0)) - mean) / sd))


def _ends(d: TruncatedNormal) -> tuple[float, float, bool]:
    """Ends in SD, mirrored to the lower tail, where probabilities keep their digits."""
    low, high = (d.low - d.mean) / d.sd, (d.high - d.mean) / d.sd
    return (-high, -low, True) if low > 0 else (low, high, False)


def _truncated_normal(d: TruncatedNormal, u: Floats) -> Floats:
    from scipy.special import ndtr, ndtri

    low, high, mirrored = _ends(d)
    v = 1.0 - u if mirrored else u
    z = ndtri(ndtr(low) + v * (ndtr(high) - ndtr(low)))
    return np.clip(d.mean + d.sd * (-z if mirrored else z), d.low, d.high)


def _truncated_normal_below(d: TruncatedNormal, x: Floats) -> Floats:
    from scipy.special import ndtr

    low, high, mirrored = _ends(d)
    z = (np.clip(x, d.low, d.high) - d.mean) / d.sd
    start, end = ndtr(low), ndtr(high)
    share = (ndtr(-z if mirrored else z) - start) / (end - start)
    inside = 1.0 - share if mirrored else share
    # The end itself belongs to the distribution; its probability is 0.
    return np.asarray(inside)


def _mixture(d: Mixture, u: Floats, people: People) -> Floats:
    """Bisection between the smallest and the largest quantile of the components."""
    parts = [quantile(c.draw, u, people) for c in d.components]
    low, high = np.minimum.reduce(parts), np.maximum.reduce(parts)
    for _ in range(_HALVINGS):
        middle = low + (high - low) / 2
        enough = below(d, np.nextafter(middle, np.inf), people) >= u
        high, low = np.where(enough, middle, high), np.where(enough, low, middle)
        if not np.any(high - low > 1e-12 * np.abs(high)):
            break
    for atom in _atoms(d):  # a value with a weight of its own is met exactly
        high = np.where(np.abs(high - atom) <= 1e-9 * abs(atom), atom, high)
    return high


def _atoms(distribution: Any) -> list[float]:
    """Values that have a weight of their own."""
    match distribution:
        case int() | float():
            return [float(distribution)]
        case Constant(value=value):
            return [value]
        case Categorical(weights=weights):
            return list(weights)
        case Mixture(components=components):
            return [atom for c in components for atom in _atoms(c.draw)]
    return []
