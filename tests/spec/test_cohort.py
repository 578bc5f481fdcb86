"""CohortSpec: what is right loads, what does not fit together is told."""

import datetime
import math
from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from tests.spec.strategies import DISTRIBUTIONS, spec_data
from vct.spec import CohortSpec
from vct.spec.distributions import support


def test_what_is_left_out_has_a_default() -> None:
    spec = CohortSpec.model_validate(spec_data())
    assert spec.reference_date == datetime.date(2026, 1, 1)
    assert [arm.name for arm in spec.arms] == ["all"]
    assert spec.model.name == "whole-body-4mm"
    assert spec.model.extrapolate is False
    assert spec.model.sampler.model_dump() == {
        "base_steps": None,
        "superres_steps": None,
        "solver": None,
    }
    assert spec.output.model_dump() == {
        "segmentation": True,
        "previews": True,
        "report": True,
    }
    assert spec.protocol.scanner.manufacturer == "VCT project"
    assert spec.protocol.beds.count == "single"


def test_a_spec_does_not_change() -> None:
    spec = CohortSpec.model_validate(spec_data())
    with pytest.raises(ValidationError, match="frozen"):
        spec.size = 3  # type: ignore[misc]


@given(distribution=DISTRIBUTIONS)
def test_a_spec_survives_its_own_dump(distribution: Any) -> None:
    data = spec_data()
    data["population"]["bmi_kg_m2"] = distribution
    spec = CohortSpec.model_validate(data)
    again = CohortSpec.model_validate(spec.model_dump(mode="json"))
    assert again == spec
    low, high = support(spec.population.bmi_kg_m2)  # type: ignore[union-attr]
    assert low <= high


_BELOW_ZERO = {"kind": "normal", "mean": -60, "sd": 5}
_HEIGHT = {"kind": "normal", "mean": 1.65, "sd": 0.07}
POPULATION = {"sex": "F", "age_years": 50, "bmi_kg_m2": 25}


def _population(**changes: Any) -> dict[str, Any]:
    return {"population": {**POPULATION, **changes}}


