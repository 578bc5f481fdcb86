"""Of how many subjects the segmenter told an organ's numbers, in each set."""

from collections.abc import Iterator
from math import sqrt

from vct.training.agreement.row import Row, within
from vct.training.agreement.tables import LISTED, Measured

MOST_FEWER_POINTS = 5.0
_REACH_95 = 1.960


def told_rows(measured: Measured) -> Iterator[Row]:
    """Share of subjects with a volume [%]: the other figures are of these only.

    Refusing what is implausible trims means and spreads. So a share passes that is at
    most 5 points, and what chance makes of them (95 %), below the population's.
    """
    for group in measured.groups:
        ids = {
            name: measured.of(name, group).index
            for name in ("generated", "fresh", "population")
        }
        n = {name: len(who) for name, who in ids.items()}
        shares = {
            name: 100 * measured.values.loc[who].notna().mean()
            for name, who in ids.items()
        }
        for organ in LISTED:
            key = (organ, "volume_ml")
            if key not in measured.values.columns:
                continue
            own, fresh, population = (float(share[key]) for share in shares.values())
            bound = (_least(population, n["generated"]), 100.0)
            yield Row(
                part="moments",
                statistic="share of subjects told",
                group=group,
                organ=organ,
                quantity="volume_ml",
                unit="%",
                n=n["generated"],
                value=own,
                bound=bound,
                verdict=within(own, None, bound, strict=True),
                chance=fresh if n["fresh"] else None,
                chance_verdict=within(fresh, None, bound, strict=True)
                if n["fresh"]
                else None,
                note=f"population {population:.1f} %",
            )


def _least(population_percent: float, n: int) -> float:
    """Least share [%] of ``n`` subjects that passes."""
    chance = sqrt(population_percent * (100 - population_percent) / n)
    return max(population_percent - MOST_FEWER_POINTS - _REACH_95 * chance, 0.0)
