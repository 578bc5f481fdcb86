"""What does not fit together in a spec some of whose values are wrong by themselves.

Pydantic checks a part as a whole only once each of its values is right. Here the wrong
ones are left out, or stood in for by one that fits anything, so that a user sees in one
listing what would otherwise come to light one run later.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vct.spec.across import SHAPED, problems
from vct.spec.cohort import CohortSpec, resolve_table
from vct.spec.expression import parse
from vct.spec.part import Location, Part, Problem
from vct.spec.population import Population
from vct.spec.protocol import Protocol

# Values that contradict nothing.
_STAND_INS: dict[type[Part], dict[str, Any]] = {
    Protocol: {"injected_mbq": 300, "injected_mbq_per_kg": 4, "uptake_min": 60},
    Population: {
        "preset": "nhanes",
        "sex": "F",
        "age_years": 50,
        "bmi_kg_m2": 25,
        "height_m": 1.7,
    },
}


def remaining(data: Any, error: ValidationError, folder: Path) -> Iterator[Problem]:
    """Problems among the values that are right, when some are wrong.

    Parameters
    ----------
    data
        The whole spec as plain data.
    error
        What pydantic found in it.
    folder
        Of the spec, from which a table of subjects is named.
    """
    wrong = {item["loc"] for item in error.errors() if item["loc"]}
    if not wrong:
        return  # all parts were right, and have been checked together
    for part, at in _parts(data):
        yield from _within(part, at, data, wrong)
    yield from _across(data, {loc[0] for loc in wrong}, folder)


def _parts(data: Mapping[Any, Any]) -> Iterator[tuple[type[Part], Location]]:
    """Parts whose values must fit together, and where they may stand."""
    yield Protocol, ("protocol",)
    yield Population, ("population",)
    arms = data.get("arms")
    for i in range(len(arms) if isinstance(arms, list) else 0):
        yield Population, ("arms", i, "population")


def _within(
    part: type[Part], at: Location, data: Any, wrong: set[Location]
) -> Iterator[Problem]:
    """Problems of one part, were its wrong values right."""
    values = _value_at(data, at)
    keys = {
        loc[len(at)] for loc in wrong if loc[: len(at)] == at and len(loc) > len(at)
    }
    if not isinstance(values, Mapping) or not keys:
        return
    given = {k: v for k, v in values.items() if k in part.model_fields}
    kept = {k: v for k, v in given.items() if k not in keys}
    stood_in = {k: v for k, v in _STAND_INS[part].items() if k in keys}
    try:
        part.model_validate({**kept, **stood_in})
    except ValidationError as error:
        for item in error.errors(include_url=False):
            if item["type"] == "problems" and not item["loc"]:
                for below, message in item["ctx"]["problems"]:
                    yield (*at, *below), message


def _value_at(data: Any, at: Location) -> Any:
    """What stands at a place; None if nothing does."""
    for key in at:
        is_list = isinstance(data, list) and isinstance(key, int)
        is_inside = isinstance(data, Mapping) and key in data
        data = data[key] if is_list or is_inside else None
    return data


def _across(data: Any, wrong: set[Any], folder: Path) -> Iterator[Problem]:
    """Problems between the parts that are right."""
    parts: dict[str, Any] = {}
    data = resolve_table(data, folder)
    for name in SHAPED:
        field = CohortSpec.model_fields[name]
        if name == "eligibility" and name in wrong:
            parts[name] = _right_rules(data[name])
        if name in wrong:
            continue
        if name not in data:
            if not field.is_required():
                parts[name] = field.get_default()
            continue
        adapter: TypeAdapter[Any] = TypeAdapter(field.rebuild_annotation())
        parts[name] = adapter.validate_python(data[name])
    yield from problems(parts)


def _right_rules(given: Any) -> tuple[str, ...]:
    """Rules, with one that everybody meets in the place of each that is wrong."""
    rules = []
    for rule in given if isinstance(given, list) else []:
        try:
            parse(rule if isinstance(rule, str) else "")
            rules.append(rule)
        except ValueError:
            rules.append("age_years >= 0")
    return tuple(rules)
