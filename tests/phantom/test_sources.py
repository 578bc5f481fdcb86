"""The table of sources: every number is in it, with a unit, a kind and an origin."""

import pytest

from vct import grid
from vct.phantom import (
    activity,
    bones,
    calibration,
    composition,
    image,
    mixture,
    outline,
    painted_uptake,
    population,
    render,
    structures,
    texture,
)
from vct.phantom.sources import Source, as_markdown, sources

KINDS = {"measured", "fitted", "published", "rendered", "assumed"}
ROWS = {row.name: row for row in sources()}


def number_groups(module: object) -> list[str]:
    """Upper-case names of a module that hold numbers."""
    name = module.__name__.rpartition(".")[2]  # type: ignore[attr-defined]
    return [
        f"{name}.{key}"
        for key, value in vars(module).items()
        if key.isupper()
        and not key.startswith("_")
        and key not in vars(grid)
        and holds_numbers(value)
    ]


def holds_numbers(value: object) -> bool:
    if isinstance(value, dict):
        return any(holds_numbers(v) for v in value.values())
    if isinstance(value, tuple):
        return any(holds_numbers(v) for v in value)
    return isinstance(value, int | float)


@pytest.mark.parametrize(
    "module",
    [
        population,
        painted_uptake,
        activity,
        mixture,
        bones,
        calibration,
        composition,
        outline,
        texture,
        image,
        render,
    ],
)
def test_every_number_of_the_population_has_a_source(module: object) -> None:
    missing = [name for name in number_groups(module) if name not in ROWS]
    assert missing == []


def test_no_number_of_the_population_hides_behind_an_underscore() -> None:
    hidden = [
        f"{module.__name__}.{key}"
        for module in (population, painted_uptake, composition, outline)
        for key, value in vars(module).items()
        if key.startswith("_")
        and key.isupper()
        and holds_numbers(value)
        and value != {"F": 0.0, "M": 0.0}  # no shift
    ]
    assert hidden == []


def test_every_column_of_the_structures_has_a_source() -> None:
    numbers = [
        key
        for key, kind in structures.Structure.__annotations__.items()
        if kind == "float"
    ]
    assert {f"structures.STRUCTURES.{key}" for key in numbers} <= set(ROWS)
    assert "structures.SHAPE_LATENTS" in ROWS


def test_every_fitted_quantity_has_a_source() -> None:
    table = population.fitted_table()
    assert {f"fitted.quantities.{name}" for name in table["quantities"]} <= set(ROWS)
    assert {f"fitted.{name}" for name in table} - set(ROWS) == {
        "fitted.regressors", "fitted.quantities", "fitted.settings", "fitted.bones",
    }  # fmt: skip


def test_every_fitted_bone_has_a_source_that_says_what_of_it_is_used() -> None:
    rows = {name: ROWS[f"fitted.bones.{name}"] for name in bones.BONES}
    partly = {n for n, row in rows.items() if "only loading and gain" in row.source}
    assert partly == set(bones.NOT_COMPARABLE)


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.name)
def test_a_row_is_complete(row: Source) -> None:
    assert row.kind in KINDS
    assert row.unit
    assert len(row.source) > 10
    assert row.value is not None


def test_the_table_reads_as_markdown() -> None:
    lines = as_markdown().splitlines()
    assert len(lines) == len(ROWS) + 2
    assert all(line.count("|") == 6 for line in lines)
