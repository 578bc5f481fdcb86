"""suv_histograms.parquet: how SUV is spread over the voxels of every organ.

Apart from organs.parquet, since it is some thirty times as large; it is written and
read some subjects at a time.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from vct.errors import CohortError
from vct.manifest.schema import SCHEMA_VERSION, SUV_HISTOGRAMS
from vct.measured import SUV_BIN_EDGES
from vct.partial import written_beside

if TYPE_CHECKING:
    import pyarrow as pa

HISTOGRAMS_NAME = "suv_histograms.parquet"
_SUBJECTS_AT_ONCE = 64

Item = TypeVar("Item")


def write_histograms(
    out: Path, subjects: Iterable[tuple[str, Mapping[str, Sequence[int]]]]
) -> Path:
    """Write the histograms of a cohort, beside their place first and then renamed.

    Parameters
    ----------
    subjects
        Subject and its organs' voxels in each bin of ``SUV_BIN_EDGES``, in the order
        of the table; organs are sorted here.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = out / HISTOGRAMS_NAME
    schema = _schema()
    with (
        written_beside(path) as partial,
        pq.ParquetWriter(partial, schema, compression="zstd", version="2.6") as writer,
    ):
        for some in in_parts(subjects):
            rows = [
                (subject_id, organ, voxels)
                for subject_id, organs in some
                for organ, voxels in sorted(organs.items())
            ]
            columns = list(zip(*rows, strict=True)) or [(), (), ()]
            named = dict(zip(SUV_HISTOGRAMS, columns, strict=True))
            writer.write_table(pa.table(named, schema=schema))
    return path


def read_shares(
    out: Path, organs: Sequence[str]
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Subject, organ and share of the organ's voxels in each bin, row by row.

    Shares are (bins,) of ``SUV_BIN_EDGES`` [g/mL] and sum to 1. Nothing for a cohort of
    a vct that kept no histograms.

    Raises
    ------
    CohortError
        If the table is damaged or has other bins.
    """
    for subject_id, organ, voxels in _rows(out / HISTOGRAMS_NAME, organs):
        yield subject_id, organ, voxels / max(voxels.sum(), 1)


def _rows(path: Path, organs: Sequence[str]) -> Iterator[tuple[str, str, np.ndarray]]:
    """Subject, organ and voxels of the wanted rows; nothing where there is no file."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if not path.is_file():
        return
    try:
        file = pq.ParquetFile(path)
        _check_bins(path, file.schema_arrow)
        for number in range(file.num_row_groups):
            table = file.read_row_group(number)
            table = table.filter(pc.is_in(table["organ"], pa.array(organs)))
            voxels = table["voxels"].combine_chunks().flatten().to_numpy()
            yield from zip(
                table["subject_id"].to_pylist(),
                table["organ"].to_pylist(),
                voxels.reshape(table.num_rows, len(SUV_BIN_EDGES)),
                strict=True,
            )
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CohortError(
            f"{path} is damaged ({error}). Measure the cohort again with 'vct validate "
            f"{path.parent} --remeasure'."
        ) from error


def _check_bins(path: Path, schema: "pa.Schema") -> None:
    edges = json.loads((schema.metadata or {}).get(b"suv_bin_edges", b"[]"))
    if edges != SUV_BIN_EDGES.tolist():
        raise CohortError(
            f"{path} has other SUV bins than this vct. Measure the cohort again with "
            f"'vct validate {path.parent} --remeasure'."
        )


def _schema() -> "pa.Schema":
    import pyarrow as pa

    kinds = {"list<int32>": pa.list_(pa.int32())}
    fields = [
        pa.field(
            name,
            kinds.get(column.type) or pa.type_for_alias(column.type),
            metadata={"unit": column.unit, "description": column.description},
        )
        for name, column in SUV_HISTOGRAMS.items()
    ]
    edges = json.dumps(SUV_BIN_EDGES.tolist())
    metadata = {"schema_version": SCHEMA_VERSION, "suv_bin_edges": edges}
    return pa.schema(fields, metadata=metadata)


def in_parts(subjects: Iterable[Item]) -> Iterator[list[Item]]:
    """Some subjects at a time, of which memory holds what belongs to them."""
    left = iter(subjects)
    while part := list(islice(left, _SUBJECTS_AT_ONCE)):
        yield part
