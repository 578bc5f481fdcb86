"""The people test judges as it says: it passes what agrees and fails what does not."""

import numpy as np
import pandas as pd
import pytest

from vct.phantom import agreement
from vct.phantom.demographics import Demographics, design_matrix

RNG = np.random.default_rng(0)
PEOPLE = [
    Demographics("FM"[n % 2], age, 1.7 + 0.05 * (n % 3), bmi)
    for n, (age, bmi) in enumerate(
        zip(RNG.uniform(20, 85, 60), RNG.uniform(19, 35, 60), strict=True)
    )
]
WHO = PEOPLE * 20


def quantities(
    people: list[Demographics], *, shift: float = 0.0, sd: float = 0.2,
    per_age: float = 0.3, together: float = 0.8, seed: int = 1,
) -> pd.DataFrame:  # fmt: skip
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal(len(people))
    x = design_matrix(people)
    rows = {}
    for name in ("volume_ml/spleen", "suv/spleen", "suv/aorta"):
        own = rng.standard_normal(len(people))
        residual = together * shared + (1 - together**2) ** 0.5 * own
        rows[name] = np.exp(shift + x @ [1, 0.1, per_age, 1, 0.5] + sd * residual)
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
    assert min(verdicts().values()) > 0.6


@pytest.mark.parametrize(
    ("change", "caught"),
    [
        ({"shift": 0.3}, "means"),
        ({"sd": 0.02, "per_age": 0.0}, "sds"),
        ({"per_age": 0.0}, "age"),
        ({"together": -0.2}, "pairs"),
    ],
)
def test_a_wrong_population_is_caught(change: dict[str, float], caught: str) -> None:
    assert verdicts(**change)[caught] == 0.0


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


def test_chance_alone_leaves_nine_of_ten_held_out_means_within_two_errors() -> None:
    assert agreement.expected_share() == pytest.approx(0.90, abs=0.01)
