"""The table of subjects: its columns, one row as a value, and its files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from vct.column import Column
from vct.errors import CohortError
from vct.partial import written_beside

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = "1"

# Numbers this close, relatively, are one number drawn on two CPUs: NumPy's kernels for
# them differ in the last bit, 1e-16, and a sum of such steps stays far below.
SAME = 1e-9


COLUMNS: dict[str, Column] = {
    "subject_id": Column("string", "", "Subject: Patient ID (0010,0020)"),
    "arm": Column("string", "", "Arm of the trial"),
    "stratum": Column("string", "", "Quota or stratum within which arms are balanced"),
    "diagnosis": Column(
        "string", "", "Diagnosis whose demographics these are; no lesions are drawn"
    ),
    "sex": Column("string", "", "F or M"),
    "age_years": Column("float64", "years", "Age at the scan"),
    "height_m": Column("float64", "m", "Height"),
    "bmi_kg_m2": Column("float64", "kg/m2", "Body mass index"),
    "weight_kg": Column("float64", "kg", "Weight: BMI times height squared"),
    "bsa_m2": Column("float64", "m2", "Body surface area (Du Bois and Du Bois 1916)"),
    "lbm_kg": Column("float64", "kg", "Lean body mass (Janmahasatian et al. 2005)"),
    "injected_mbq": Column("float64", "MBq", "Activity at injection"),
    "uptake_min": Column("float64", "min", "Injection to the start of the PET"),
    "attempt": Column("int32", "", "Draws that were not eligible before this one"),
}


@dataclass(frozen=True)
class Subject:
    """One row of the table, as the other stages see it; units stand in the names."""

    subject_id: str
    arm: str
    diagnosis: str
    sex: str
    age_years: float
    height_m: float
    bmi_kg_m2: float
    weight_kg: float
    bsa_m2: float
    lbm_kg: float
    injected_mbq: float
    uptake_min: float

    @classmethod
    def from_row(cls, row: Any) -> Self:
        """Subject of a row: a Series, a mapping, or a tuple of ``itertuples``."""
        is_mapping = isinstance(row, Mapping) or hasattr(row, "loc")
        values: dict[str, Any] = {}
        for field in fields(cls):
            value = row[field.name] if is_mapping else getattr(row, field.name)
            is_text = COLUMNS[field.name].type == "string"
            values[field.name] = str(value) if is_text else float(value)
        return cls(**values)


def make_table(
    columns: Mapping[str, NDArray], n: int, attrition: dict[str, int]
) -> "pd.DataFrame":
    """DataFrame in the order of ``COLUMNS``; subjects without a name are numbered."""
    import pandas as pd

    named = dict(columns)
    if "subject_id" not in named:
        named["subject_id"] = np.array(subject_ids(n), dtype=object)
    df = pd.DataFrame({name: _series(named[name], COLUMNS[name]) for name in COLUMNS})
    df.attrs["attrition"] = attrition
    return df


def _series(values: NDArray, column: Column) -> Any:
    """Values in the type of the column; few distinct texts are made once."""
    import pandas as pd

    if column.type != "string":
        return np.asarray(values, column.type)
    if values.dtype == object:
        return pd.array(values, dtype="str")
    texts, codes = np.unique(values, return_inverse=True)
    return pd.array(texts.astype(object), dtype="str").take(codes)


def as_subjects(columns: Mapping[str, NDArray]) -> Iterator[Subject]:
    """Rows of drawn columns; subjects without a name are numbered."""
    names = columns.get("subject_id", subject_ids(len(columns["sex"])))
    for i, name in enumerate(names):
        row = {column: values[i] for column, values in columns.items()}
        yield Subject.from_row({**row, "subject_id": name})


def subject_ids(n: int) -> list[str]:
    """Names S0001 and so on, of equal width.

    Examples
    --------
    >>> subject_ids(2)
    ['S0001', 'S0002']
    """
    width = max(4, len(str(n)))
    return [f"S{i:0{width}d}" for i in range(1, n + 1)]


def write_subjects(df: "pd.DataFrame", path: str | Path) -> None:
    """Write the table, whole or not at all: CSV if the path ends so, Parquet otherwise.

    Parquet holds ``unit`` and ``description`` in the field metadata and
    ``schema_version`` in the table metadata. Equal tables give equal bytes.
    """
    path = Path(path)
    with written_beside(path) as partial:
        if path.suffix.lower() == ".csv":
            df.to_csv(partial, index=False, lineterminator="\n")
        else:
            _write_parquet(df, partial)


def _write_parquet(df: "pd.DataFrame", path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            pa.field(
                name,
                pa.type_for_alias(column.type),
                metadata={"unit": column.unit, "description": column.description},
            )
            for name, column in COLUMNS.items()
        ],
        metadata={"schema_version": SCHEMA_VERSION},
    )
    arrays = [pa.Array.from_pandas(df[f.name], type=f.type) for f in schema]
    table = pa.Table.from_arrays(arrays, schema=schema)
    pq.write_table(table, path, compression="zstd", version="2.6", store_schema=True)


def read_subjects(path: str | Path) -> "pd.DataFrame":
    """Read a table that ``write_subjects`` wrote.

    Raises
    ------
    CohortError
        If it cannot be read, or lacks a column.
    """
    import pandas as pd

    path = Path(path)
    texts = {name: "str" for name, c in COLUMNS.items() if c.type == "string"}
    try:
        if path.suffix.lower() == ".csv":
            df = pd.read_csv(path, dtype=texts, keep_default_na=False)
        else:
            df = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise CohortError(f"{path}: cannot be read ({error})") from error
    absent = [name for name in COLUMNS if name not in df]
    if absent:
        raise CohortError(f"{path}: lacks the column {', '.join(absent)}")
    return df


def differing_subjects(one: "pd.DataFrame", other: "pd.DataFrame") -> list[str]:
    """Subjects of whom two tables do not say the same, or whom only one of them has.

    Numbers may differ by ``SAME``: the last bit of a drawn one depends on the CPU.
    Columns that only one table has are not compared.
    """
    a, b = (df.set_index("subject_id") for df in (one, other))
    names = a.index.union(b.index)
    a, b = a.reindex(names), b.reindex(names)
    differ = ~(names.isin(one["subject_id"]) & names.isin(other["subject_id"]))
    for name in (column for column in a if column in b):
        if COLUMNS[str(name)].type == "string":
            # As objects: a category and a string of one name are the same.
            texts = [df[name].astype(object) for df in (a, b)]
            absent = texts[0].isna() & texts[1].isna()
            differ |= ~((texts[0] == texts[1]) | absent).to_numpy(bool)
        else:
            x, y = (df[name].to_numpy(float) for df in (a, b))
            differ |= ~np.isclose(x, y, rtol=SAME, atol=0, equal_nan=True)
    return [str(name) for name in names[differ]]


def share_outside(
    subjects: "pd.DataFrame | Mapping[str, NDArray]",
    ranges: Mapping[str, tuple[float, float]],
) -> dict[str, float]:
    """Share of the subjects outside each range, 0 to 1; the ends are inside.

    NaN is outside.
    """
    shares = {}
    for name, (low, high) in ranges.items():
        if name in subjects:
            x = np.asarray(subjects[name])
            shares[name] = float(np.mean(~((x >= low) & (x <= high))))
    return shares


def share_in_words(share: float) -> str:
    """Percentage of a share (0 to 1), which is 0 only where the share is.

    >>> share_in_words(0.25), share_in_words(0.0002), share_in_words(0.0)
    ('25.0 %', 'less than 0.1 %', '0.0 %')
    """
    told = f"{100 * share:.1f} %"
    return "less than 0.1 %" if share > 0 and told == "0.0 %" else told
