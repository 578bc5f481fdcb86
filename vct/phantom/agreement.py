"""Drawn people against measured ones: means, spreads, slopes, correlations.

Every verdict compares a number of the draws with an interval of the people:

- mean, by organ and sex: the people's mean ± 2 standard errors;
- SD, by organ and sex: the people's 95 % interval (χ²), relative to the mean where the
  mean was moved to AutoPET;
- slopes of the logarithm with age and BMI: the people's 95 % interval (t);
- correlation of logarithms: the people's 95 % interval (Fisher's z), largest pairs;
- liver, heart, kidneys at AutoPET's demographics: the published mean ± reading error.

These are the people the fit was made on, so this tests that draws follow the fit and
the fit the people, not that it holds for others. ``held_out_means`` compares ten people
at a time with a fit that never saw them.

The bounds are the people's own error alone. Less than 95 % agree by chance where draws
are few and have an error too, and of SDs of skewed quantities: the χ² interval of 30
log-normal values covers 92, 75 and 60 % where their logarithm's SD is 0.2, 0.5 and 0.7.
``shares_by_chance`` tells how many would agree if the people were draws.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from vct.phantom.demographics import REGRESSORS, Demographics, design_matrix
from vct.phantom.fitting import autopet_people, fit_people
from vct.phantom.population import draw_quantities, fitted_table
from vct.seeds import generator

CONFIDENCE = 0.95
STANDARD_ERRORS = 2.0
LARGEST_PAIRS = 15
LEFT_OUT = 10
PEOPLE_OF_A_SEX = 30
CHANCE_SETS = 100  # draws of everybody that play the people, see ``shares_by_chance``
# ± of a value read off the publication's figure: mL and SUV.
READING_ERROR = {
    "volume_ml/liver": 18.0, "volume_ml/heart": 8.0, "volume_ml/kidneys": 4.0,
    "suv/liver": 0.03, "suv/heart": 0.05, "suv/kidneys": 0.03,
}  # fmt: skip
_AUTOPET_NAME = {"liver": "liver", "heart": "heart", "kidneys_LR": "kidneys"}


def with_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """The table with both kidneys and both lungs as one organ each, as they are read.

    Columns that a table lacks are left out.
    """
    table = table.copy()
    for organ in ("kidney", "lung"):
        left, right = f"{organ}_left", f"{organ}_right"
        volume = [table.pop(f"volume_ml/{side}") for side in (left, right)]
        suv = [table.pop(f"suv/{side}") for side in (left, right)]
        total = volume[0] + volume[1]
        table[f"volume_ml/{organ}s"] = total
        table[f"suv/{organ}s"] = (volume[0] * suv[0] + volume[1] * suv[1]) / total
    return table


def drawn_people(
    people: Sequence[Demographics], draws: int, seed: int
) -> tuple[list[Demographics], pd.DataFrame]:
    """``draws`` joint draws at each person's demographics, person after person."""
    rows, who = [], []
    for n, person in enumerate(people):
        rng = generator(seed, "agreement", n)
        rows += [draw_quantities(person, rng) for _ in range(draws)]
        who += [person] * draws
    return who, pd.DataFrame(rows)


def moved_to_autopet() -> set[str]:
    """Quantities whose mean is AutoPET's, kidneys as one."""
    quantities = fitted_table()["quantities"]
    moved = {name for name, row in quantities.items() if row["autopet_shift"]}
    return {name.partition("_left")[0].partition("_right")[0] for name in moved} | {
        "volume_ml/kidneys",
        "suv/kidneys",
    }


