"""A user's own reference: organs of measured people in one Parquet file.

One row for each study and organ, as in ``organs.parquet``, with who the person was and
how SUV is spread inside the organ. ``vct autopet reference`` writes it, ``vct validate
--reference`` reads it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vct.errors import CohortError
from vct.manifest.schema import ORGANS, Column
from vct.manifest.write import arrow_schema
from vct.partial import written_beside

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SCHEMA_VERSION = "1"
HISTOGRAM = "suv_histogram"

COLUMNS: dict[str, Column] = {
    "subject_id": Column("string", "", "Study; several studies of a person differ"),
    "subject_key": Column("string", "", "Person; repeat studies share it"),
    "age_years": Column("float64", "a", "Age at the scan"),
    "sex": Column("string", "", "F or M"),
    "height_m": Column("float64", "m", "Height, null if not known"),
    "weight_kg": Column("float64", "kg", "Weight, null if not known"),
    "bmi_kg_m2": Column("float64", "kg/m2", "Body mass index, null if not known"),
    "diagnosis": Column("string", "", "As the source spells it, null if not known"),
    "organ": ORGANS["organ"],
    "source": Column("string", "", "segmenter, threshold or masks"),
    "status": ORGANS["status"],
    "volume_ml": Column("float64", "mL", "Volume inside the covered field"),
    "suv_mean": ORGANS["suv_mean"],
    "suv_sd": ORGANS["suv_sd"],
    "suv_max": ORGANS["suv_max"],
    "suv_p10": Column("float64", "g/mL", "10th percentile of SUV over voxels"),
    "suv_p50": Column("float64", "g/mL", "Median of SUV over voxels"),
    "suv_p90": Column("float64", "g/mL", "90th percentile of SUV over voxels"),
    "hu_mean": ORGANS["hu_mean"],
    "hu_sd": ORGANS["hu_sd"],
    "mass_kg": Column("float64", "kg", "Mass inside the covered field, from HU"),
}
KEY = ("subject_id", "source", "organ")


@dataclass(frozen=True)
class ReferenceFile:
    """A reference as written.

    Attributes
    ----------
    rows
        Columns ``COLUMNS`` and ``suv_histogram``: the share of the organ's voxels in
        each bin, an array as long as ``suv_bin_edges``, or None where the organ was
        refused.
    instrument
        What found the organs. What stands in brackets at its end is a remark.
    source
        The data, in the user's words.
    created_by
        Version of vct.
    suv_bin_edges
        Lower edge of each bin [g/mL], (bins,); the last bin is open above.
    left_out
        Studies that could not be measured: name → reason.
    data
        Name of the folder of data that the studies were prepared from; empty in files
        of earlier versions, of which nothing is known.
    split
        Which of the prepared studies: ``all``, ``training``, ``calibration`` or
        ``held_out``.
    """

    rows: "pd.DataFrame"
    instrument: str
    source: str
    created_by: str
    suv_bin_edges: np.ndarray
    left_out: dict[str, str]
    data: str = ""
    split: str = "all"


def same_instrument(one: str, other: str) -> bool:
    """Whether two instruments are one, whatever is remarked in brackets.

    >>> same_instrument("bundled segmenter 4f (unvalidated)", "bundled segmenter 4f")
    True
    """
    return one.partition(" (")[0] == other.partition(" (")[0]


def cohort_instrument(run: Mapping[str, Any]) -> str:
    """What measured the organs of a cohort, by its ``run.json``.

    Cohorts of earlier versions name their model only, which has one segmenter.
    """
    unnamed = f"the segmenter of model {run['model']['sha256'][:12]}"
    return str(run.get("instrument") or unnamed)


def require_same_instrument(
    cohort: str, reference: str, *, any_instrument: bool
) -> str:
    """The remark for every row of a comparison of what two instruments measured.

    Returns
    -------
    str
        Empty if the instrument is one.

    Raises
    ------
    CohortError
        If they differ and ``any_instrument`` does not allow it.
    """
    if same_instrument(cohort, reference):
        return ""
    told = f"measured by {cohort}, the reference by {reference}"
    if not any_instrument:
        raise CohortError(
            f"The cohort was {told}: what differs may be the instrument. Measure both "
            "with one, or compare them nevertheless with --any-instrument; every row "
            "will say so."
        )
    return f"Two instruments: {told}."


def write_reference(reference: ReferenceFile, path: Path) -> Path:
    """Write a reference, beside its place first and then renamed.

    Rows are sorted by ``KEY``: the same rows give the same bytes.

    Raises
    ------
    ValueError
        If a column is missing or unknown, or a histogram has another number of bins.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    df = reference.rows
    wanted = {*COLUMNS, HISTOGRAM}
    if set(df.columns) != wanted:
        absent, unknown = wanted - set(df.columns), set(df.columns) - wanted
        raise ValueError(f"columns absent {sorted(absent)}, unknown {sorted(unknown)}")
    bins = len(reference.suv_bin_edges)
    if any(h is not None and len(h) != bins for h in df[HISTOGRAM]):
        raise ValueError(f"every {HISTOGRAM} must have {bins} bins")
    df = df.sort_values(list(KEY), kind="stable")
    schema = _schema(reference)
    arrays = [pa.Array.from_pandas(df[field.name], type=field.type) for field in schema]
    table = pa.Table.from_arrays(arrays, schema=schema)
    with written_beside(path) as partial:
        pq.write_table(table, partial, compression="zstd", version="2.6")
    return path


