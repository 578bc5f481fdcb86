"""The documentation names every column with its type and unit."""

from pathlib import Path

import pytest

from vct.manifest import IMAGES, INSTANCES, ORGANS, SERIES, SUV_HISTOGRAMS

PAGE = Path(__file__).parents[2] / "docs/reference/manifest.md"


@pytest.mark.skipif(not PAGE.is_file(), reason="docs are not beside the tests")
@pytest.mark.parametrize("columns", [SERIES, INSTANCES, ORGANS, IMAGES, SUV_HISTOGRAMS])
def test_every_column_is_documented(columns):
    text = PAGE.read_text("utf-8")
    rows = [
        f"| `{name}` | {c.type} | {c.unit} | {c.description} |"
        for name, c in columns.items()
    ]
    assert [row for row in rows if row not in text] == []
