"""Organ volumes and SUVs of measured people, against which a cohort is held.

Two references, measured by other instruments on other people; where both know a
quantity, AutoPET's mean is the primary one for liver, heart and kidneys and hedyPET's
for everything else. Both went into the phantoms that the bundled models learned, so a
cohort of a bundled model that agrees is *calibrated*, never *validated*.
"""

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from vct.validation.groups import SEXES

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "organ", "quantity", "sex", "mean", "sd", "n", "reading_error", "source", "kind",
    "group",
)  # fmt: skip
# AutoPET is primary for these, by decision: it is what users compare with.
AUTOPET_ORGANS = frozenset({"liver", "heart", "kidneys"})
_GROUPS = {sex: word for word, sex in SEXES.items()}


class Reference(NamedTuple):
    """One published or measured mean.

    ``mean``, ``sd`` and ``reading_error`` are in mL for ``volume_ml`` and in g/mL for
    ``suv_mean``; ``n`` counts people; ``group`` is that of ``vct.validation.groups``.
    """

    organ: str
    quantity: str
    sex: str
    mean: float
    sd: float
    n: int
    reading_error: float
    source: str
    kind: str
    group: str


def autopet_published() -> "pd.DataFrame":
    """AutoPET test subjects as drawn in a published figure, columns ``COLUMNS``.

    ``reading_error`` is how far a number read off the figure may be wrong. ``n`` is
    100, half of the 200 people: the figure does not say how many of each sex.
    """
    return _frame("autopet_published")


def hedypet_fit() -> "pd.DataFrame":
    """Healthy adults of hedyPET: by sex, and by sex and age band; columns ``COLUMNS``.

    By sex, means and SDs are the sample's; in a band the mean is that of a regression
    at the band's middle age, the SD the one about the regression, and ``reading_error``
    what the regression adds to the error of the mean (``vct.training.reference_fit``).
    """
    import pandas as pd

    return pd.concat([_frame("hedypet"), hedypet_bands()], ignore_index=True)


def hedypet_bands() -> "pd.DataFrame":
    """Rows of ``hedypet_fit`` by sex and age band."""
    import pandas as pd

    block = _data()["hedypet"]
    rows = []
    for organ, quantity, sex, band, *numbers in block["bands"]:
        by_sex = _row([organ, quantity, sex, *numbers], block)
        rows.append(by_sex._replace(group=f"{by_sex.group}, {band}"))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def reference_for(organ: str, quantity: str, sex: str) -> Reference | None:
    """The primary reference of a quantity, or None when nobody published one.

    Parameters
    ----------
    organ
        As in organs.parquet, such as ``kidneys``.
    quantity
        ``volume_ml`` or ``suv_mean``.
    sex
        F or M.
    """
    names = ("autopet_published", "hedypet")
    for name in names if organ in AUTOPET_ORGANS else names[1:]:
        for row in _rows(name):  # by sex
            if (row.organ, row.quantity, row.sex) == (organ, quantity, sex):
                return row
    return None


def about(name: str) -> dict[str, Any]:
    """Who was measured: ``people``, ``instrument``, ``source`` of a reference."""
    numbers = ("rows", "slopes", "bands")
    return {k: v for k, v in _data()[name].items() if k not in numbers}


def hedypet_slopes() -> dict[tuple[str, str, str], dict[str, tuple[float, float, int]]]:
    """Slopes of hedyPET's people: (organ, quantity, sex) → regressor → slope.

    A slope is its value, standard error (HC3) and degrees of freedom; least squares on
    age, height and BMI together, 30 people of each sex, ages as the middle of their
    band (``vct.training.reference_fit``).
    """
    found: dict[tuple[str, str, str], dict[str, tuple[float, float, int]]] = {}
    for organ, quantity, sex, on, value, error, degrees in _data()["hedypet"]["slopes"]:
        found.setdefault((organ, quantity, sex), {})[on] = (value, error, degrees)
    return found


def _frame(name: str) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(_rows(name), columns=list(COLUMNS))


def _rows(name: str) -> list[Reference]:
    block = _data()[name]
    return [_row(row, block) for row in block["rows"]]


def _row(row: list[Any], block: dict[str, Any]) -> Reference:
    """Organ, quantity, sex, mean, SD, people and reading error, as JSON has them."""
    organ, quantity, sex, mean, sd, n, reading_error = row
    return Reference(
        organ, quantity, sex, mean, sd, n, reading_error,
        source=block["source"], kind="calibrated", group=_GROUPS[sex],
    )  # fmt: skip


@cache
def _data() -> dict[str, Any]:
    text = files("vct.validation").joinpath("references.json").read_text("utf-8")
    return json.loads(text)
