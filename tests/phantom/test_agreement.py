"""The people test judges as it says: it passes what agrees and fails what does not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vct.phantom import agreement
from vct.phantom.demographics import (
    Demographics,
    design_matrix,
    weight_per_lean_mass,
)
from vct.phantom.fitting import autopet_people
from vct.seeds import generator

RNG = np.random.default_rng(0)
PEOPLE = [
    Demographics("FM"[n % 2], age, 1.7 + 0.05 * (n % 3), bmi)
    for n, (age, bmi) in enumerate(
        zip(RNG.uniform(20, 85, 60), RNG.uniform(19, 35, 60), strict=True)
    )
]
WHO = PEOPLE * 20
SIDES = ("left", "right")


def quantities(
    people: list[Demographics], *, shift: float = 0.0, sd: float = 0.2,
    per_age: float = 0.3, per_bmi: float = 0.5, together: float = 0.8, seed: int = 1,
) -> pd.DataFrame:  # fmt: skip
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal(len(people))
    x = design_matrix(people)
    rows = {}
    for name in ("volume_ml/spleen", "suv/spleen", "suv/aorta"):
        own = rng.standard_normal(len(people))
        residual = together * shared + (1 - together**2) ** 0.5 * own
        rows[name] = np.exp(shift + x @ [1, 0.1, per_age, 1, per_bmi] + sd * residual)
    return pd.DataFrame(rows)


MEASURED = quantities(PEOPLE)


def verdicts(**change: float) -> dict[str, float]:
    drawn = quantities(WHO, seed=2, **change)
    moments = agreement.compare_moments(PEOPLE, MEASURED, WHO, drawn)
    slopes = agreement.compare_slopes(PEOPLE, MEASURED, WHO, drawn)
    pairs = agreement.compare_correlations(MEASURED, drawn)
    return {
        "means": moments.mean_agrees.astype(bool).mean(),
        "sds": moments.sd_agrees.mean(),
        "age": slopes[slopes.slope == "age"].agrees.mean(),
        "bmi": slopes[slopes.slope == "ln_bmi"].agrees.mean(),
        "pairs": pairs.agrees.mean(),
    }


def test_the_same_people_agree() -> None:
    assert set(verdicts().values()) == {1.0}


@pytest.mark.parametrize(
    ("change", "caught"),
    [
        ({"shift": 0.3}, "means"),
        ({"sd": 0.02, "per_age": 0.0}, "sds"),
        ({"per_age": 0.0}, "age"),
        ({"per_bmi": -0.5}, "bmi"),
        ({"together": -0.2}, "pairs"),
    ],
)
def test_a_wrong_population_is_caught(change: dict[str, float], caught: str) -> None:
    assert verdicts(**change)[caught] == 0.0


@pytest.mark.parametrize(
    ("errors", "agree"), [(1.9, True), (2.1, False), (-1.9, True), (-2.1, False)]
)
def test_means_agree_within_two_standard_errors(errors: float, agree: bool) -> None:
    sexes = pd.Series([p.sex for p in PEOPLE])
    error = MEASURED.groupby(sexes).transform("std") / 30**0.5
    off = MEASURED + errors * error
    moments = agreement.compare_moments(PEOPLE, MEASURED, PEOPLE, off)
    assert moments.difference_se.to_numpy(float) == pytest.approx(errors)
    assert set(moments.mean_agrees) == {agree}


@pytest.mark.parametrize(
    ("factor", "agree"), [(0.79, False), (0.80, True), (1.34, True), (1.35, False)]
)
def test_sds_agree_within_their_interval(factor: float, agree: bool) -> None:
    """n = 30: 0.796 and 1.344."""
    sexes = pd.Series([p.sex for p in PEOPLE])
    mean = MEASURED.groupby(sexes).transform("mean")
    scaled = mean + factor * (MEASURED - mean)
    moments = agreement.compare_moments(PEOPLE, MEASURED, PEOPLE, scaled)
    assert set(moments.sd_agrees) == {agree}
    assert set(moments.mean_agrees) == {True}


@pytest.mark.parametrize("compared", [1, 2, 19])
def test_chance_levels_are_those_of_normal_values(compared: int) -> None:
    """t of two samples' means, F of their variances, where demographics do nothing."""
    rng = np.random.default_rng(3)
    names = [f"volume_ml/{n}" for n in range(40)]
    values = rng.normal(100, 10, (len(PEOPLE) * 20, len(names)))
    drawn = pd.DataFrame(values, columns=names)
    found = agreement.shares_by_chance(PEOPLE, drawn, 20, compared)
    t = stats.t(29)
    means = t.cdf(2 / (1 + 1 / compared) ** 0.5)
    low, high = (np.array(agreement.sd_interval(1.0, 30)) ** 2).tolist()
    f = stats.f(30 * compared - 1, 29)
    assert found["means"] == pytest.approx(2 * means - 1, abs=0.02)
    assert found["sds"] == pytest.approx(f.cdf(high) - f.cdf(low), abs=0.02)


