"""The schema, the examples, and that they agree."""

import json
from pathlib import Path
from typing import Any

import pytest

from vct.errors import SpecError
from vct.spec import cohorts_folder, example, json_schema, load_spec

COHORTS = cohorts_folder()
SCHEMA = COHORTS / "cohort.schema.json"
EXAMPLES = sorted(COHORTS.glob("*.yaml"))


def test_the_schema_beside_the_examples_is_the_schema(update_golden: bool) -> None:
    text = json.dumps(json_schema(), indent=2) + "\n"
    if update_golden:
        SCHEMA.write_text(text)
    assert SCHEMA.read_text() == text


def test_no_array_of_the_schema_has_a_fixed_length_item_list() -> None:
    assert "prefixItems" not in SCHEMA.read_text()  # editors of draft-07 pass it over


def test_every_key_is_described() -> None:
    schema = json_schema()
    parts = {"cohort": schema, **schema["$defs"]}

    def target(value: dict[str, Any]) -> dict[str, Any]:
        return schema["$defs"].get(value.get("$ref", "").rsplit("/", 1)[-1], {})

    bare = [
        f"{part}.{name}"
        for part, content in parts.items()
        for name, value in content.get("properties", {}).items()
        if name != "kind" and "description" not in {**value, **target(value)}
    ]
    assert bare == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_every_example_is_right_and_says_what_it_shows(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert lines[0] == "# yaml-language-server: $schema=./cohort.schema.json"
    assert lines[1] == "#"
    assert lines[2].startswith("# Shows: ")
    assert load_spec(path).size >= 4


def test_the_promised_examples_are_there() -> None:
    names = {path.stem for path in EXAMPLES}
    assert names >= {
        "quickstart",
        "autopet-like",
        "obese-vs-normal",
        "quotas",
        "gallery",
    }
    assert load_spec(COHORTS / "quickstart.yaml").size == 4
    assert load_spec(COHORTS / "autopet-like.yaml").size == 64


def test_an_example_is_its_text() -> None:
    assert example("quotas") == (COHORTS / "quotas.yaml").read_text("utf-8")
    with pytest.raises(SpecError, match=r"no example 'quota'; did you mean 'quotas'\?"):
        example("quota")
