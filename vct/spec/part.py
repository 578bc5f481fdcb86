"""What every part of a spec shares: strict, frozen, no unknown keys."""

from typing import Annotated, Any, NoReturn

from pydantic import AllowInfNan, BaseModel, ConfigDict, Field, Strict
from pydantic_core import PydanticCustomError

Location = tuple[str | int, ...]
Problem = tuple[Location, str]

LARGEST = 1e10
"""Numbers end here: with an SD of 1e10 a cut distribution has six digits left, and no
sum or square overflows. As a weight, it is mankind."""

# Strict scalars: "4" is no number, 4.5 no integer, true neither.
Finite = Annotated[float, Strict(), AllowInfNan(False)]
Number = Annotated[Finite, Field(ge=-LARGEST, le=LARGEST)]
NotNegative = Annotated[Finite, Field(ge=0, le=LARGEST)]
Positive = Annotated[Finite, Field(gt=0, le=LARGEST)]
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