def _rho(*rhos: float) -> dict[str, Any]:
    names = [
        ["age_years", "height_m"],
        ["age_years", "bmi_kg_m2"],
        ["height_m", "bmi_kg_m2"],
    ]
    return {
        "correlations": [
            {"between": pair, "rho": rho}
            for pair, rho in zip(names, rhos, strict=False)
        ]
    }


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"size": 0}, "greater than or equal to 1"),
        ({"size": 4.5}, "valid integer"),
        ({"size": True}, "valid integer"),
        ({"version": 2}, "Input should be 1"),
        ({"version": True}, "Input should be 1"),
        ({"version": 1.0}, "Input should be 1"),
        ({"name": "a\\b"}, "match pattern"),
        ({"name": "  "}, "match pattern"),
        ({"name": "x" * 65}, "at most 64"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"reference_date": "soon"}, "date"),
        ({"reference_date": 0}, "valid date"),
        ({"reference_date": "0"}, "valid date"),
        ({"reference_date": datetime.date(1, 1, 1)}, "between the years 1900 and 2200"),
        (_population(height_m=170), "height_m reaches 170; it is in meters"),
        (
            _population(height_m={"kind": "lognormal", "mean": 170, "sd": 8}),
            "height_m lies between 128 and 225; it is in meters",
        ),
        (
            _population(
                bmi_kg_m2={
                    "by_sex": {"F": 25, "M": {"kind": "normal", "mean": 3, "sd": 0.5}}
                }
            ),
            "bmi_kg_m2 lies between 0 and 6; it is in kg/m²",
        ),
        (_population(age_years=-3), "age_years reaches -3"),
        (
            _population(height_m={"by_sex": {"F": _HEIGHT, "M": 178}}),
            "height_m reaches 178; it is in meters",
        ),
        (
            _population(
                height_m={
                    "kind": "mixture",
                    "components": [
                        {"weight": 1, "draw": _HEIGHT},
                        {"weight": 1, "draw": 178},
                    ],
                }
            ),
            "height_m reaches 178; it is in meters",
        ),
        (_population(bmi_kg_m2=0), "bmi_kg_m2 reaches 0; it is in kg/m²"),
        (
            _population(age_years={"by_age": [{"draw": 3}]}),
            "age cannot depend on an age band",
        ),
        ({"population": {"sex": "F"}}, "missing; give age_years, or a preset"),
        ({"population": None}, "missing; give a population or a subjects_file"),
        (_population(**_rho(0.9, 0.9, -0.9)), "not positive definite"),
        (_population(**_rho(0.9, 0.9, -0.9)), "above 0.62 and below 1, not at -0.9"),
        (
            _population(
                correlations=[{"between": ["height_m", "height_m"], "rho": 0.1}]
            ),
            "height_m cannot correlate with itself",
        ),
        (
            _population(
                correlations=[
                    {"between": ["height_m", "age_years"], "rho": 0.1},
                    {"between": ["age_years", "height_m"], "rho": 0.2},
                ]
            ),
            "the correlation of age_years and height_m is given twice",
        ),
        ({"protocol": {"uptake_min": 60}}, "give injected_mbq or injected_mbq_per_kg"),
        (
            {"protocol": {"injected_mbq": 300, "uptake_min": _BELOW_ZERO}},
            "uptake_min must be above 0",
        ),
        (
            {"protocol": {"uptake_min": 0, "injected_mbq": 300}},
            "uptake_min must be above 0",
        ),
        (
            {"protocol": {"uptake_min": 60, "injected_mbq": -1}},
            "injected_mbq must be above 0",
        ),
        (
            {
                "protocol": {
                    "uptake_min": 60,
                    "injected_mbq": {
                        "by_sex": {
                            "F": {"kind": "normal", "mean": 300, "sd": 9},
                            "M": 0,
                        }
                    },
                }
            },
            "injected_mbq must be above 0",
        ),
        (
            {
                "protocol": {
                    "uptake_min": {"kind": "categorical", "weights": {0: 1, 60: 1}},
                    "injected_mbq": 300,
                }
            },
            "uptake_min must be above 0",
        ),
        (
            {
                "protocol": {
                    "uptake_min": 60,
                    "injected_mbq": 300,
                    "injected_mbq_per_kg": 4,
                }
            },
            "not both",
        ),
        ({"quotas": [{"sex": "F", "count": 21}]}, "add up to 21 subjects, the size is"),
        ({"quotas": [{"count": 2}]}, "a quota names a sex, an age band, or both"),
        (
            {"quotas": [{"age_years": {"low": 90, "high": 95}, "count": 2}]},
            "nobody in the population meets quota '90-95'",
        ),
        (
            {**_population(), "quotas": [{"sex": "M", "count": 2}]},
            "'M': everybody in the population is F",
        ),
        (
            {"quotas": [{"sex": "M", "count": 2}], "eligibility": ["sex == 'F'"]},
            "quota 'M' and 'sex == 'F'' cannot both hold",
        ),
        (
            {"quotas": [{"sex": "M", "count": 2}], "strata": {"sex": True}},
            "quotas are strata already",
        ),
        ({"strata": {}}, "strata name sex, ages, or both"),
        ({"strata": {"age_years": [60, 40]}}, "ages must ascend"),
        ({"arms": []}, "at least 1 item"),
        ({"arms": [{"name": "a"}, {"name": "a"}]}, "there are two arms 'a'"),
        (
            {"arms": [{"name": "a", "eligibility": ["sex == 'F'"]}, {"name": "b"}]}
            | {"strata": {"sex": True}},
            "an arm has its own population or eligibility",
        ),
        (
            {
                "arms": [{"name": "a", "ratio": 2}, {"name": "b"}],
                "randomization": {"block_size": 4},
            },
            "4 is no multiple of 3",
        ),
        ({"arms": [{"name": "a", "ratio": 10**9}]}, "less than or equal to 1000"),
        ({"randomization": {"block_size": 10**30}}, "less than or equal to 1000000"),
        (
            _population(age_years={"kind": "uniform", "low": 30, "high": 60})
            | {"quotas": [{"age_years": {"low": 60, "high": 70}, "count": 1}]},
            "nobody in the population meets quota '60-70'",
        ),
        (
            _population(
                age_years={
                    "kind": "mixture",
                    "components": [
                        {"weight": 1, "draw": 20},
                        {
                            "weight": 1,
                            "draw": {
                                "kind": "histogram",
                                "edges": [20, 40, 50, 80],
                                "counts": [1, 0, 1],
                            },
                        },
                    ],
                }
            )
            | {"quotas": [{"age_years": {"low": 40, "high": 50}, "count": 1}]},
            "nobody in the population meets quota '40-50'",
        ),
        ({"eligibility": ["weight_kg > 900"]}, "cannot both hold"),
        (
            {"eligibility": ["age_years >= 70", "age_years < 60"]},
            "'age_years >= 70' and 'age_years < 60' cannot both hold; nobody would be",
        ),
        ({"eligibility": ["diagnosis == 'melanoma'"]}, "the population and 'diagnosis"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as error:
        CohortSpec.model_validate(spec_data(**changes))
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("distribution", "told"),
    [
        ({"kind": "normal", "mean": 27, "sd": 0}, "greater than 0"),
        ({"kind": "normal", "mean": float("nan"), "sd": 1}, "finite number"),
        ({"kind": "normal", "mean": "27", "sd": 1}, "valid number"),
        ({"kind": "uniform", "low": 3, "high": 3}, "low (3) must be below high (3)"),
        (
            {"kind": "truncated_normal", "mean": 20, "sd": 1, "low": 40, "high": 50},
            "lies more than 8 sd from the mean 20",
        ),
        ({"kind": "categorical", "weights": {20: 0}}, "weights must not all be 0"),
        ({"kind": "categorical", "weights": {}}, "at least 1 item"),
        (
            {"kind": "categorical", "weights": {"24": 1, 24: 2}},
            "'24' and 24 are one value",
        ),
        ({"kind": "categorical", "weights": {True: 1}}, "true is no number"),
        ({"kind": "categorical", "weights": {20: 1e308}}, "less than or equal to 1"),
        ({"kind": "categorical", "weights": {1e20: 1}}, "less than or equal to 1"),
        ({"kind": "normal", "mean": 27, "sd": 1e308}, "less than or equal to 1"),
        ({"kind": "lognormal", "mean": 27, "sd": 1e200}, "less than or equal to 1"),
        (
            {"kind": "lognormal", "mean": 1e-9, "sd": 5},
            "sd 5 is over a million times the mean 1e-09",
        ),
        (
            {"kind": "truncated_normal", "mean": 25, "sd": 1e20, "low": 8, "high": 9},
            "less than or equal to 1",
        ),
        ({"kind": "categorical", "weights": {math.inf: 1}}, "finite number"),
        ({"kind": "categorical", "weights": {20: -1}}, "greater than or equal to 0"),
        (
            {"kind": "histogram", "edges": [20, 30], "counts": [1, 2]},
            "2 counts need 3 edges, there are 2",
        ),
        (
            {"kind": "histogram", "edges": [20, 40, 30], "counts": [1, 2]},
            "edges must ascend; 30 <= 40",
        ),
        ({"by_sex": {"F": 20}}, "at least 2 items"),
        (
            {"by_age": [{"below": 50, "draw": 20}]},
            "the last band has no end: leave 'below' out",
        ),
        (
            {
                "by_age": [
                    {"below": 50, "draw": 20},
                    {"below": 40, "draw": 20},
                    {"draw": 20},
                ]
            },
            "bands must ascend; 40 <= 50",
        ),
        ({"by_age": [{"draw": 20}, {"draw": 20}]}, "only the last band may leave"),
        ({"kind": "mixture", "components": []}, "at least 1 item"),
    ],
)
def test_distributions_that_are_refused(distribution: Any, told: str) -> None:
    data = spec_data()
    data["population"]["bmi_kg_m2"] = distribution
    with pytest.raises(ValidationError) as error:
        CohortSpec.model_validate(data)
    assert told in str(error.value)