def test_by_chance_each_person_plays_against_its_own_draws() -> None:
    """Where nothing but the person matters, nothing is left to chance."""
    rng = np.random.default_rng(4)
    own = np.exp(rng.normal(0, 1, len(PEOPLE)))
    names = [f"volume_ml/{n}" for n in range(5)]
    drawn = pd.DataFrame({name: np.repeat(own, 3) for name in names})
    drawn *= rng.normal(1, 0.001, drawn.shape)
    found = agreement.shares_by_chance(PEOPLE, drawn, 3, 2)
    assert found == {"means": 1.0, "sds": 1.0}


def test_a_mean_moved_to_autopet_is_not_judged_by_people() -> None:
    measured = MEASURED.rename(columns={"suv/spleen": "suv/liver"})
    drawn = 2 * quantities(WHO, seed=2).rename(columns={"suv/spleen": "suv/liver"})
    moments = agreement.compare_moments(PEOPLE, measured, WHO, drawn)
    liver = moments[moments.quantity == "suv/liver"]
    assert liver.mean_agrees.isna().all()
    # its spread is, relative to the mean
    assert liver.sd_agrees.all()


def test_the_interval_of_an_sd_is_chi_squared() -> None:
    # n = 30: 0.796 and 1.344, tables of the chi-squared distribution
    assert agreement.sd_interval(1.0, 30) == pytest.approx((0.796, 1.344), abs=1e-3)


def test_paired_organs_count_as_one() -> None:
    table = pd.DataFrame(
        {
            f"{kind}/{organ}_{side}": [value]
            for organ in ("kidney", "lung")
            for side, volume, suv in (("left", 100.0, 2.0), ("right", 300.0, 4.0))
            for kind, value in (("volume_ml", volume), ("suv", suv))
        }
    )
    paired = agreement.with_pairs(table)
    assert paired.loc[0, "volume_ml/kidneys"] == 400.0
    assert paired.loc[0, "suv/kidneys"] == 3.5
    assert not [name for name in paired if "left" in name or "right" in name]


def test_draws_come_person_after_person_and_depend_on_no_other() -> None:
    who, drawn = agreement.drawn_people(PEOPLE[:3], 4, seed=5)
    assert who[:5] == [*PEOPLE[:1] * 4, PEOPLE[1]]
    _, fewer = agreement.drawn_people(PEOPLE[:2], 4, seed=5)
    pd.testing.assert_frame_equal(drawn[:8], fewer)


def held_out_people(seed: int) -> pd.DataFrame:
    """Of ``PEOPLE``, quantities that differ by sex, and by chance."""
    rng = np.random.default_rng(seed)
    male = np.array([p.sex == "M" for p in PEOPLE])
    lean = [weight_per_lean_mass(p.sex, p.bmi_kg_m2) for p in PEOPLE]
    pairs = [f"{organ}_{side}" for organ in ("kidney", "lung") for side in SIDES]
    organs = ["heart", *pairs, *(f"organ {n}" for n in range(15))]
    return pd.DataFrame(
        {
            f"{kind}/{organ}": np.exp(0.2 * male + rng.normal(0, 0.1, len(PEOPLE)))
            * (lean if kind == "suv" else 1.0)
            for kind in ("volume_ml", "suv")
            for organ in organs
        }
    )


