"""The table on disk: JSON that a stopped run goes on from, CSV and Markdown."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vct.errors import SpecError
from vct.partial import written_beside

Figures = dict[str, Any]


class Table:
    """Rows by name, written after each one.

    Raises
    ------
    SpecError
        If the folder holds rows made with other settings.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self.path = folder / "ablation.json"
        # As JSON reads them back: tuples are lists there.
        self.settings = json.loads(json.dumps(settings))
        self.rows: dict[str, Figures] = {}
        if self.path.exists():
            self._resume()

    def _resume(self) -> None:
        before = json.loads(self.path.read_text())
        for name, value in self.settings.items():
            made_with = before["settings"].get(name, value)
            if made_with != value:
                raise SpecError(
                    f"{self.path}: its rows were made with {name} = {made_with!r}, "
                    f"now it is {value!r}; rows of one table must be made alike: "
                    "name another --out"
                )
        self.settings = {**before["settings"], **self.settings}
        self.rows = before["rows"]

    def __contains__(self, name: str) -> bool:
        return name in self.rows

    def add(self, name: str, figures: Figures) -> None:
        """Add a row and write all three files."""
        self.rows[name] = figures
        self.write()

    def write(self) -> None:
        """Write all three files, so that what is trained next belongs to them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        whole = {"settings": self.settings, "rows": self.rows}
        with written_beside(self.path) as partial:
            partial.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
        self._write_csv()
        (self.folder / "ablation.md").write_text(self.markdown())

    def columns(self) -> list[str]:
        """Figures of all rows, in the order they first occur."""
        return list(dict.fromkeys(key for row in self.rows.values() for key in row))

    def _write_csv(self) -> None:
        with (self.folder / "ablation.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, ["row", *self.columns()])
            writer.writeheader()
            for name, figures in self.rows.items():
                writer.writerow({"row": name, **figures})

    def markdown(self) -> str:
        """A table for each stage, rows as lines; an empty cell has no such figure."""
        parts = []
        for stage in dict.fromkeys(row["stage"] for row in self.rows.values()):
            rows = {n: r for n, r in self.rows.items() if r["stage"] == stage}
            names = dict.fromkeys(key for row in rows.values() for key in row)
            columns = [name for name in names if name not in ("stage", "trained_as")]
            lines = [_line(["row", *columns]), _line(["---"] * (1 + len(columns)))]
            for name, row in rows.items():
                lines.append(_line([name, *(_cell(row.get(c)) for c in columns)]))
            parts.append("\n".join([f"{stage}", "", *lines]) + "\n")
        return "\n".join(parts)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
