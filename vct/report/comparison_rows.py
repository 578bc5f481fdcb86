"""The comparison tables of ``vct validate`` as tables of the page."""

from typing import TYPE_CHECKING, Any

from vct.report.page_table import (
    Cell,
    Field,
    PageTable,
    figure,
    measured,
    sortable,
    text,
    verdict,
)
from vct.report.tables import interval, number, p_value, signed
from vct.validation.organs import QUANTITIES, REPORTED_ORGANS

if TYPE_CHECKING:
    import pandas as pd

_KEYS = ["organ", "quantity", "group", "group_kind", "reference", "evidence", "primary"]
_EVERYBODY = ("all", "sex")
_ORDER = {"fail": 0, "inconclusive": 1, "pass": 2, "info": 3}
REGRESSORS = {"age_years": "age [year]", "bmi_kg_m2": "BMI [kg/m²]",
              "height_m": "height [m]"}  # fmt: skip


def comparison_tables(tables: "dict[str, pd.DataFrame]") -> list[PageTable]:
    """Means, subgroups, spreads, distances and slopes.

    Parameters
    ----------
    tables
        Of ``vct.validation.comparison_tables.read_tables``.
    """
    df = _sorted(tables["comparisons"])
    everybody = df[df["group_kind"].isin(_EVERYBODY)]
    subgroups = df[~df["group_kind"].isin(_EVERYBODY)]
    worst_first = subgroups.sort_values("verdict", key=_severity, kind="stable")
    return [
        _means("means", "Means: everybody, women and men", everybody),
        _means("subgroups", "Means by subgroup, failed ones first", worst_first),
        _spreads(everybody),
        _distances(df[df["ks"].notna()]),
        _slopes(_sorted(tables["slopes"])),
        _histograms(tables["histograms"]),
    ]


def _severity(verdicts: "pd.Series") -> "pd.Series":
    return verdicts.map(_ORDER)


def _sorted(df: "pd.DataFrame") -> "pd.DataFrame":
    """Organs in the order of the other tables; the primary reference first."""
    import pandas as pd

    place = {organ: index for index, organ in enumerate(REPORTED_ORGANS)}
    keys = pd.DataFrame({"organ": df["organ"].map(place).fillna(len(place))})
    if "primary" in df:
        keys["second"] = ~df["primary"].astype(bool)
    order = keys.sort_values(keys.columns.tolist(), kind="stable").index
    return df.loc[order].reset_index(drop=True)


def _means(name: str, caption: str, df: "pd.DataFrame") -> PageTable:
    columns = [
        *_KEYS, "n", "n_reference", "mean", "reference_mean", "difference_percent",
        "low_percent", "high_percent", "low90_percent", "high90_percent",
        "bound_percent", "p_difference", "p_difference_adjusted", "p_equivalence",
        "p_equivalence_adjusted", "verdict", "source", "note",
    ]  # fmt: skip
    fields = (
        *_WHO,
        figure("n", "n", _count),
        measured("mean", "mean"),
        measured("reference_mean", "reference mean"),
        figure("difference_percent", "difference [%]", signed),
        _interval("95 % interval [%]", "low_percent", "high_percent"),
        verdict(),
        figure("p_equivalence_adjusted", "p, equivalent", p_value),
        figure("p_difference_adjusted", "p, different", p_value),
    )
    return PageTable(name, caption, df[columns], fields)


def _spreads(df: "pd.DataFrame") -> PageTable:
    columns = [
        *_KEYS, "n", "n_reference", "sd", "reference_sd", "sd_ratio", "sd_ratio_low",
        "sd_ratio_high", "p_spread", "p_spread_adjusted", "spread_verdict", "source",
        "note",
    ]  # fmt: skip
    fields = (
        *_WHO,
        figure("n", "n", _count),
        measured("sd", "SD"),
        measured("reference_sd", "reference SD"),
        figure("sd_ratio", "SD ratio", _two),
        _interval("95 % interval", "sd_ratio_low", "sd_ratio_high", 2, sign=False),
        figure("p_spread_adjusted", "p, different", p_value),
        verdict("spread_verdict"),
    )
    caption = "Spread between subjects: SD over the reference's SD"
    return PageTable("spreads", caption, df[columns], fields)


