"""The fit: committed numbers follow from the data, when the data are at hand."""

import json
import os
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vct.phantom.demographics import Demographics, regressors, weight_per_lean_mass
from vct.phantom.fitting import AUTOPET_WEIGHT_KG, autopet_people, fit_people, fitted

DATA = os.environ.get("VCT_REFERENCE_DATA")
needs_data = pytest.mark.skipif(
    not DATA, reason="VCT_REFERENCE_DATA names no folder with hedypet/ and autopet/"
)


def committed() -> dict:
    return json.loads(files("vct.phantom").joinpath("fitted.json").read_text("utf-8"))


@needs_data
def test_the_committed_table_is_what_the_data_give() -> None:
    table = committed()
    table.pop("reading_correction")
    table.pop("bones")
    assert json.loads(json.dumps(fitted(Path(DATA or "")))) == table


def made_up_people(
    count: int, seed: int = 0
) -> tuple[list[Demographics], pd.DataFrame]:
    """People whose liver and heart follow a known law."""
    rng = np.random.default_rng(seed)
    people = [
        Demographics("FM"[n % 2], rng.uniform(20, 85), rng.normal(1.7, 0.08), bmi)
        for n, bmi in enumerate(rng.uniform(18, 38, count))
    ]
    shared = rng.normal(0, 0.1, count)
    rows = []
    for person, common in zip(people, shared, strict=True):
        x = regressors(person)
        lean = np.log(weight_per_lean_mass(person.sex, person.bmi_kg_m2))
        rows.append(
            {
                "volume_ml/liver": np.exp(7.3 + x @ [0, 0.1, 0, 1.5, 0.5] + common),
                "suv/liver": np.exp(0.4 + 0.05 * x[2] + lean + rng.normal(0, 0.1)),
                "suv/heart": np.exp(0.6 + lean + common + rng.normal(0, 0.02)),
            }
        )
    return people, pd.DataFrame(rows)


def test_a_known_law_is_found() -> None:
    fit = fit_people(*made_up_people(2000))
    assert fit.coefficients[0] == pytest.approx([7.3, 0.1, 0, 1.5, 0.5], abs=0.06)
    # SUV = SUL · weight / lean mass: no slope with BMI is left.
    assert fit.coefficients[1] == pytest.approx([0.4, 0, 0.05, 0, 0], abs=0.06)
    assert fit.residual_sd["F"] == pytest.approx([0.1, 0.1, 0.1], abs=0.01)
    assert fit.correlation[0, 2] > 0.9
    assert abs(fit.correlation[0, 1]) < 0.1


def test_an_outlier_moves_neither_slopes_nor_spread_by_much() -> None:
    people, table = made_up_people(60)
    spoiled = table.copy()
    spoiled.loc[7, "volume_ml/liver"] *= 0.05
    clean, robust = fit_people(people, table), fit_people(people, spoiled)
    assert robust.residual_sd["M"][0] < 1.4 * clean.residual_sd["M"][0]
    assert robust.coefficients[0] == pytest.approx(clean.coefficients[0], abs=0.3)


def test_the_mean_of_a_fit_is_that_of_its_people() -> None:
    people, table = made_up_people(400)
    mean = fit_people(people, table).mean(people).mean(axis=0)
    assert mean == pytest.approx(table.mean().to_numpy(), rel=0.02)


@pytest.mark.parametrize("sex", ["F", "M"])
def test_autopets_people_lie_in_the_published_range_of_weights(sex: str) -> None:
    people, weights = autopet_people(sex)
    kilograms = [p.weight_kg for p in people]
    low, high = AUTOPET_WEIGHT_KG
    assert low <= min(kilograms)
    assert max(kilograms) <= high
    assert weights.sum() == pytest.approx(1.0)
    height = weights @ np.array([p.height_m for p in people])
    assert height == pytest.approx({"F": 1.655, "M": 1.768}[sex])


def test_every_number_names_its_source_and_no_person_is_in_the_table() -> None:
    table = committed()
    assert all(row["source"] for row in table["quantities"].values())
    assert "sub-0" not in json.dumps(table)


def test_the_committed_correlation_is_one() -> None:
    matrix = np.array(committed()["correlation"])
    assert np.allclose(matrix, matrix.T)
    assert np.allclose(np.diag(matrix), 1.0)
    assert np.linalg.eigvalsh(matrix).min() > 0
