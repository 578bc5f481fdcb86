"""Who falls into which quota and which arm, by permuted blocks."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vct.seeds import generator
from vct.spec import ArmSpec, CohortSpec
from vct.spec.population import Quota, Strata

Indices = NDArray[np.int64]

ALL = "all"
OTHER = "other"


def permuted_blocks(counts: Sequence[int], n: int, seed: int, *purpose: str) -> Indices:
    """Groups of n subjects: block by block, each block in random order.

    Parameters
    ----------
    counts
        Members of each group in one block.
    purpose
        Names the random stream.

    Examples
    --------
    >>> np.bincount(permuted_blocks([2, 1], 30, 7, "arms")).tolist()
    [20, 10]
    """
    block = np.repeat(np.arange(len(counts)), counts)
    n_blocks = -(-n // len(block))
    order = np.argsort(generator(seed, *purpose).random((n_blocks, len(block))), axis=1)
    return block[order].ravel()[:n]


def quota_sequence(spec: CohortSpec, n: int, seed: int) -> Indices:
    """Quota of each subject; the one after the last stands for outside of all.

    The block is the smallest that has the quotas' proportions, so a cohort twice as
    large, with quotas twice as large, begins with the same subjects.
    """
    counts = [quota.count for quota in spec.quotas]
    counts.append(spec.size - sum(counts))
    divisor = math.gcd(*counts)
    return permuted_blocks([c // divisor for c in counts], n, seed, "quotas")


def quota_names(spec: CohortSpec) -> list[str]:
    """Names of the strata, in the order of ``quota_sequence``."""
    return [*(quota.name for quota in spec.quotas), OTHER]


def arm_sequence(
    spec: CohortSpec, strata: Indices, names: Sequence[str], seed: int
) -> Indices:
    """Arm of each subject, in permuted blocks within each stratum.

    An arm depends on the subject's stratum and rank in it, so whoever comes later
    changes no arm.
    """
    arms = np.zeros(len(strata), np.int64)
    if len(spec.arms) == 1:
        return arms
    ratios = _block(spec.arms, spec)
    for index, name in enumerate(names):
        members = np.flatnonzero(strata == index)
        if len(members):
            arms[members] = permuted_blocks(ratios, len(members), seed, "arms", name)
    return arms


def stratify(
    strata: Strata, is_male: NDArray[np.bool_], age_years: NDArray[np.float64]
) -> tuple[Indices, list[str]]:
    """Stratum of each subject, and the names of all strata."""
    bands = np.searchsorted(np.array(strata.age_years, float), age_years, "right")
    n_bands = len(strata.age_years) + 1
    ends = [None, *strata.age_years, None]
    ages = [_band_name(ends[i], ends[i + 1]) for i in range(n_bands)]
    if not strata.sex:
        return bands.astype(np.int64), ages
    names = [f"{sex} {age}".strip() for sex in "FM" for age in ages]
    return (is_male * n_bands + bands).astype(np.int64), names


def holds(quota: Quota, is_male: bool | NDArray, age_years: NDArray) -> NDArray:
    """Who fills a quota."""
    inside = np.ones(len(age_years), bool)
    if quota.sex is not None:
        inside &= np.asarray(is_male) == (quota.sex == "M")
    if quota.age_years is not None:
        band = quota.age_years
        inside &= (age_years >= band.low) & (age_years < band.high)
    return inside


def _block(arms: Sequence[ArmSpec], spec: CohortSpec) -> list[int]:
    """Subjects of each arm in one block."""
    unit = sum(arm.ratio for arm in arms)
    size = spec.randomization.block_size if spec.randomization else unit
    return [arm.ratio * (size // unit) for arm in arms]


def _band_name(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    if low is None:
        return f"below {high:g}"
    return f"{low:g}+" if high is None else f"{low:g}-{high:g}"
