"""The references a cohort was compared with: who was measured, how, by what."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vct.report.page_table import Cell, Field, PageTable, text
from vct.validation.against import BUILT_IN
from vct.validation.reference_people import reference_people

if TYPE_CHECKING:
    import pandas as pd

_TOLD = {
    "people": "people measured",
    "drawn_from": "part of",
    "acquisition": "scanned",
    "instrument": "organs found by",
    "judged": "first reference for",
    "reading_error": "reading error",
    "source": "source",
}


def reference_table(comparisons: "pd.DataFrame") -> PageTable:
    """One line a reference and fact; without lines where nothing was compared."""
    import pandas as pd

    rows: list[tuple[str, str, str]] = []
    for name in dict.fromkeys(comparisons["reference"].astype(str)):
        of_it = comparisons[comparisons["reference"] == name]
        rows += _built_in(name) if name in BUILT_IN else _own(name, of_it)
    df = pd.DataFrame(rows, columns=["reference", "fact", "told"])
    in_words = Field("in words", lambda row: Cell(row.told))
    fields = (text("reference", "reference"), text("fact", "fact"), in_words)
    caption = "What the cohort is held against"
    return PageTable("references", caption, df, fields, tools=False)


def _built_in(name: str) -> list[tuple[str, str, str]]:
    about = reference_people(name)
    facts = ((words, getattr(about, fact)) for fact, words in _TOLD.items())
    return [(name, words, told) for words, told in facts if told]


def _own(name: str, rows: "pd.DataFrame") -> list[tuple[str, str, str]]:
    """A reference file: what its comparison says of it."""
    everybody = rows[rows["group"] == "all"]
    most = int(everybody["n_reference"].max()) if len(everybody) else 0
    sources: Sequence[str] = rows["source"].dropna().unique().tolist()
    told = (
        [(name, "people measured", f"{most}, weighted to the cohort")] if most else []
    )
    return [*told, *((name, "source", source) for source in sources if source)]
