"""The folder of prepared studies: its tables and arrays, written and read; no torch.

``vct autopet prepare`` writes it; training and references read it::

    prepared.json, index.parquet, left_out.parquet
    studies/NAME/ct_hu.npy  int16, suv.npy float16, coverage.npy bool; k j i, one grid
    studies/NAME/study.json the index row again, and what was done
    qc/NAME.png
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vct.column import Column
from vct.errors import VctError
from vct.grid import Grid
from vct.partial import written_beside

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
AIR_HU = -1024  # where nothing is covered, and outside the body
TRAINING, CALIBRATION, HELD_OUT = "training", "calibration", "held_out"


INDEX: dict[str, Column] = {
    "name": Column("string", "", "Folder under studies/"),
    "study_id": Column("string", "", "Subject and study, as the layout spells them"),
    "subject_id": Column("string", "", "Subject, as the layout spells it"),
    "subject_key": Column("string", "", "Patient: shared by repeat studies"),
    "layout": Column("string", "", "dicom, nifti or nnunet"),
    "tracer": Column("string", "", "FDG or PSMA"),
    "split": Column("string", "", "training, calibration or held_out, by patient"),
    "age_years": Column("float64", "years", "Age at the scan"),
    "sex": Column("string", "", "F or M"),
    "height_m": Column("float64", "m", "Height, null if not known"),
    "weight_kg": Column("float64", "kg", "Weight, null if not known"),
    "bmi_kg_m2": Column("float64", "kg/m2", "Body mass index, null if not known"),
    "diagnosis": Column("string", "", "Diagnosis of the clinical metadata, or null"),
    "injected_mbq": Column("float64", "MBq", "Injected activity, null if not known"),
    "uptake_min": Column("float64", "min", "Injection to scan, null if not known"),
    "covered_low_k": Column("int32", "", "First slice with covered voxels"),
    "covered_high_k": Column("int32", "", "One past the last such slice"),
    "arms": Column("string", "", "up, down or unknown, seen in the CT"),
    "ct_on_pet_grid": Column("bool", "", "Whether the CT came resampled to the PET"),
    "notes": Column("list<string>", "", "What was assumed"),
}
LEFT_OUT: dict[str, Column] = {
    "study_id": Column("string", "", "Subject and study, as the layout spells them"),
    "path": Column("string", "", "Where it lies"),
    "layout": Column("string", "", "dicom, nifti or nnunet"),
    "reasons": Column("list<string>", "", "Why it was not prepared"),
}


class StudyArrays(NamedTuple):
    """A study on the grid, k j i.

    Attributes
    ----------
    ct_hu
        int16 [HU], table removed; -1024 outside the body and where not covered.
    suv
        float16 [g/mL]; 0 where not covered.
    coverage
        bool, True where both CT and PET cover the whole voxel.
    """

    ct_hu: np.ndarray
    suv: np.ndarray
    coverage: np.ndarray


class PreparedFolder:
    """A folder that ``vct autopet prepare`` wrote.

    Raises
    ------
    VctError
        If it is no such folder, of another schema, or was not written to its end.

    Examples
    --------
    >>> folder = PreparedFolder(Path("prepared"))  # doctest: +SKIP
    >>> for name in folder.index.name:  # doctest: +SKIP
    ...     ct_hu, suv, coverage = folder.volumes(name)
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.settings = read_settings(self.path)
        self.grid = _grid(self.settings)
        there = (self.path / "index.parquet").is_file()
        if not there or not self.settings.get("finished", True):
            raise VctError(
                f"{self.path} is not prepared to its end: run the same 'vct autopet "
                "prepare' again; it continues where it stopped."
            )

    @cached_property
    def index(self) -> "pd.DataFrame":
        """One row per prepared study: the columns of ``INDEX``."""
        return _read(self.path / "index.parquet")

    @cached_property
    def left_out(self) -> "pd.DataFrame":
        """One row per study that was not prepared: the columns of ``LEFT_OUT``."""
        return _read(self.path / "left_out.parquet")

    def volumes(self, name: str) -> StudyArrays:
        """Arrays of a study, memory-mapped and read-only.

        Raises
        ------
        VctError
            If there is no such study, or its arrays are damaged or on another grid.
        """
        if not study_folder(self.path, name).is_dir():
            raise VctError(f"{self.path} holds no prepared study {name!r}.")
        return read_arrays(self.path, name, self.grid)


def read_arrays(path: Path, name: str, grid: Grid) -> StudyArrays:
    """Arrays of a study in a prepared folder, memory-mapped and read-only.

    Raises
    ------
    VctError
        If they are missing, damaged or on another grid.
    """
    kinds = {"ct_hu": np.int16, "suv": np.float16, "coverage": np.bool_}
    folder = study_folder(path, name)
    return StudyArrays(
        **{what: _array(folder, what, kind, grid) for what, kind in kinds.items()}
    )


def _array(folder: Path, what: str, kind: type, grid: Grid) -> np.ndarray:
    path = folder / f"{what}.npy"
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise VctError(
            f"{path} cannot be read ({error}). Remove {folder} and run "
            "'vct autopet prepare' again."
        ) from error
    if array.shape != grid.shape or array.dtype != kind:
        raise VctError(
            f"{path} is {array.dtype} of {array.shape}, not {np.dtype(kind)} of "
            f"{grid.shape}. Remove {folder} and run 'vct autopet prepare' again."
        )
    return array


def study_name(study_id: str) -> str:
    """Name of a study's folder: safe in any file system, different for any two.

    Examples
    --------
    >>> study_name("fdg_0011_03-23-2003")
    'fdg_0011_03-23-2003'
    >>> study_name("PETCT_0011/PET-CT  with contrast")
    'PETCT_0011_PET-CT_with_contrast-af27294b'
    """
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", study_id).strip("._-")[:120] or "study"
    if safe == study_id:
        return safe
    return f"{safe}-{hashlib.sha256(study_id.encode()).hexdigest()[:8]}"


