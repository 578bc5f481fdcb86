"""Fixed subjects: the rows of a table, completed by the protocol and the arms."""

import numpy as np

from vct.errors import SpecError
from vct.spec import CohortSpec
from vct.spec.expression import evaluate, parse
from vct.spec.fixed import read_fixed
from vct.spec.table_file import Places
from vct.subjects.allocation import ALL, arm_sequence
from vct.subjects.body import (
    bmi_from_weight,
    bsa_du_bois,
    lbm_janmahasatian,
    weight_from_bmi,
)
from vct.subjects.draw import DOSE, UPTAKE, Columns, positive, uniforms
from vct.subjects.quantile import People


def fixed_columns(spec: CohortSpec, seed: int, n: int) -> Columns:
    """Columns of the first n subjects; a longer cohort begins again with the first.

    Raises
    ------
    SpecError
        If a row does not meet the eligibility, named by its line or row.
    """
    assert spec.subjects_file is not None
    table = read_fixed(spec.subjects_file)
    given = {name: np.array(values) for name, values in table.columns.items()}
    total = len(given["sex"])
    if n > total and "subject_id" in given:
        del given["subject_id"]  # they would repeat
    given = {name: values[np.arange(n) % total] for name, values in given.items()}
    is_male = given["sex"] == "M"
    height = given["height_m"]
    if "bmi_kg_m2" in given:
        bmi = given["bmi_kg_m2"]
    else:
        bmi = bmi_from_weight(given["weight_kg"], height)
    weight = given.get("weight_kg", weight_from_bmi(bmi, height))
    columns: Columns = {
        "diagnosis": np.full(n, "none"),
        "stratum": np.full(n, ALL),
        **given,
        "bmi_kg_m2": bmi,
        "weight_kg": weight,
        "bsa_m2": bsa_du_bois(weight, height),
        "lbm_kg": lbm_janmahasatian(weight, bmi, is_male),
        "attempt": np.zeros(n, np.int32),
    }
    _complete_protocol(columns, spec, seed, People(is_male, given["age_years"]))
    if "arm" not in columns:
        arms = arm_sequence(spec, np.zeros(n, np.int64), [ALL], seed)
        columns["arm"] = np.array([arm.name for arm in spec.arms])[arms]
    _require_eligible(columns, spec, table.places)
    return columns


def _complete_protocol(
    columns: Columns, spec: CohortSpec, seed: int, people: People
) -> None:
    """Draw dose and uptake time where the table has none."""
    u = uniforms(seed, 0, np.arange(len(people.is_male)))
    protocol = spec.protocol
    if "uptake_min" not in columns:
        columns["uptake_min"] = positive(protocol.uptake_min, u[:, UPTAKE], people)
    if "injected_mbq" in columns:
        return
    per_kg = protocol.injected_mbq_per_kg
    dose = per_kg if per_kg is not None else protocol.injected_mbq
    activity = positive(dose, u[:, DOSE], people)
    columns["injected_mbq"] = (
        activity * columns["weight_kg"] if per_kg is not None else activity
    )


def _require_eligible(columns: Columns, spec: CohortSpec, places: Places) -> None:
    """Refuse rows that do not meet a rule of the cohort or of their arm."""
    n = len(columns["sex"])
    for arm in spec.arms:
        inside = np.ones(n, bool)
        if len(spec.arms) > 1:
            inside = columns["arm"] == arm.name
        for rule in spec.rules_of(arm):
            meets = np.broadcast_to(evaluate(parse(rule), columns), n)
            bad = np.flatnonzero(inside & ~meets)
            if len(bad):
                rows = list(dict.fromkeys((bad % len(places.numbers)).tolist()))
                raise SpecError(
                    f"{spec.subjects_file}: '{rule}' is not met in {places.of(rows)}. "
                    "Take them out, or change the rule."
                )
