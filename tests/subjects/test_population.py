"""Populations: marginals, correlations and presets are what the spec says."""

import numpy as np
import pytest
from scipy import stats

from tests.subjects.test_sample import SIGMAS, mean_is, sample, share_is
from vct.spec import find_preset
from vct.spec.presets import MODEL_RANGE
from vct.subjects import share_outside


def test_marginals_and_correlations() -> None:
    population = {
        "sex": {"kind": "categorical", "weights": {"F": 1, "M": 3}},
        "age_years": {"kind": "truncated_normal", "mean": 50, "sd": 10}
        | {"low": 20, "high": 80},
        "bmi_kg_m2": {"kind": "normal", "mean": 27, "sd": 2},
        "height_m": {
            "by_sex": {
                "F": {"kind": "normal", "mean": 1.62, "sd": 0.05},
                "M": {"kind": "normal", "mean": 1.76, "sd": 0.06},
            }
        },
        "correlations": [
            {"between": ["bmi_kg_m2", "age_years"], "rho": 0.5},
            {"between": ["age_years", "height_m"], "rho": -0.3},
            {"between": ["height_m", "bmi_kg_m2"], "rho": 0.2},
        ],
    }
    df = sample(size=40_000, population=population)
    assert share_is(df["sex"] == "M", 0.75)
    assert mean_is(df["age_years"], 50)
    assert mean_is(df["bmi_kg_m2"], 27)
    assert df["bmi_kg_m2"].std() == pytest.approx(2, rel=SIGMAS / np.sqrt(2 * 40_000))
    for sex, mean in (("F", 1.62), ("M", 1.76)):
        group = df[df["sex"] == sex]
        assert mean_is(group["height_m"], mean)
        found = group[["age_years", "height_m", "bmi_kg_m2"]].corr().to_numpy()
        error = SIGMAS / np.sqrt(len(group))
        expected = (-0.3, 0.5, 0.2)
        assert np.abs(found[[0, 0, 1], [1, 2, 2]] - expected).max() < error


def test_a_dose_follows_the_weight() -> None:
    df = sample()
    np.testing.assert_allclose(df["injected_mbq"], 4 * df["weight_kg"])
    df = sample(protocol={"injected_mbq": 300, "uptake_min": 60})
    assert set(df["injected_mbq"]) == {300.0}


def test_a_height_left_out_is_that_of_measured_people() -> None:
    df = sample(size=20_000, population={"sex": "F", "age_years": 30, "bmi_kg_m2": 25})
    # NHANES 2017-18, women of 30: 1.6138 m, SD 0.0676 m, cut to 1.45 to 2.00 m.
    witness = stats.truncnorm(-0.1638 / 0.0676, 0.3862 / 0.0676, 1.6138, 0.0676)
    assert mean_is(df["height_m"], witness.mean())
    error = SIGMAS / np.sqrt(2 * len(df))
    assert df["height_m"].std() == pytest.approx(witness.std(), rel=error)
    assert df["height_m"].between(*MODEL_RANGE["height_m"]).all()


@pytest.mark.parametrize(
    "name", ["autopet-fdg", "autopet-fdg-lymphoma", "autopet-fdg-negative", "nhanes"]
)
def test_a_preset_has_its_ages_sexes_and_diagnoses(name: str) -> None:
    df = sample(size=20_000, population={"preset": name})
    preset = find_preset(name)
    assert set(share_outside(df, MODEL_RANGE).values()) == {0.0}
    counts = {sex: np.array(preset.by_sex(sex), float) for sex in "FM"}
    total = counts["F"].sum() + counts["M"].sum()
    for sex in "FM":
        group = df[df["sex"] == sex]
        # The cut in weight, which is not exact, removes up to 1.6 % of one sex.
        assert len(group) / len(df) == pytest.approx(
            counts[sex].sum() / total, abs=0.02
        )
        found = np.histogram(group["age_years"], preset.edges)[0] / len(group)
        np.testing.assert_allclose(found, counts[sex] / counts[sex].sum(), atol=0.02)
    for diagnosis, by_sex in preset.counts.items():
        share = sum(map(sum, by_sex.values())) / total
        assert (df["diagnosis"] == diagnosis).mean() == pytest.approx(share, abs=0.02)


def test_autopet_bodies_are_as_assumed() -> None:
    df = sample(size=20_000, population={"preset": "autopet-fdg"})
    men, women = (df[df["sex"] == sex] for sex in "MF")
    assert men["height_m"].mean() == pytest.approx(1.768, abs=0.003)
    assert women["height_m"].mean() == pytest.approx(1.655, abs=0.003)
    for group, (overweight, obese) in ((men, (0.671, 0.233)), (women, (0.53, 0.239))):
        # The cut at 17 and 45 kg/m² moves these shares by about 1 %.
        assert (group["bmi_kg_m2"] >= 25).mean() == pytest.approx(overweight, abs=0.025)
        assert (group["bmi_kg_m2"] >= 30).mean() == pytest.approx(obese, abs=0.025)


def test_a_preset_can_be_changed_in_part() -> None:
    bmi = {"kind": "truncated_normal", "mean": 36, "sd": 3, "low": 30, "high": 44}
    df = sample(size=500, population={"preset": "autopet-fdg", "bmi_kg_m2": bmi})
    assert df["bmi_kg_m2"].between(30, 44).all()
    assert set(share_outside(df, MODEL_RANGE).values()) == {0.0}


def test_nhanes_bmi_follows_sex_and_age() -> None:
    df = sample(size=40_000, population={"preset": "nhanes"})
    women = df[(df["sex"] == "F")]
    young, middle = (
        women[women["age_years"].between(*ends)]["bmi_kg_m2"].median()
        for ends in ((18, 25), (40, 50))
    )
    assert young == pytest.approx(27.0, abs=0.8)  # 27.4 at 18 to 30, before the cut
    assert middle == pytest.approx(29.9, abs=0.8)  # 30.6 at 40 to 50
