"""Cohort directory → tables: the public way back in."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vct.errors import CohortError
from vct.manifest.run import RUN_NAME, read_run
from vct.manifest.schema import IMAGES, INSTANCES, ORGANS, SCHEMA_VERSION, SERIES
from vct.provenance import sha256_of_file

if TYPE_CHECKING:
    import pandas as pd

_AGAIN = "Run the same 'vct build' again: finished subjects are kept."


@dataclass(frozen=True)
class Cohort:
    """A cohort as written.

    Attributes
    ----------
    path
        The cohort folder.
    spec_text
        ``cohort.yaml`` as it was built.
    run
        ``run.json``.
    subjects, series, organs, images
        The tables; units stand in the Parquet field metadata and in
        ``vct.subjects.COLUMNS`` and ``vct.manifest``. ``images`` has no rows where an
        earlier vct built the cohort. ``instances`` is another.
    """

    path: Path
    spec_text: str
    run: dict[str, Any]
    subjects: "pd.DataFrame"
    series: "pd.DataFrame"
    organs: "pd.DataFrame"
    images: "pd.DataFrame"

    @cached_property
    def instances(self) -> "pd.DataFrame":
        """Table with a row per DICOM file, read when first asked for: it is long.

        Raises
        ------
        CohortError
            If it is missing, damaged or of another schema version.
        """
        return read_table(self.path / "instances.parquet", INSTANCES)

    @property
    def finished(self) -> "pd.DataFrame":
        """Rows of ``subjects`` whose images are written, in the order of the table."""
        done = self.subjects["subject_id"].isin(self.series["subject_id"])
        return self.subjects[done].reset_index(drop=True)

    def file(self, relative: str) -> Path:
        """Path of a file named in ``instances``."""
        return self.path / relative

    def verify(self, *, hashes: bool = True) -> list[str]:
        """Compare every file with its recorded size and SHA-256.

        Parameters
        ----------
        hashes
            Also read every file; without, only sizes are compared, which is quick.

        Returns
        -------
        list of str
            One line per missing or altered file; empty when all is well.
        """
        problems = []
        table = self.instances
        for name, sha256, size in zip(
            table["path"], table["sha256"], table["bytes"], strict=True
        ):
            path = self.file(name)
            if not path.is_file():
                problems.append(f"{name} is missing")
            elif path.stat().st_size != size:
                problems.append(f"{name} has {path.stat().st_size} bytes, not {size}")
            elif hashes and sha256_of_file(path) != sha256:
                problems.append(f"{name} was altered: its SHA-256 differs")
        return problems


def load_cohort(out: str | Path) -> Cohort:
    """Read a cohort folder.

    Raises
    ------
    CohortError
        If the folder is not a cohort, or a table is missing, damaged or of another
        schema version. ``instances`` is looked at when it is first asked for.

    Examples
    --------
    Mean liver SUV of each arm::

        cohort = vct.load_cohort("out")
        liver = cohort.organs.query("organ == 'liver' and status == 'ok'")
        liver.merge(cohort.subjects).groupby("arm")["suv_mean"].mean()
    """
    out = Path(out)
    if not out.is_dir():
        raise CohortError(
            f"{out} is not a folder. Name the folder given to 'vct build'."
        )
    spec = out / "cohort.yaml"
    if not spec.is_file():
        raise CohortError(
            f"{out} is not a cohort: it holds no cohort.yaml. Name the folder given "
            "to 'vct build'."
        )
    return Cohort(
        path=out,
        spec_text=spec.read_bytes().decode("utf-8"),
        run=read_run(out / RUN_NAME),
        subjects=read_cohort_subjects(out),
        series=read_table(out / "series.parquet", SERIES),
        organs=read_table(out / "organs.parquet", ORGANS),
        images=_read_images(out / "images.parquet"),
    )


def read_cohort_subjects(out: Path) -> "pd.DataFrame":
    """Table of subjects of a cohort folder.

    Raises
    ------
    CohortError
        If it is missing, damaged or of another schema version.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from vct.errors import VctError
    from vct.subjects import SCHEMA_VERSION, read_subjects

    path = out / "subjects.parquet"
    if not path.is_file():
        raise CohortError(f"{path} is missing. {_AGAIN}")
    with suppress(pa.ArrowException, OSError):  # a damaged table is told below
        _require_version(path, pq.read_schema(path), SCHEMA_VERSION)
    try:
        return read_subjects(path)
    except VctError as error:
        # A build keeps the table that is there, so this one must go first.
        raise CohortError(
            f"{error}. Remove the file and run the same 'vct build' again: it writes "
            "the table anew, and finished subjects are kept."
        ) from error


def read_table(path: Path, columns: Any) -> "pd.DataFrame":
    """Read one of our tables.

    Raises
    ------
    CohortError
        If it is missing, damaged, of another schema version or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise CohortError(f"{path} is missing. {_AGAIN}")
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise CohortError(f"{path} is damaged ({error}). {_AGAIN}") from error

    _require_version(path, table.schema, SCHEMA_VERSION)
    absent = [name for name in columns if name not in table.column_names]
    if absent:
        raise CohortError(f"{path} lacks the column {', '.join(absent)}. {_AGAIN}")
    return table.to_pandas()


def _require_version(path: Path, schema: Any, readable: str) -> None:
    metadata = schema.metadata or {}
    version = metadata.get(b"schema_version", b"none").decode()
    if version != readable:
        raise CohortError(
            f"{path} has schema version {version}; this vct reads {readable}. "
            "Read it with the vct version named in run.json, or build again."
        )


def _read_images(path: Path) -> "pd.DataFrame":
    """Measures of whole images; none in cohorts of vct 0.2 and before."""
    import pandas as pd

    if not path.is_file():
        return pd.DataFrame(columns=list(IMAGES))
    return read_table(path, IMAGES)