def compare_moments(
    people: Sequence[Demographics],
    measured: pd.DataFrame,
    who: Sequence[Demographics],
    drawn: pd.DataFrame,
) -> pd.DataFrame:
    """Means and SDs by quantity and sex, with their verdicts.

    Tables as from ``with_pairs``. ``mean_agrees`` is empty where the mean was moved.
    """
    moved = moved_to_autopet()
    theirs = {sex: _of_sex(people, sex) for sex in ("F", "M")}
    made = {sex: _of_sex(who, sex) for sex in ("F", "M")}
    rows = []
    for quantity in measured.columns.intersection(drawn.columns):
        for sex in ("F", "M"):
            real = measured.loc[theirs[sex], quantity].dropna().to_numpy()
            ours = drawn.loc[made[sex], quantity].dropna().to_numpy()
            mean, sd, n = real.mean(), real.std(ddof=1), len(real)
            low, high = sd_interval(sd, n)
            spread = ours.std(ddof=1)
            if quantity in moved:
                spread *= mean / ours.mean()
            difference = (ours.mean() - mean) / (sd / n**0.5)
            rows.append(
                {
                    "quantity": quantity,
                    "sex": sex,
                    "people": n,
                    "people_mean": mean,
                    "draws_mean": ours.mean(),
                    "difference_se": difference,
                    "people_sd": sd,
                    "people_sd_low": low,
                    "people_sd_high": high,
                    "draws_sd": spread,
                    "moved": quantity in moved,
                    "mean_agrees": None
                    if quantity in moved
                    else bool(abs(difference) <= STANDARD_ERRORS),
                    "sd_agrees": bool(low <= spread <= high),
                }
            )
    return pd.DataFrame(rows)


def sd_interval(sd: float, n: int) -> tuple[float, float]:
    """95 % interval of an SD of n normal values."""
    tail = (1 - CONFIDENCE) / 2
    low, high = stats.chi2.ppf([tail, 1 - tail], n - 1)
    return sd * ((n - 1) / high) ** 0.5, sd * ((n - 1) / low) ** 0.5


def shares_by_chance(
    people: Sequence[Demographics],
    drawn: pd.DataFrame,
    draws: int,
    compared: int,
    sets: int = CHANCE_SETS,
) -> dict[str, float]:
    """Shares of means and of SDs that would agree if the people were draws themselves.

    One draw of each person plays the people, ``compared`` others play the draws, again
    and again: what is left to differ is chance.

    Parameters
    ----------
    drawn
        ``draws`` rows a person, person after person, as from ``drawn_people`` and
        ``with_pairs``; ``draws`` is more than ``compared``.
    compared
        Draws a person: the fewer, the more their own error counts.
    sets
        How often, at most ``draws``.
    """
    first = draws * np.arange(len(people))[:, None]
    found = []
    for k in range(min(sets, draws)):
        others = (k + 1 + np.arange(compared)) % draws
        ours = drawn.iloc[(first + others).ravel()].reset_index(drop=True)
        theirs = drawn.iloc[(first + k).ravel()].reset_index(drop=True)
        who = [person for person in people for _ in others]
        found.append(compare_moments(people, theirs, who, ours))
    table = pd.concat(found)
    means = table.loc[~table.moved, "mean_agrees"].astype(bool)
    return {"means": float(means.mean()), "sds": float(table.sd_agrees.mean())}


def compare_slopes(
    people: Sequence[Demographics],
    measured: pd.DataFrame,
    who: Sequence[Demographics],
    drawn: pd.DataFrame,
) -> pd.DataFrame:
    """Slopes of ln(quantity) with age (20 years) and ln BMI, sex and height held."""
    rows = []
    design, ours = design_matrix(people), design_matrix(who)
    freedom = len(design) - design.shape[1]
    inverse = np.linalg.inv(design.T @ design)
    for quantity in measured.columns.intersection(drawn.columns):
        y = np.log(measured[quantity].to_numpy())
        beta = inverse @ design.T @ y
        noise = ((y - design @ beta) ** 2).sum() / freedom
        has = drawn[quantity].notna().to_numpy()
        z = np.log(drawn.loc[has, quantity].to_numpy())
        slope = np.linalg.lstsq(ours[has], z, rcond=None)[0]
        reach = stats.t.ppf((1 + CONFIDENCE) / 2, freedom)
        for name in ("age", "ln_bmi"):
            n = REGRESSORS.index(name)
            half = float(reach * (noise * inverse[n, n]) ** 0.5)
            rows.append(
                {
                    "quantity": quantity,
                    "slope": name,
                    "people": beta[n],
                    "low": beta[n] - half,
                    "high": beta[n] + half,
                    "draws": slope[n],
                    "agrees": bool(abs(slope[n] - beta[n]) <= half),
                }
            )
    return pd.DataFrame(rows)