def split_of(
    subject_key: str,
    seed: int,
    held_out_share: float,
    calibration_share: float = 0.0,
) -> str:
    """Which part a patient is in: by hash, so that no patient's part needs the others.

    Examples
    --------
    >>> split_of("0011f3deaf", seed=0, held_out_share=0.0)
    'training'
    """
    digest = hashlib.sha256(f"{seed}/{subject_key}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    if share < held_out_share:
        return HELD_OUT
    return CALIBRATION if share < held_out_share + calibration_share else TRAINING


def study_folder(path: Path, name: str) -> Path:
    """Where a prepared study lies."""
    return path / "studies" / name


def name_of_data(source: str) -> str:
    """What a data set is called: its folder's name, without the machine's path.

    >>> name_of_data("/data/FDG-PET-CT-Lesions")
    'FDG-PET-CT-Lesions'
    """
    return Path(source).name or source


def read_settings(path: Path) -> dict[str, Any]:
    """What ``prepared.json`` says.

    Raises
    ------
    VctError
        If it is missing, damaged or of another schema.
    """
    file = path / "prepared.json"
    if not file.is_file():
        raise VctError(
            f"{path} is no folder of prepared studies: prepared.json is missing. "
            "'vct autopet prepare SRC DST' writes one."
        )
    try:
        settings: dict[str, Any] = json.loads(file.read_text())
    except ValueError as error:
        raise VctError(f"{file} is damaged: {error}") from error
    if settings.get("schema") != SCHEMA:
        raise VctError(
            f"{file} has schema {settings.get('schema')}, this vct reads {SCHEMA}: "
            "prepare the studies again into a new folder."
        )
    return settings


def write_settings(path: Path, settings: Mapping[str, Any], grid: Grid) -> None:
    """Write ``prepared.json``: the settings, an isotropic grid, and the schema.

    ``finished`` among the settings is False until every study was looked at; a reader
    then refuses the folder.
    """
    values = {
        "schema": SCHEMA,
        **settings,
        "spacing_mm": grid.spacing_mm[0],
        "shape": list(grid.shape),
        "origin_mm": list(grid.origin_mm),
    }
    with written_beside(path / "prepared.json") as partial:
        partial.write_text(json.dumps(values, indent=2) + "\n")


def write_study(
    path: Path, name: str, arrays: StudyArrays, row: Mapping[str, Any], done: Any
) -> None:
    """Write a study beside its place, then rename: it is complete or not there.

    Parameters
    ----------
    row
        Its index row, the columns of ``INDEX``.
    done
        What was done, for ``study.json``.
    """
    folder = study_folder(path, name)
    partial = folder.with_name(f".{name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        np.save(partial / "ct_hu.npy", arrays.ct_hu.astype(np.int16, copy=False))
        np.save(partial / "suv.npy", arrays.suv.astype(np.float16, copy=False))
        np.save(partial / "coverage.npy", arrays.coverage.astype(bool, copy=False))
        (partial / "study.json").write_text(_study_text({**row, "done": done}))
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _study_text(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=2, allow_nan=False) + "\n"


def update_row(path: Path, name: str, row: Mapping[str, Any]) -> None:
    """Write another index row into ``study.json``; what was done stays."""
    file = study_folder(path, name) / "study.json"
    with written_beside(file) as partial:
        partial.write_text(_study_text({**json.loads(file.read_text()), **row}))


def remove_study(path: Path, name: str) -> None:
    """Remove a study, if it is there; one that is removed in part is not there."""
    folder = study_folder(path, name)
    partial = folder.with_name(f".{name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    if folder.exists():
        folder.rename(partial)
        shutil.rmtree(partial)


def read_row(path: Path, name: str) -> dict[str, Any] | None:
    """Index row of a study that is complete; None if it is not there, or damaged."""
    file = study_folder(path, name) / "study.json"
    if not file.is_file():
        return None
    try:
        written = json.loads(file.read_text())
        return {column: written[column] for column in INDEX}
    except (ValueError, TypeError, KeyError):  # cut off, as when the power fails
        return None


def write_index(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write ``index.parquet``, sorted by name."""
    _write(sorted(rows, key=lambda r: r["name"]), path / "index.parquet", INDEX)


def write_left_out(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write ``left_out.parquet``, sorted by study."""
    ordered = sorted(rows, key=lambda r: (r["study_id"], r["path"]))
    _write(ordered, path / "left_out.parquet", LEFT_OUT)


def _grid(settings: Mapping[str, Any]) -> Grid:
    spacing = float(settings["spacing_mm"])
    k, j, i = settings["shape"]
    z, y, x = settings["origin_mm"]
    return Grid((k, j, i), (spacing, spacing, spacing), (z, y, x))


def _read(path: Path) -> "pd.DataFrame":
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are among them
        raise VctError(f"{path} cannot be read: {error}") from error


def _write(
    rows: list[Mapping[str, Any]], path: Path, columns: Mapping[str, Column]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [
        pa.field(
            name,
            _arrow_type(column.type),
            metadata={"unit": column.unit, "description": column.description},
        )
        for name, column in columns.items()
    ]
    schema = pa.schema(fields, metadata={"schema_version": str(SCHEMA)})
    table = pa.Table.from_pylist([dict(row) for row in rows], schema=schema)
    with written_beside(path) as partial:
        pq.write_table(table, partial, compression="zstd")


def _arrow_type(name: str) -> Any:
    import pyarrow as pa

    return pa.list_(pa.string()) if name == "list<string>" else pa.type_for_alias(name)
