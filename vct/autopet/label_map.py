"""From the numbers of a label image to vct's organs."""

import csv
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from vct.anatomy import LABEL_OF, OrganList, part_list
from vct.autopet.refusal import ScanError
from vct.errors import VctError


@dataclass(frozen=True)
class LabelMap:
    """Which organ each number of a label image is; other numbers are no organ.

    Attributes
    ----------
    organ_of
        Number → name as in ``vct.anatomy``. Several numbers may be one organ.
    """

    organ_of: Mapping[int, str]

    @property
    def organs(self) -> OrganList:
        """The organs that the map can tell."""
        return part_list(self.organ_of.values())

    def applied(self, labels: np.ndarray) -> np.ndarray:
        """Labels of ``vct.anatomy``, uint8, for numbers of the image, any shape.

        Raises
        ------
        ScanError
            If a number is negative or not whole.
        """
        low, high = float(labels.min()), float(labels.max())
        if low < 0 or not np.array_equal(labels, np.rint(labels)):
            raise ScanError("its numbers are not labels: some are negative or broken")
        table = np.zeros(int(max(high, *self.organ_of)) + 1, np.uint8)
        for number, organ in self.organ_of.items():
            table[number] = LABEL_OF[organ]
        return table[labels.astype(np.intp)]


def totalsegmentator_map() -> LabelMap:
    """Numbers of TotalSegmentator's task ``total``, version 2."""
    text = files("vct.autopet").joinpath("totalsegmentator.csv").read_text("utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if line[:1] != "#")
    return LabelMap({int(row["label"]): row["organ"] for row in rows if row["organ"]})


def read_label_map(path: Path) -> LabelMap:
    """A user's map: YAML or JSON, ``number: organ``.

    Raises
    ------
    VctError
        If it cannot be read, or an entry is no number of an organ.
    """
    from ruamel.yaml import YAML, YAMLError

    try:
        entries = YAML(typ="safe").load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise VctError(f"{path} cannot be read as YAML or JSON ({error})") from error
    if not isinstance(entries, dict) or not entries:
        raise VctError(f"{path} must hold lines such as '5: liver', number and organ.")
    return LabelMap(dict(_entry(path, *entry) for entry in entries.items()))


def _entry(path: Path, number: Any, organ: Any) -> tuple[int, str]:
    if not str(number).isdecimal() or int(number) == 0:
        raise VctError(f"{path}: {number!r} must be a whole number above 0.")
    if not isinstance(organ, str) or organ not in LABEL_OF:
        near = difflib.get_close_matches(str(organ), LABEL_OF, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise VctError(f"{path}: {number}: vct knows no organ {organ!r}{hint}")
    return int(number), organ
