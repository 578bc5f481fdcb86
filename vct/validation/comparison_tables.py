"""Tables of comparisons in ``COHORT/validation``: columns, writing, reading."""

from pathlib import Path
from typing import TYPE_CHECKING

from vct.errors import CohortError
from vct.manifest.schema import Column
from vct.manifest.write import write_table

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "validation"
SCHEMA_VERSION = "1"

_WHAT = {
    "organ": Column("string", "", "Organ, as in organs.parquet"),
    "quantity": Column("string", "", "volume_ml, suv_mean or hu_mean"),
}
COMPARISONS: dict[str, Column] = {
    **_WHAT,
    "group": Column("string", "", "Subjects compared, in words"),
    "group_kind": Column(
        "string", "", "all, sex, age, bmi, diagnosis, sex x age or sex x bmi"
    ),
    "reference": Column("string", "", "What the cohort is held against"),
    "evidence": Column(
        "string", "", "calibrated, seen, published, own reference or other cohort"
    ),
    "primary": Column("bool", "", "Whether this reference is the one for the organ"),
    "n": Column("int32", "", "Subjects of the cohort with a number"),
    "n_reference": Column("int32", "", "People of the reference (effective number)"),
    "mean": Column("float64", "as quantity", "Mean of the cohort"),
    "reference_mean": Column("float64", "as quantity", "Mean of the reference"),
    "difference_percent": Column("float64", "%", "Of the reference's mean"),
    "low_percent": Column("float64", "%", "Bootstrap 95 % interval, lower end"),
    "high_percent": Column("float64", "%", "Bootstrap 95 % interval, upper end"),
    "low90_percent": Column("float64", "%", "Bootstrap 90 % interval, lower end"),
    "high90_percent": Column("float64", "%", "Bootstrap 90 % interval, upper end"),
    "p_difference": Column("float64", "", "Welch's test that the means are one"),
    "p_equivalence": Column("float64", "", "Two one-sided tests within the bound"),
    "bound_percent": Column("float64", "%", "Bound of equivalence"),
    "p_difference_adjusted": Column("float64", "", "After Benjamini-Hochberg"),
    "p_equivalence_adjusted": Column("float64", "", "After Benjamini-Hochberg"),
    "sd": Column("float64", "as quantity", "SD of the cohort"),
    "reference_sd": Column("float64", "as quantity", "SD of the reference"),
    "sd_ratio": Column("float64", "", "SD of the cohort over the reference's"),
    "sd_ratio_low": Column("float64", "", "Bootstrap 95 % interval, lower end"),
    "sd_ratio_high": Column("float64", "", "Bootstrap 95 % interval, upper end"),
    "p_spread": Column("float64", "", "Brown-Forsythe test that the spreads are one"),
    "p_spread_adjusted": Column("float64", "", "After Benjamini-Hochberg"),
    "ks": Column("float64", "", "Kolmogorov-Smirnov distance"),
    "p_ks": Column("float64", "", "By permutation"),
    "wasserstein": Column("float64", "as quantity", "Wasserstein distance"),
    "p_wasserstein": Column("float64", "", "By permutation"),
    "verdict": Column("string", "", "Of the mean: pass, fail, inconclusive, info"),
    "spread_verdict": Column("string", "", "Of the SD: pass, fail, inconclusive, info"),
    "source": Column("string", "", "Citation of the reference"),
    "note": Column("string", "", "What a reader must know"),
}
SLOPES: dict[str, Column] = {
    **_WHAT,
    "sex": Column("string", "", "F or M"),
    "on": Column("string", "", "age_years, bmi_kg_m2 or height_m, the others held"),
    "reference": COMPARISONS["reference"],
    "evidence": COMPARISONS["evidence"],
    "n": COMPARISONS["n"],
    "n_reference": COMPARISONS["n_reference"],
    "slope": Column("float64", "quantity per unit of 'on'", "In the cohort"),
    "low": Column("float64", "as slope", "95 % interval, lower end"),
    "high": Column("float64", "as slope", "95 % interval, upper end"),
    "reference_slope": Column("float64", "as slope", "In the reference"),
    "reference_low": Column("float64", "as slope", "95 % interval, lower end"),
    "reference_high": Column("float64", "as slope", "95 % interval, upper end"),
    "difference_percent_per_sd": Column(
        "float64", "%", "Difference of slopes over one SD of 'on', of the mean"
    ),
    "p_difference": Column("float64", "", "That the slopes are one"),
    "p_difference_adjusted": Column("float64", "", "After Benjamini-Hochberg"),
    "p_equivalence": Column("float64", "", "Two one-sided tests within the bound"),
    "p_equivalence_adjusted": Column("float64", "", "After Benjamini-Hochberg"),
    "verdict": Column("string", "", "pass, fail, inconclusive or info"),
    "note": COMPARISONS["note"],
}
HISTOGRAMS: dict[str, Column] = {
    "organ": _WHAT["organ"],
    "group": COMPARISONS["group"],
    "low_suv": Column("float64", "g/mL", "Lower edge of the bin"),
    "high_suv": Column("float64", "g/mL", "Upper edge; infinite for the last bin"),
    "share": Column(
        "float64", "", "Of the organ's voxels; mean over the cohort's subjects"
    ),
    "reference_share": Column("float64", "", "In the reference; null without one"),
    "reference": COMPARISONS["reference"],
}
TABLES = {"comparisons": COMPARISONS, "slopes": SLOPES, "histograms": HISTOGRAMS}


def write_tables(out: Path, tables: "dict[str, pd.DataFrame]") -> None:
    """Write ``comparisons``, ``slopes`` and ``histograms`` of a cohort."""
    folder = out / FOLDER
    folder.mkdir(exist_ok=True)
    for name, df in tables.items():
        write_table(df, folder / f"{name}.parquet", TABLES[name], SCHEMA_VERSION)


def was_compared(out: Path) -> bool:
    """Whether a cohort has a table of comparisons, which may be empty."""
    return (out / FOLDER / "comparisons.parquet").is_file()


def read_tables(out: Path) -> "dict[str, pd.DataFrame]":
    """Tables of a cohort by name; empty ones where it was never compared.

    Raises
    ------
    CohortError
        If a table is damaged or of another version of vct.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = {}
    for name, columns in TABLES.items():
        path = out / FOLDER / f"{name}.parquet"
        if not path.is_file():
            found[name] = pd.DataFrame(columns=list(columns))
            continue
        try:
            table = pq.read_table(path)
        except (pa.ArrowException, OSError) as error:
            raise CohortError(
                f"{path} cannot be read ({error}). Run 'vct validate {out}' again."
            ) from error
        if list(table.column_names) != list(columns):
            raise CohortError(
                f"{path} is of another version of vct. Run 'vct validate {out}' again."
            )
        found[name] = table.to_pandas()
    return found
