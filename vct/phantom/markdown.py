"""Rows of a comparison as a Markdown table, for a terminal and for the docs."""

from collections.abc import Sequence


def markdown(rows: Sequence[dict[str, str]]) -> str:
    """A table whose head are the keys of the first row; all rows have these keys.

    >>> print(markdown([{"organ": "liver", "Dice": "0.77"}]))
    | organ | Dice |
    |---|---|
    | liver | 0.77 |
    """
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    head, *body = ("| " + " | ".join(line) + " |" for line in lines)
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])