def _distances(df: "pd.DataFrame") -> PageTable:
    columns = [*_KEYS, "n", "n_reference", "ks", "p_ks", "wasserstein", "p_wasserstein"]
    fields = (
        *_WHO,
        figure("n", "n", _count),
        figure("n_reference", "n of reference", _count),
        figure("ks", "Kolmogorov-Smirnov", lambda x: number(x, 3)),
        figure("p_ks", "p", p_value),
        measured("wasserstein", "Wasserstein [as quantity]"),
        figure("p_wasserstein", "p", p_value),
    )
    caption = "Distance of distributions, p by permutation"
    return PageTable("distances", caption, df[columns], fields)


def _slopes(df: "pd.DataFrame") -> PageTable:
    fields = (
        _ORGAN,
        _QUANTITY,
        text("sex", "sex", {"F": "women", "M": "men"}.__getitem__),
        text("on", "per", lambda name: REGRESSORS.get(name, name)),
        figure("n", "n", _count),
        _slope("slope", "slope"),
        _slope_interval("95 % interval", "low", "high"),
        text("reference", "reference"),
        _slope("reference_slope", "reference slope"),
        _slope_interval("95 % interval", "reference_low", "reference_high"),
        figure("difference_percent_per_sd", "difference over one SD [%]", signed),
        verdict(),
    )
    caption = "Slopes of organs on age, BMI and height, each with the others held"
    return PageTable("slopes", caption, df, fields)


def _histograms(df: "pd.DataFrame") -> PageTable:
    fields = (
        _ORGAN,
        text("group", "group"),
        figure("low_suv", "SUV from", _two),
        figure("high_suv", "to", _two),
        figure("share", "share of voxels", lambda x: number(x, 4)),
        figure("reference_share", "in the reference", lambda x: number(x, 4)),
    )
    caption = "SUV histograms of organs"
    return PageTable("histograms", caption, df, fields)


def _reference(row: Any) -> Cell:
    kind = row.evidence + ("" if row.primary else ", second")
    return Cell(f"{row.reference} ({kind})", hint=getattr(row, "source", ""))


# Notes are the same for all rows of a reference: they stand under the tables once, in
# the files row by row.
_ORGAN = text("organ", "organ", lambda name: name.replace("_", " "))
_QUANTITY = text("quantity", "quantity", lambda name: QUANTITIES.get(name, name))
_WHO = (
    _ORGAN,
    _QUANTITY,
    text("group", "group"),
    Field("reference", _reference, short=True),
)


def _count(value: float) -> str:
    return number(value, 0)


def _two(value: float) -> str:
    return number(value, 2)


def _interval(
    title: str, low: str, high: str, decimals: int = 1, *, sign: bool = True
) -> Field:
    """Interval that sorts by its lower end."""

    def cell(row: Any) -> Cell:
        ends = getattr(row, low), getattr(row, high)
        known = None if ends[0] != ends[0] else ends
        return Cell(interval(known, decimals, sign), sortable(ends[0]))

    return Field(title, cell, numeric=True)


def _slope(column: str, title: str) -> Field:
    return figure(column, title, significant)


def _slope_interval(title: str, low: str, high: str) -> Field:
    def cell(row: Any) -> Cell:
        ends = getattr(row, low), getattr(row, high)
        words = "–" if ends[0] != ends[0] else " to ".join(map(significant, ends))
        return Cell(words, sortable(ends[0]))

    return Field(title, cell, numeric=True)


def significant(value: float) -> str:
    """Three significant digits with sign; a dash for none.

    >>> significant(-0.012345), significant(1234.5)
    ('−0.0123', '+1230')
    """
    if value is None or value != value:
        return "–"
    if value == 0:
        return "0"
    from decimal import Decimal

    rounded = Decimal(f"{value:.2e}")
    return f"{rounded:+f}".replace("-", "−")
