"""A column of a table: Arrow type, unit and description, each spelled once."""

from typing import NamedTuple


class Column(NamedTuple):
    """Arrow type, unit ("" for none) and description of one column."""

    type: str
    unit: str
    description: str
