"""JSON Schema for editors, and examples to start from."""

from functools import cache
from pathlib import Path
from typing import Any

from vct.bundled import bundled_folder
from vct.errors import SpecError
from vct.spec.cohort import CohortSpec
from vct.spec.expression import suggestion


@cache
def json_schema() -> dict[str, Any]:
    """JSON Schema of a cohort's spec, as ``vct schema`` prints it."""
    schema = CohortSpec.model_json_schema()
    schema["title"] = "vct cohort"
    required = [name for name in schema["required"] if name != "size"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "required": required,  # with subjects_file, the size is that of the table
    }


def cohorts_folder() -> Path:
    """Folder of the example cohorts, in the wheel or in the clone."""
    return bundled_folder("cohorts")


def example(like: str = "quickstart") -> str:
    """Text of a commented example.

    Raises
    ------
    SpecError
        If there is none of this name.
    """
    paths = {path.stem: path for path in sorted(cohorts_folder().glob("*.yaml"))}
    if like not in paths:
        hint = suggestion(like, paths)
        raise SpecError(f"there is no example '{like}'; {hint}")
    return paths[like].read_text("utf-8")


def example_table(like: str) -> Path | None:
    """Table of fixed subjects that an example names, or None."""
    path = cohorts_folder() / f"{like}.csv"
    return path if path.is_file() else None
