"""Is the ruler straight? Cohorts with planted faults, and faultless ones, judged.

    python -m vct.validation.ruler --repetitions 200

Made-up people stand in for cohort and reference: organs follow sex, age, BMI and
height log-normally, with means, spreads and slopes of healthy adults' order. Every
fault is planted in one place; detected means that the finding which names it fails.
A PET against its CT is judged apart, by shifts as they were measured in images.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vct.seeds import generator
from vct.validation.comparison import Against, compare
from vct.validation.duplicates import same_subjects
from vct.validation.people import MEASURES, Measure, People
from vct.validation.shift_ruler import shift_rates
from vct.validation.slopes import compare_slopes

if TYPE_CHECKING:
    import pandas as pd

SIZES = (64, 256, 1000)
REFERENCE_SIZE = 900  # people with FDG in AutoPET
_AGAINST = Against("reference", "own reference")

# Coefficient of variation, and slopes of ln(value) per 10 years, kg/m² and 10 cm.
_SPREAD = {"volume_ml": 0.18, "suv_mean": 0.16, "hu_mean": 0.10}
_SLOPES = {
    "volume_ml": (-0.01, 0.02, 0.10),
    "suv_mean": (0.01, 0.01, 0.0),
    "hu_mean": (0.0, 0.0, 0.0),
}
_MEN = 0.15  # ln(men / women)
_SHARED = 0.4  # correlation of a subject's residuals

Plant = Callable[[People, np.random.Generator], People]
Named = Callable[["Judged"], bool]


@dataclass(frozen=True)
class Judged:
    """What the comparison says of one cohort."""

    comparisons: "pd.DataFrame"
    slopes: "pd.DataFrame"
    duplicates: int

    def fails(self, verdict: str, organ: str, quantity: str, groups: set[str]) -> bool:
        """Whether a row of an organ fails in one of the groups."""
        df = self.comparisons
        rows = (df["organ"] == organ) & (df["quantity"] == quantity)
        return bool((df.loc[rows & df["group"].isin(groups), verdict] == "fail").any())


@dataclass(frozen=True)
class Fault:
    """A planted fault, and which finding names it."""

    name: str
    plant: Plant
    named: Named


def draw_people(rng: np.random.Generator, n: int) -> People:
    """``n`` faultless people with every measure of ``people.MEASURES``."""
    import pandas as pd

    male = rng.random(n) < 0.5
    who = pd.DataFrame(
        {
            "sex": np.where(male, "M", "F"),
            "age_years": np.clip(rng.normal(60, 16, n), 18, 90),
            "height_m": rng.normal(np.where(male, 1.77, 1.65), 0.07),
            "bmi_kg_m2": np.clip(np.exp(rng.normal(np.log(26.5), 0.17, n)), 17, 45),
            "diagnosis": "",
        }
    )
    apart = np.column_stack(
        [
            (who["age_years"] - 60) / 10,
            who["bmi_kg_m2"] - 27,
            (who["height_m"] - 1.70) / 0.1,
        ]
    )
    shared = rng.standard_normal(n)
    columns = [
        np.exp(
            _MEN * male * (measure.quantity == "volume_ml")
            + apart @ np.array(_SLOPES[measure.quantity])
            + _SPREAD[measure.quantity]
            * (
                np.sqrt(_SHARED) * shared
                + np.sqrt(1 - _SHARED) * rng.standard_normal(n)
            )
        )
        for measure in MEASURES
    ]
    return People(who, np.column_stack(columns))


def _liver_suv_too_high(people: People, rng: np.random.Generator) -> People:
    return _changed(people, Measure("liver", "suv_mean"), lambda x: 1.08 * x)


def _spread_halved(people: People, rng: np.random.Generator) -> People:
    return _changed(
        people,
        Measure("spleen", "volume_ml"),
        lambda x: x.mean() + 0.5 * (x - x.mean()),
    )


def _male_livers(people: People, rng: np.random.Generator) -> People:
    women = (people.who["sex"] == "F").to_numpy()
    return _changed(
        people,
        Measure("liver", "volume_ml"),
        lambda x: x * np.where(women, np.exp(_MEN), 1.0),
    )


def _bmi_slope_removed(people: People, rng: np.random.Generator) -> People:
    bmi = people.who["bmi_kg_m2"].to_numpy()
    slope = _SLOPES["volume_ml"][1]
    return _changed(
        people, Measure("liver", "volume_ml"), lambda x: x * np.exp(-slope * (bmi - 27))
    )


def _duplicated(people: People, rng: np.random.Generator) -> People:
    """A tenth of the subjects are others over again, measured once more."""
    table = people.values.copy()
    chosen = rng.permutation(len(people))
    n = len(people) // 10
    table[chosen[:n]] = table[chosen[n : 2 * n]] * rng.normal(
        1.0, 0.002, (n, table.shape[1])
    )
    return replace(people, values=table)


FAULTS = (
    Fault(
        "liver SUV +8 %",
        _liver_suv_too_high,
        lambda j: j.fails("verdict", "liver", "suv_mean", {"all", "women", "men"}),
    ),
    Fault(
        "spread of spleen volume halved",
        _spread_halved,
        lambda j: j.fails(
            "spread_verdict", "spleen", "volume_ml", {"all", "women", "men"}
        ),
    ),
    Fault(
        "women given men's livers",
        _male_livers,
        lambda j: j.fails("verdict", "liver", "volume_ml", {"women"}),
    ),
    Fault(
        "liver volume without its slope on BMI",
        _bmi_slope_removed,
        lambda j: bool(
            (
                j.slopes.query(
                    "organ == 'liver' and quantity == 'volume_ml' and on == 'bmi_kg_m2'"
                )["verdict"]
                == "fail"
            ).any()
        ),
    ),
    Fault("10 % of subjects duplicated", _duplicated, lambda j: j.duplicates > 0),
)


def judge(cohort: People, reference: People) -> Judged:
    """Everything that is judged of a cohort."""
    return Judged(
        compare(cohort, reference, _AGAINST, distributions=False),
        compare_slopes(cohort, reference, _AGAINST),
        len(same_subjects(cohort)),
    )


def rates(sizes: tuple[int, ...], repetitions: int, seed: int) -> "pd.DataFrame":
    """Detection rate of each fault and false alarms without one, by cohort size.

    False alarms are told in two ways: the share of judged rows that fail, and the
    share of cohorts in which any row does.
    """
    import pandas as pd

    rows = []
    for n in sizes:
        told: dict[str, list[float]] = {fault.name: [] for fault in FAULTS}
        row_alarms, any_alarms = [], []
        for k in range(repetitions):
            rng = generator(seed, "ruler", n, k)
            reference, cohort = draw_people(rng, REFERENCE_SIZE), draw_people(rng, n)
            share, some = _alarms(judge(cohort, reference))
            row_alarms.append(share)
            any_alarms.append(some)
            for fault in FAULTS:
                judged = judge(fault.plant(cohort, rng), reference)
                told[fault.name].append(fault.named(judged))
        rows.append(
            {
                "n": n,
                **{name: float(np.mean(found)) for name, found in told.items()},
                "rows that fail without a fault": float(np.mean(row_alarms)),
                "cohorts with any such row": float(np.mean(any_alarms)),
                **shift_rates(n, repetitions, seed),
            }
        )
    return pd.DataFrame(rows)


def markdown(df: "pd.DataFrame") -> str:
    """The rates as a table for the documentation."""
    sizes = df["n"].tolist()
    lines = [
        "| | " + " | ".join(f"n = {n}" for n in sizes) + " |",
        "|---|" + "---|" * len(sizes),
    ]
    for name in df.columns[1:]:
        told = (f"{100 * value:.3g} %" for value in df[name])
        lines.append(f"| {name} | " + " | ".join(told) + " |")
    return "\n".join(lines)


def _changed(people: People, measure: Measure, change) -> People:
    table = people.values.copy()
    column = people.measures.index(measure)
    table[:, column] = change(table[:, column])
    return replace(people, values=table)


def _alarms(judged: Judged) -> tuple[float, bool]:
    """Share of judged rows that fail, and whether any does."""
    verdicts = np.concatenate(
        [
            judged.comparisons["verdict"].to_numpy(str),
            judged.comparisons["spread_verdict"].to_numpy(str),
            judged.slopes["verdict"].to_numpy(str),
        ]
    )
    fails = verdicts[verdicts != "info"] == "fail"
    return float(fails.mean()), bool(fails.any() or judged.duplicates)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    given = parser.parse_args()
    print(markdown(rates(tuple(given.sizes), given.repetitions, given.seed)))


if __name__ == "__main__":
    main()
