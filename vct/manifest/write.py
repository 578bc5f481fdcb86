"""A table on disk: Parquet with units, the same bytes for the same rows."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vct.errors import CohortError
from vct.partial import written_beside

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def write_table(
    df: "pd.DataFrame",
    path: Path,
    columns: Mapping[str, tuple[str, str, str]],
    schema_version: str,
) -> None:
    """Write a table as Parquet, beside its place first and then renamed.

    Field metadata hold ``unit`` and ``description``, table metadata
    ``schema_version``. Column order is that of ``columns``, row order that of ``df``.

    Raises
    ------
    ValueError
        If a column is missing or unknown.
    CohortError
        If a value does not fit the type of its column.
    """
    with table_in_parts(path, columns, schema_version) as write:
        write(df)


@contextmanager
def table_in_parts(
    path: Path, columns: Mapping[str, tuple[str, str, str]], schema_version: str
) -> Iterator[Callable[["pd.DataFrame"], None]]:
    """Write a table as ``write_table`` does, some of its rows at a time.

    Yields what takes the next rows, and raises as ``write_table``.
    """
    import pyarrow.parquet as pq

    def write(df: "pd.DataFrame") -> None:
        absent = [name for name in columns if name not in df]
        unknown = [name for name in df if name not in columns]
        if absent or unknown:
            raise ValueError(f"{path.name}: columns absent {absent}, unknown {unknown}")
        writer.write_table(_arrow_table(df, path, columns, schema_version))

    schema = arrow_schema(columns, schema_version)
    with (
        written_beside(path) as partial,
        pq.ParquetWriter(partial, schema, compression="zstd", version="2.6") as writer,
    ):
        yield write


def arrow_schema(
    columns: Mapping[str, tuple[str, str, str]], schema_version: str
) -> "pa.Schema":
    """Arrow schema with units and descriptions in the field metadata."""
    import pyarrow as pa

    fields = [
        pa.field(
            name,
            pa.type_for_alias(kind),
            metadata={"unit": unit, "description": description},
        )
        for name, (kind, unit, description) in columns.items()
    ]
    return pa.schema(fields, metadata={"schema_version": schema_version})


def _arrow_table(
    df: "pd.DataFrame", path: Path, columns: Mapping[str, Any], schema_version: str
) -> "pa.Table":
    """Arrow table of the data frame; the message names the column that does not fit."""
    import pyarrow as pa

    schema = arrow_schema(columns, schema_version)
    arrays = []
    for field in schema:
        try:
            arrays.append(
                pa.Array.from_pandas(df[field.name], type=field.type, safe=True)
            )
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise CohortError(
                f"{path.name}: column {field.name} must be {field.type}: {error}"
            ) from error
    return pa.Table.from_arrays(arrays, schema=schema)