def compare_correlations(measured: pd.DataFrame, drawn: pd.DataFrame) -> pd.DataFrame:
    """All pairs of logarithms, largest correlation of the people first."""
    names = list(measured.columns.intersection(drawn.columns))
    complete = drawn[names].dropna()
    real = np.corrcoef(np.log(measured[names].to_numpy()).T)
    ours = np.corrcoef(np.log(complete.to_numpy()).T)
    i, j = np.triu_indices(len(names), 1)
    order = np.argsort(-np.abs(real[i, j]))
    z = np.arctanh(real[i, j])
    half = stats.norm.ppf((1 + CONFIDENCE) / 2) / (len(measured) - 3) ** 0.5
    low, high = np.tanh(z - half), np.tanh(z + half)
    table = pd.DataFrame(
        {
            "first": [names[k] for k in i],
            "second": [names[k] for k in j],
            "people": real[i, j],
            "low": low,
            "high": high,
            "draws": ours[i, j],
            "agrees": (low <= ours[i, j]) & (ours[i, j] <= high),
        }
    )
    return table.iloc[order].reset_index(drop=True)


def compare_autopet(data: Path, draws: int, seed: int) -> pd.DataFrame:
    """Means at AutoPET's demographics against the published ones."""
    published = pd.read_csv(data / "autopet" / "organ_reference_by_sex.csv")
    published = published[published.source == "AutoPET"]
    published = published[published.metric.isin(["volume", "SUVmean"])]
    rows = []
    for sex in ("F", "M"):
        people, weights = autopet_people(sex)
        rng = generator(seed, "agreement/autopet", sex)
        chosen = rng.choice(len(people), size=draws, p=weights)
        drawn = pd.DataFrame([draw_quantities(people[k], rng) for k in chosen])
        drawn = with_pairs(drawn)
        for _, row in published[published.sex == sex].iterrows():
            kind = "volume_ml" if row["metric"] == "volume" else "suv"
            quantity = f"{kind}/{_AUTOPET_NAME[str(row['organ'])]}"
            target, error = float(row["mean"]), READING_ERROR[quantity]
            mean = float(drawn[quantity].mean())
            rows.append(
                {
                    "quantity": quantity,
                    "sex": sex,
                    "published": target,
                    "reading_error": error,
                    "draws_mean": mean,
                    "draws_sd": float(drawn[quantity].std()),
                    "agrees": bool(abs(mean - target) <= error),
                }
            )
    return pd.DataFrame(rows)


def held_out_means(
    people: Sequence[Demographics], measured: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """Ten people of one sex at a time against a fit that never saw them.

    Before AutoPET's move. ``difference_se`` is the mean of (predicted − measured) in
    standard errors of that difference over the ten. If the fit held for everybody,
    about ``expected_share()`` of the rows would lie within 2.
    """
    rows = []
    for sex in ("F", "M"):
        of_sex = np.flatnonzero(_of_sex(people, sex))
        order = generator(seed, "agreement/folds", sex).permutation(of_sex)
        for fold, left_out in enumerate(np.array_split(order, len(order) // LEFT_OUT)):
            rest = np.setdiff1d(np.arange(len(people)), left_out)
            fit = fit_people([people[n] for n in rest], measured.iloc[rest])
            ours = pd.DataFrame(
                fit.mean([people[n] for n in left_out]), columns=measured.columns
            )
            ours, real = with_pairs(ours), with_pairs(measured.iloc[left_out])
            off = ours.to_numpy() - real.to_numpy()
            error = off.std(axis=0, ddof=1) / len(left_out) ** 0.5
            rows += [
                {
                    "quantity": quantity,
                    "sex": sex,
                    "fold": fold,
                    "ratio": ours[quantity].mean() / real[quantity].mean(),
                    "difference_se": off[:, n].mean() / error[n],
                    "agrees": bool(abs(off[:, n].mean()) <= STANDARD_ERRORS * error[n]),
                }
                for n, quantity in enumerate(ours.columns)
            ]
    return pd.DataFrame(rows)


def expected_share(of_sex: int = PEOPLE_OF_A_SEX) -> float:
    """Share of held-out rows within 2 standard errors if nothing but chance differs.

    The fit has a level for each sex, so the ten are predicted from the others of their
    sex: the error of that level adds (left out / others) to the variance of the ten's
    mean. In 60 simulated data sets 0.870 ± 0.006 of the rows lay within.
    """
    widened = (1 + LEFT_OUT / (of_sex - LEFT_OUT)) ** 0.5
    return float(1 - 2 * stats.t.sf(STANDARD_ERRORS / widened, LEFT_OUT - 1))


def _of_sex(people: Sequence[Demographics], sex: str) -> np.ndarray:
    return np.array([p.sex == sex for p in people])
