"""How organs follow age, height and BMI: regressions of cohort and reference."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vct.validation.comparison import SIGNIFICANT, Against, verdicts
from vct.validation.equivalence import adjusted
from vct.validation.groups import SEXES
from vct.validation.people import Measure, People

if TYPE_CHECKING:
    import pandas as pd

REGRESSORS = ("age_years", "bmi_kg_m2", "height_m")
FEWEST = 20  # subjects below which no slope is told
FEWEST_KNOWN = 0.5  # share of subjects below which a regressor is not held
_WORDS = {"age_years": "age", "bmi_kg_m2": "BMI", "height_m": "height"}


class Slope(NamedTuple):
    """Slope, its standard error and degrees of freedom."""

    value: float
    error: float
    degrees: int

    def interval(self) -> tuple[float, float]:
        """Student's 95 % interval."""
        from scipy import stats

        reach = stats.t.ppf(0.975, self.degrees) * self.error
        return self.value - reach, self.value + reach


Published = Mapping[tuple[str, str, str], Mapping[str, tuple[float, float, int]]]


def compare_slopes(
    cohort: People, reference: People | Published | None, against: Against
) -> "pd.DataFrame":
    """Slopes of every volume and mean SUV, by sex, each with the others held.

    ``reference`` is people measured one by one, or published slopes by (organ,
    quantity, sex) and regressor: value, standard error, degrees of freedom. Both sides
    hold the regressors that are known of most people on both; a slope that holds others
    is another slope.

    A difference of slopes is judged over one SD of the regressor in the cohort, as a
    share of the mean: *pass* where two one-sided tests put it within the bound, *fail*
    where it differs from 0 and lies beyond. Without ``reference`` slopes are shown.

    Returns
    -------
    DataFrame
        Columns of ``comparison_tables.SLOPES``.
    """
    import pandas as pd

    from vct.validation.comparison_tables import SLOPES

    rows = list(_rows(cohort, reference, against))
    df = pd.DataFrame(rows, columns=[c for c in SLOPES if c != "verdict"])
    for name in ("p_difference", "p_equivalence"):
        df[f"{name}_adjusted"] = adjusted(df[name].to_numpy(float))
    beyond = df["difference_percent_per_sd"].abs() > against.bound_percent
    df["verdict"] = verdicts(
        df["p_difference"].isna(),
        df["p_equivalence_adjusted"] < SIGNIFICANT,
        (df["p_difference_adjusted"] < SIGNIFICANT) & beyond,
    )
    return df[list(SLOPES)]


def known_regressors(values: np.ndarray, who: "pd.DataFrame") -> set[str]:
    """Regressors known of ``FEWEST_KNOWN`` or more of those who have a value."""
    known = who.loc[np.isfinite(values), list(REGRESSORS)].notna().mean()
    return set(known.index[known >= FEWEST_KNOWN])


def fitted_slopes(
    values: np.ndarray, who: "pd.DataFrame", held: Sequence[str] = REGRESSORS
) -> dict[str, Slope]:
    """Least squares of values (n,) on the regressors that vary; empty below ``FEWEST``.

    Errors are robust to spread that changes along a regressor: HC3 of MacKinnon and
    White, J Econometrics 29 (1985) 305.

    Parameters
    ----------
    held
        Of ``REGRESSORS``, what is fitted; people of whom one is unknown are left out.
    """
    known = _complete(values, who, held)
    x, y = who.loc[known, list(held)].to_numpy(float), values[known]
    if len(y) < FEWEST:
        return {}
    vary = np.ptp(x, axis=0) > 0
    x = x[:, vary]
    center = x.mean(axis=0)
    design = np.column_stack([np.ones(len(y)), x - center])
    inverse = np.linalg.pinv(design.T @ design)
    beta = inverse @ design.T @ y
    degrees = len(y) - design.shape[1]
    leverage = ((design @ inverse) * design).sum(axis=1)
    left = (y - design @ beta) / (1 - leverage)
    errors = np.sqrt(np.diag(inverse @ (design.T * left**2) @ design @ inverse))
    return {
        name: Slope(float(beta[k]), float(errors[k]), degrees)
        for k, name in enumerate(compress(held, vary), start=1)
    }