def test_held_out_means_agree_as_often_as_chance_lets_them() -> None:
    """Had the fit seen the ten, or were they predicted from both sexes, more would."""
    tables = [agreement.held_out_means(PEOPLE, held_out_people(s), s) for s in range(6)]
    table = pd.concat(tables)
    assert len(tables[0]) == 2 * 3 * 36  # sexes, folds, quantities with pairs as one
    assert table.agrees.mean() == pytest.approx(agreement.expected_share(), abs=0.02)
    assert table.ratio.mean() == pytest.approx(1.0, abs=0.01)


def test_held_out_people_unlike_the_others_do_not_agree() -> None:
    """One tenth of the men, not the fold, is larger: their fold's mean is too small."""
    measured = held_out_people(0)
    men = [n for n, p in enumerate(PEOPLE) if p.sex == "M"]
    order = generator(0, "agreement/folds", "M").permutation(men)
    measured.iloc[order[:10]] *= 2.0
    table = agreement.held_out_means(PEOPLE, measured, 0)
    first = table[(table.sex == "M") & (table.fold == 0)]
    assert not first.agrees.any()
    assert (first.ratio < 0.8).all()
    assert (first.difference_se < -2).all()


def test_the_expected_share_is_of_the_others_of_a_sex() -> None:
    """The ten's mean and the level of 20 others: t of 9 within 2 / sqrt(1.5)."""
    assert agreement.expected_share() == pytest.approx(0.863, abs=0.001)
    assert agreement.expected_share(10_000) == pytest.approx(0.923, abs=0.001)


def test_autopets_means_agree_within_their_reading_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn(person: Demographics, rng: np.random.Generator) -> dict[str, float]:
        volume = {"liver": {"F": 1500.0, "M": 1800.0}[person.sex]}
        volume |= {"kidney_left": 100.0, "kidney_right": 300.0}
        volume |= {"heart": 20 * person.bmi_kg_m2, "lung_left": 1.0, "lung_right": 1.0}
        suv = dict.fromkeys(volume, 2.0) | {"kidney_right": 4.0}
        return {
            f"{kind}/{organ}": value
            for kind, values in (("volume_ml", volume), ("suv", suv))
            for organ, value in values.items()
        }

    monkeypatch.setattr(agreement, "draw_quantities", drawn)
    folder = tmp_path / "autopet"
    folder.mkdir()
    (folder / "organ_reference_by_sex.csv").write_text(
        "source,sex,organ,metric,mean\n"
        "AutoPET,F,liver,volume,1517\n"  # read to 18 mL
        "AutoPET,M,liver,volume,1819\n"
        "AutoPET,F,kidneys_LR,volume,404\n"  # to 4 mL, both together
        "AutoPET,M,kidneys_LR,SUVmean,3.52\n"  # weighted by volume
        "AutoPET,F,liver,SUVmean,2.04\n"  # to 0.03
        "AutoPET,M,heart,volume,100\n"
        "AutoPET,M,heart,HU,40\n"  # neither volume nor mean SUV
        "flow baseline,M,heart,volume,100\n"
    )
    table = agreement.compare_autopet(tmp_path, 2000, 0)
    told = table.set_index(["quantity", "sex"])
    assert told.agrees.to_dict() == {
        ("volume_ml/liver", "F"): True,
        ("volume_ml/liver", "M"): False,
        ("volume_ml/kidneys", "F"): True,
        ("suv/kidneys", "M"): True,
        ("suv/liver", "F"): False,
        ("volume_ml/heart", "M"): False,
    }
    assert told.loc[("volume_ml/liver", "M"), "reading_error"] == 18.0
    # At AutoPET's demographics, by their weights.
    people, weights = autopet_people("M")
    bmi = weights @ np.array([p.bmi_kg_m2 for p in people])
    heart = told.loc[("volume_ml/heart", "M"), "draws_mean"]
    assert heart == pytest.approx(20 * bmi, rel=0.01)
