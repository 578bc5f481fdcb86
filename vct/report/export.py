"""The tables of the page as Parquet and CSV, beside it."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from vct.report.page_table import PageTable

FOLDER = "report/tables"


def write_tables(tables: Iterable[PageTable], out: Path) -> Path:
    """Write every table to ``report/tables/NAME.parquet`` and ``.csv``.

    The folder is written beside its place and then put there, so that a table of an
    earlier report does not stay. The same tables give the same bytes.

    Returns
    -------
    Path
        The folder.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = out / FOLDER
    partial = folder.with_name(".tables.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for table in tables:
        arrow = pa.Table.from_pandas(table.data, preserve_index=False)
        arrow = arrow.replace_schema_metadata({"caption": table.caption})
        pq.write_table(arrow, partial / f"{table.name}.parquet", compression="zstd")
        text = table.data.to_csv(index=False, lineterminator="\n")
        (partial / f"{table.name}.csv").write_text(text, "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)
    return folder