def _complete(
    values: np.ndarray, who: "pd.DataFrame", held: Sequence[str]
) -> np.ndarray:
    """Who has a value and all that is held, bool (n,)."""
    return np.isfinite(values) & who[list(held)].notna().all(axis=1).to_numpy()


def _rows(
    cohort: People, reference: People | Published | None, against: Against
) -> Iterator[dict[str, Any]]:
    for column, measure in enumerate(cohort.measures):
        if measure.quantity == "hu_mean":
            continue
        for sex in SEXES.values():
            x, who = _of_sex(cohort, column, sex)
            known = known_regressors(x, who)
            if isinstance(reference, People):
                known &= known_regressors(*_of_sex(reference, column, sex))
            held = [name for name in REGRESSORS if name in known]
            theirs, n_reference = _theirs(reference, column, measure, sex, held)
            for name, slope in fitted_slopes(x, who, held).items():
                spread = float(who[name].std())
                yield {
                    "organ": measure.organ,
                    "quantity": measure.quantity,
                    "sex": sex,
                    "on": name,
                    "reference": against.name,
                    "evidence": against.evidence,
                    "n": int(_complete(x, who, held).sum()),
                    "n_reference": n_reference,
                    **_pair(slope, theirs.get(name)),
                    **_difference(
                        slope,
                        theirs.get(name),
                        100 * spread / abs(float(np.nanmean(x))),
                        against.bound_percent,
                    ),
                    "note": _note(held, bool(theirs)),
                }


def _of_sex(people: People, column: int, sex: str) -> tuple[np.ndarray, "pd.DataFrame"]:
    """Values of a measure (n,), and who has them."""
    of = (people.who["sex"] == sex).to_numpy()
    return people.values[of, column], people.who[of]


def _note(held: Sequence[str], compared: bool) -> str:
    """Whether there is a slope to compare with, and what could not be held."""
    notes = [] if compared else ["No slope in the reference."]
    unknown = [_WORDS[name] for name in REGRESSORS if name not in held]
    if unknown:
        used = " and ".join(_WORDS[name] for name in held)
        notes.append(
            f"On {used} alone: {' and '.join(unknown)} not known of most people."
        )
    return " ".join(notes)


def _theirs(
    reference: People | Published | None,
    column: int,
    measure: Measure,
    sex: str,
    held: Sequence[str],
) -> tuple[dict[str, Slope], int]:
    """Slopes of the reference, of what is held, and the number of its people."""
    if reference is None:
        return {}, 0
    if not isinstance(reference, People):
        given = reference.get((measure.organ, measure.quantity, sex), {})
        if not set(given) <= set(held):
            given = {}
        slopes = {name: Slope(*slope) for name, slope in given.items()}
        some = next(iter(slopes.values()), None)
        return slopes, some.degrees + len(REGRESSORS) + 1 if some else 0
    values, who = _of_sex(reference, column, sex)
    slopes = fitted_slopes(values, who, held)
    return slopes, int(_complete(values, who, held).sum())


def _pair(own: Slope, other: Slope | None) -> dict[str, float]:
    low, high = own.interval()
    r_low, r_high = other.interval() if other else (np.nan, np.nan)
    return {
        "slope": own.value,
        "low": low,
        "high": high,
        "reference_slope": other.value if other else np.nan,
        "reference_low": r_low,
        "reference_high": r_high,
    }


def _difference(
    own: Slope, other: Slope | None, percent: float, bound: float
) -> dict[str, float]:
    """Difference over one SD in percent of the mean, and its two tests."""
    from scipy import stats

    if other is None:
        names = ("difference_percent_per_sd", "p_difference", "p_equivalence")
        return dict.fromkeys(names, np.nan)
    difference = (own.value - other.value) * percent
    error = float(np.hypot(own.error, other.error)) * percent
    degrees = min(own.degrees, other.degrees)
    return {
        "difference_percent_per_sd": difference,
        "p_difference": float(2 * stats.t.sf(abs(difference) / error, degrees)),
        "p_equivalence": float(
            max(
                stats.t.sf((difference + bound) / error, degrees),
                stats.t.cdf((difference - bound) / error, degrees),
            )
        ),
    }
