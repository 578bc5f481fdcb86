"""What every part of a spec shares: strict, frozen, no unknown keys."""

from typing import Annotated, Any, NoReturn

from pydantic import AllowInfNan, BaseModel, ConfigDict, Field, Strict
from pydantic_core import PydanticCustomError

Location = tuple[str | int, ...]
Problem = tuple[Location, str]

# Strict scalars: "4" is no number, 4.5 no integer, true neither.
Number = Annotated[float, Strict(), AllowInfNan(False)]
Positive = Annotated[Number, Field(gt=0)]
Integer = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Text = Annotated[str, Strict(), Field(min_length=1)]
READABLE = r"^ *[^ \\\x00-\x1f\x7f][^\\\x00-\x1f\x7f]*$"
"""More than blanks, and nothing that DICOM text cannot hold."""
Label = Annotated[str, Strict(), Field(min_length=1, max_length=64, pattern=READABLE)]
"""Name that a DICOM LO value can hold: at most 64 characters, no backslash."""


class Part(BaseModel):
    """A mapping of the YAML: unknown keys are refused, values do not change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True
    )


def refuse(problems: list[Problem]) -> NoReturn:
    """Fail with several problems, each at its place below the part."""
    text = "; ".join(message for _, message in problems)
    # The text is no template: braces in it are meant.
    raise PydanticCustomError("problems", "{text}", _context(problems, text))


def _context(problems: list[Problem], text: str) -> dict[str, Any]:
    return {"problems": problems, "text": text}
