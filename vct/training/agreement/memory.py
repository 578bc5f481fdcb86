"""Are generated subjects new, and as different from each other as phantoms are?"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from vct.seeds import generator
from vct.training.agreement.embedding import distances
from vct.training.agreement.members import CONDITIONS
from vct.training.agreement.moments import SD_RATIO_BOUND
from vct.training.agreement.row import Row, within
from vct.training.agreement.tables import Measured
from vct.validation.finding import Interval, Verdict

TAIL = 0.01  # share of fresh phantoms that lie nearer than the limit, by definition
COPY_SHARE = 0.5
_CONFIDENCE = 0.99
_RESAMPLES = 1000
_FEWEST = 8


class Neighbors(NamedTuple):
    """Distance to the nearest known subject, over that to the second, and who it is."""

    nearest: np.ndarray
    ratio: np.ndarray
    whose: np.ndarray


def neighbors(x: np.ndarray, known: np.ndarray) -> Neighbors:
    """Nearest of ``known`` (m, d) for each of ``x`` (n, d), embeddings."""
    apart = distances(x, known)
    whose = apart.argmin(axis=1)
    two = np.partition(apart, 1, axis=1)[:, :2]
    return Neighbors(two[:, 0], two[:, 0] / np.maximum(two[:, 1], 1e-9), whose)


def neighbor_table(measured: Measured) -> pd.DataFrame:
    """Nearest training phantom of every generated and fresh subject.

    Where no training phantoms were measured, the population stands for them, of which
    the model has seen nothing: copies cannot be found then.
    """
    known = measured.of(known_set(measured))
    known = known[known.index.isin(list(measured.embeddings))]
    tables = []
    for name in ("generated", "fresh"):
        subjects = measured.of(name)
        subjects = subjects[subjects.index.isin(list(measured.embeddings))]
        if len(subjects) and len(known) > 1:
            found = neighbors(measured.embedding(subjects), measured.embedding(known))
            tables.append(
                pd.DataFrame(
                    {
                        "subject_id": subjects.index,
                        "set": name,
                        "distance": found.nearest,
                        "ratio": found.ratio,
                        "neighbor": known.index[found.whose],
                    }
                )
            )
    columns = ["subject_id", "set", "distance", "ratio", "neighbor"]
    return (
        pd.concat(tables, ignore_index=True)
        if tables
        else pd.DataFrame(columns=columns)
    )


def known_set(measured: Measured) -> str:
    """Set whose copies are looked for."""
    return "training" if measured.has("training") else "population"


def memory_rows(measured: Measured, table: pd.DataFrame) -> Iterator[Row]:
    """Tails of nearest-neighbor distances, and spreads at fixed conditions.

    Without training phantoms, or without fresh ones to compare with, nothing is said
    about copies: the row is there, and inconclusive.
    """
    own, fresh = (table[table["set"] == name] for name in ("generated", "fresh"))
    missing = not_measured(measured)
    if len(own) and len(fresh):
        known = known_set(measured)
        yield _typical(own, fresh, known)
        for column, organ in (("distance", "distance"), ("ratio", "ratio to second")):
            yield _unless(missing, _tail(own, fresh, column, organ, known))
        yield _unless(missing, _copies(table, known))
        yield _distinct(own, fresh, known)
    else:
        yield _unless(missing or ["embeddings"], _copies(table, known_set(measured)))
    yield from _diversity(measured)


def not_measured(measured: Measured) -> list[str]:
    """What it takes to find copies, and is not there."""
    names = {"training": "training phantoms", "fresh": "fresh phantoms"}
    return [words for name, words in names.items() if not measured.has(name)]


def _unless(missing: Sequence[str], row: Row) -> Row:
    """The row, without a verdict where what it takes was not measured."""
    if not missing:
        return row
    note = f"not measured: {' and '.join(missing)}"
    return replace(row, value=math.nan, verdict="inconclusive", bound=None, note=note)


def copies(table: pd.DataFrame, name: str = "generated") -> list[dict[str, Any]]:
    """Subjects of a set that are far nearer to one known phantom than chance brings.

    Both the distance to the nearest and its ratio to the second nearest are below half
    of what 1 % of fresh phantoms stay below: smoother images shorten all distances, a
    copy shortens one.
    """
    fresh, own = table[table["set"] == "fresh"], table[table["set"] == name]
    if fresh.empty:
        return []
    limits = COPY_SHARE * fresh[["distance", "ratio"]].quantile(TAIL)
    near, lonely = (own[column] < limits[column] for column in ("distance", "ratio"))
    columns = ["subject_id", "neighbor", "distance", "ratio"]
    found = own[near & lonely].sort_values("ratio")[columns]
    return [{str(k): v for k, v in row.items()} for row in found.to_dict("records")]


def _copies(table: pd.DataFrame, known: str) -> Row:
    found, by_chance = copies(table), copies(table, "fresh")
    return Row(
        part="memory",
        statistic="copies",
        group="all",
        organ="",
        quantity=f"of {known}",
        unit="subjects",
        n=int((table["set"] == "generated").sum()),
        value=float(len(found)),
        bound=(0.0, float(len(by_chance))),
        verdict=within(len(found), None, (0.0, float(len(by_chance))), strict=True),
        chance=float(len(by_chance)),
        note="nearest and its ratio to the second below half of the 1 % limits",
    )


def _typical(own: pd.DataFrame, fresh: pd.DataFrame, known: str) -> Row:
    ratio = float(own["distance"].median() / fresh["distance"].median())
    return Row(
        part="memory",
        statistic="median distance to nearest, over that of fresh",
        group="all",
        organ="",
        quantity=f"to {known}",
        unit="",
        n=len(own),
        value=ratio,
        chance=1.0,
        note="below 1 where generated images are smoother, too: see the two tails",
    )


def _tail(
    own: pd.DataFrame, fresh: pd.DataFrame, column: str, what: str, known: str
) -> Row:
    """Share of generated below the 1 % quantile of fresh phantoms, in percent."""
    limit = float(fresh[column].quantile(TAIL))
    n, below = len(own), int((own[column] < limit).sum())
    # The limit is itself a quantile of few: what that adds is the second set's chance.
    most = tail_limit(n, len(fresh))
    bound = (0.0, 100.0 * most / n)
    return Row(
        part="memory",
        statistic=f"share nearer than 1 % of fresh: {what}",
        group="all",
        organ="",
        quantity=f"to {known}",
        unit="%",
        n=n,
        value=100.0 * below / n,
        bound=bound,
        verdict=within(100.0 * below / n, None, bound, strict=True),
        chance=100.0 * TAIL,
        note=f"limit {limit:.4f}; at most {most} of {n} by chance",
    )


def tail_limit(n: int, m: int) -> int:
    """How many of ``n`` lie below the 1 % quantile of ``m`` others in 99 % of chance.

    The share below an order statistic of m draws is a beta variable, so the count is
    beta-binomial.
    """
    rank = TAIL * (m - 1) + 1
    law = stats.betabinom(n, rank, m + 1 - rank)
    return int(law.ppf(_CONFIDENCE))


def _distinct(own: pd.DataFrame, fresh: pd.DataFrame, known: str) -> Row:
    return Row(
        part="memory",
        statistic="distinct nearest neighbors",
        group="all",
        organ="",
        quantity=f"to {known}",
        unit="%",
        n=len(own),
        value=100.0 * own["neighbor"].nunique() / len(own),
        chance=100.0 * fresh["neighbor"].nunique() / len(fresh),
    )


def _diversity(measured: Measured) -> Iterator[Row]:
    """Mean distance between subjects of one condition, over the phantoms' own."""
    for which, person in enumerate(CONDITIONS):

        def embedded(name: str, which: int = which) -> np.ndarray:
            subjects = measured.of(name)
            return measured.embedding(subjects[subjects["condition"] == which])

        own, phantoms = embedded("alike_generated"), embedded("alike_phantom")
        if min(len(own), len(phantoms)) < _FEWEST:
            continue
        rng = generator(0, "agreement/diversity", which)
        value, interval = _ratio(own, phantoms, rng)
        half = len(phantoms) // 2
        chance, chance_interval = _ratio(phantoms[:half], phantoms[half:], rng)

        def verdict(value: float, interval: Interval) -> Verdict:
            return within(value, interval, SD_RATIO_BOUND, strict=False)

        yield Row(
            part="memory",
            statistic="diversity ratio",
            group=f"{person.sex} {person.age_years:.0f} y",
            organ="",
            quantity=f"{person.height_m:.2f} m, {person.bmi_kg_m2:.0f} kg/m²",
            unit="",
            n=len(own),
            value=value,
            interval=interval,
            bound=SD_RATIO_BOUND,
            verdict=verdict(value, interval),
            chance=chance,
            chance_interval=chance_interval,
            chance_verdict=verdict(chance, chance_interval),
            note="90 % interval touches bound; chance: one half of the phantoms over "
            "the other",
        )


def _ratio(
    a: np.ndarray, b: np.ndarray, rng: np.random.Generator
) -> tuple[float, Interval]:
    """Ratio of mean distances within two sets; interval by resampling subjects."""

    def resampled(x: np.ndarray) -> tuple[float, np.ndarray]:
        apart, n = distances(x, x), len(x)
        np.fill_diagonal(apart, np.nan)  # a subject drawn twice is no pair
        counts = rng.multinomial(n, np.full(n, 1 / n), _RESAMPLES).astype(float)
        off = ~np.eye(n, dtype=bool)
        pairs = np.einsum("ri,ij,rj->r", counts, off.astype(float), counts)
        total = np.einsum("ri,ij,rj->r", counts, np.where(off, apart, 0.0), counts)
        few = np.where(pairs > 0, pairs, np.nan)  # one subject only, drawn n times
        return float(np.nanmean(apart)), total / few

    (mean_a, many_a), (mean_b, many_b) = resampled(a), resampled(b)
    low, high = np.nanpercentile(many_a / many_b, [5, 95])
    return mean_a / mean_b, (float(low), float(high))