def read_reference(path: str | Path) -> ReferenceFile:
    """Read a reference.

    Raises
    ------
    CohortError
        If it is missing, damaged, no reference, or of another schema version.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(path)
    if not path.is_file():
        raise CohortError(
            f"{path} is not a file. Name what 'vct autopet reference' wrote."
        )
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise CohortError(
            f"{path} is damaged or no Parquet file ({error}). Run 'vct autopet "
            "reference' again."
        ) from error
    metadata = {
        k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()
    }
    _check(path, table, metadata)
    return ReferenceFile(
        rows=table.to_pandas(),
        instrument=metadata["instrument"],
        source=metadata["source"],
        created_by=metadata["created_by"],
        suv_bin_edges=np.array(json.loads(metadata["suv_bin_edges"]), float),
        left_out=json.loads(metadata.get("left_out", "{}")),
        data=metadata.get("data", ""),
        split=metadata.get("split", "all"),
    )


def _schema(reference: ReferenceFile) -> "pa.Schema":
    import pyarrow as pa

    metadata = {
        "schema_version": SCHEMA_VERSION,
        "instrument": reference.instrument,
        "source": reference.source,
        "created_by": reference.created_by,
        "suv_bin_edges": json.dumps(reference.suv_bin_edges.tolist()),
        "left_out": json.dumps(reference.left_out, ensure_ascii=False),
        "data": reference.data,
        "split": reference.split,
    }
    told = "Share of the organ's voxels in each SUV bin; null if refused"
    histogram = pa.field(
        HISTOGRAM,
        pa.list_(pa.float64()),
        metadata={"unit": "", "description": told},
    )
    return (
        arrow_schema(COLUMNS, SCHEMA_VERSION).append(histogram).with_metadata(metadata)
    )


def _check(path: Path, table: "pa.Table", metadata: dict[str, Any]) -> None:
    told = ("instrument", "source", "created_by", "suv_bin_edges")
    absent = [name for name in (*COLUMNS, HISTOGRAM) if name not in table.column_names]
    absent += [name for name in told if name not in metadata]
    if absent:
        raise CohortError(
            f"{path} is no reference: it lacks {', '.join(absent)}. Name what 'vct "
            "autopet reference' wrote."
        )
    version = metadata.get("schema_version", "none")
    if version != SCHEMA_VERSION:
        raise CohortError(
            f"{path} has schema version {version}; this vct reads {SCHEMA_VERSION}. "
            "Run 'vct autopet reference' again."
        )
