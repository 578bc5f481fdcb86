"""The comparison as files: agreement.json, tables, figures and a summary to read."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vct.training.agreement.comparison import compared, verdict_counts
from vct.training.agreement.figures import write_figures
from vct.training.agreement.memory import copies, known_set, not_measured
from vct.training.agreement.row import rows_table
from vct.training.agreement.summary import summary
from vct.training.agreement.tables import read_measured


def write_report(
    folder: Path, out: Path, *, phantoms: Path | None = None, pooled: bool = False
) -> str:
    """Compare what was measured in ``folder``, write all into ``out``; the summary.

    Parameters and errors are those of ``read_measured``.
    """
    measured = read_measured(folder, phantoms=phantoms, pooled=pooled)
    result = compared(measured)
    out.mkdir(parents=True, exist_ok=True)
    table = rows_table(result.rows)
    table.to_parquet(out / "figures.parquet")
    table.to_csv(out / "figures.csv", index=False, float_format="%.6g")
    result.cells.to_csv(out / "cells.csv", index=False, float_format="%.5g")
    result.neighbors.to_csv(out / "neighbors.csv", index=False, float_format="%.5g")
    record = {
        "measured": measured.plan,
        "subjects": measured.subjects["set"].value_counts().sort_index().to_dict(),
        "pooled": pooled,
        "told_apart_from": known_set(measured),
        "copies": None if not_measured(measured) else copies(result.neighbors),
        "verdicts": verdict_counts(table).to_dict("records"),
        "figures": _without_nan(table.to_dict("records")),
    }
    text = json.dumps(record, indent=1, allow_nan=False)
    (out / "agreement.json").write_text(text + "\n")
    write_figures(measured, result, out)
    words = summary(measured, result)
    (out / "summary.md").write_text(words)
    return words


def _without_nan(records: Sequence[Mapping[Any, Any]]) -> list[dict[str, Any]]:
    return [
        {
            str(k): None if isinstance(v, float) and not math.isfinite(v) else v
            for k, v in record.items()
        }
        for record in records
    ]
