"""The documentation is made from the code, and what it shows is right."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from ruamel.yaml import YAML

from tests.spec.strategies import spec_data
from vct.models import find_model
from vct.spec import CohortSpec, find_preset, json_schema
from vct.spec.presets import PresetName
from vct.subjects import COLUMNS, sample_subjects, share_outside

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = DOCS / "reference" / "spec.md"
HOW_TO = DOCS / "how-to" / "write-a-spec.md"
PARTS = (
    "Population",
    "Correlation",
    "Quota",
    "AgeRange",
    "Strata",
    "ArmSpec",
    "Randomization",
    "Protocol",
    "Scanner",
    "Beds",
    "Model",
    "Sampler",
    "Output",
)

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="docs are not beside tests")


def keys() -> str:
    schema = json_schema()
    parts = [("The top level", schema)]
    parts += [(name, schema["$defs"][name]) for name in PARTS]
    return "\n\n".join(f"### {name}\n\n{table(part)}" for name, part in parts)


def table(part: dict[str, Any]) -> str:
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for name, value in part["properties"].items():
        text = " ".join(description(value).split())
        rows.append(f"| `{name}` | {default(name, part)} | {text} |")
    return "\n".join(rows)


def description(value: dict[str, Any]) -> str:
    target = json_schema()["$defs"].get(value.get("$ref", "").rsplit("/", 1)[-1], {})
    return str({**target, **value}["description"])


def default(name: str, part: dict[str, Any]) -> str:
    if name in part.get("required", []):
        return "required"
    if "default" not in part["properties"][name]:
        return "required without subjects_file"
    value = part["properties"][name]["default"]
    if value is None or value == []:
        return "none"
    if isinstance(value, dict | list):
        return "as below"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def presets() -> str:
    rows = [f"**`{name}`** {find_preset(name).description}" for name in NAMES]
    return "\n\n".join(rows)


NAMES = get_args(PresetName)


def columns() -> str:
    rows = ["| column | type | unit | meaning |", "|---|---|---|---|"]
    rows += [
        f"| `{name}` | {c.type} | {c.unit} | {c.description} |"
        for name, c in COLUMNS.items()
    ]
    return "\n".join(rows)


@pytest.mark.parametrize("make", [keys, presets, columns])
def test_the_reference_is_made_from_the_code(make: Any, update_golden: bool) -> None:
    name = make.__name__
    begin = f"<!-- {name}: written by pytest --update-golden -->\n"
    text = REFERENCE.read_text("utf-8")
    head, rest = text.split(begin)
    _, tail = rest.split("<!-- end -->", 1)
    made = f"{head}{begin}\n{make()}\n\n<!-- end -->{tail}"
    if update_golden:
        REFERENCE.write_text(made, "utf-8")
    assert REFERENCE.read_text("utf-8") == made


def blocks(page: Path) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("seed", range(5))
def test_populations_of_the_how_to_are_within_the_bundled_models(seed: int) -> None:
    """So that what is copied from the page can be built."""
    pieces = [YAML(typ="safe", pure=True).load(block) for block in blocks(HOW_TO)]
    ranges = find_model("whole-body-4mm").ranges
    shown = [piece for piece in pieces if piece.get("population")]
    assert shown
    for piece in shown:
        spec = CohortSpec.model_validate(spec_data(**piece, size=60, seed=seed))
        outside = share_outside(sample_subjects(spec), ranges)
        assert not any(outside.values()), (piece, outside)


@pytest.mark.parametrize("page", [HOW_TO, REFERENCE], ids=lambda p: p.stem)
def test_every_piece_of_yaml_is_right(page: Path, tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text(
        "sex,age_years,height_m,weight_kg\nF,60,1.6,64\n"
    )
    found = blocks(page)
    assert found
    for block in found:
        piece = YAML(typ="safe", pure=True).load(block)
        data = spec_data(**piece)
        if "subjects_file" in piece:
            del data["size"], data["population"]
        CohortSpec.model_validate(data, context={"folder": tmp_path})
