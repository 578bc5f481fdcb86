"""What each finished subject leaves behind, and its collection into tables.

``dicom/S0001/subject.json`` holds the subject's series, instances and measures, so that
a resumed or merged build reads no image again.
"""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vct.errors import CohortError
from vct.manifest.histograms import in_parts, write_histograms
from vct.manifest.run import plain
from vct.manifest.schema import (
    IMAGES,
    IMAGES_KEY,
    INSTANCES,
    INSTANCES_KEY,
    ORGANS,
    ORGANS_KEY,
    SCHEMA_VERSION,
    SERIES,
    SERIES_KEY,
)
from vct.manifest.write import table_in_parts, write_table
from vct.measured import Measured

if TYPE_CHECKING:
    import pandas as pd

RECORD_NAME = "subject.json"


def write_subject_record(
    folder: Path,
    *,
    subject_id: str,
    series: Iterable[Any],
    instances: Iterable[Any],
    measured: Measured,
    pet_clipped_voxels: int | None = None,
) -> Path:
    """Write ``subject.json`` into a subject's folder, before its rename.

    Parameters
    ----------
    series, instances
        Dataclasses or mappings with the columns of the tables; what is left out is
        null. ``spacing_mm`` (k, j, i) of a series becomes its three columns. Paths are
        relative to the subject's folder.
    measured
        Likewise; its rows need no ``subject_id``.
    pet_clipped_voxels
        Of ``StoredImages``; it goes to the PT series.

    Raises
    ------
    TypeError
        If a value is neither JSON nor a NumPy scalar.
    """
    record = {
        "schema_version": SCHEMA_VERSION,
        "subject_id": subject_id,
        "series": [_series_row(row, pet_clipped_voxels) for row in map(_row, series)],
        "instances": [_chosen(_row(row), INSTANCES) for row in instances],
        "organs": [_measured_row(subject_id, row, ORGANS) for row in measured.organs],
        "image": _measured_row(subject_id, measured.image, IMAGES),
        # One line an organ, where a list would fill hundreds.
        "suv_voxels": {
            organ: " ".join(map(str, voxels))
            for organ, voxels in measured.suv_voxels.items()
        },
    }
    path = folder / RECORD_NAME
    path.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", "utf-8")
    return path


def read_subject_record(folder: Path) -> dict[str, Any]:
    """Record of one finished subject.

    Raises
    ------
    CohortError
        If it is missing, damaged or of another schema version.
    """
    path = folder / RECORD_NAME
    advice = f"Remove the folder {folder} and run the same build again."
    try:
        record = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise CohortError(f"{path} is missing. {advice}") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CohortError(f"{path} is damaged ({error}). {advice}") from error
    if not isinstance(record, dict) or record.get("schema_version") != SCHEMA_VERSION:
        raise CohortError(
            f"{path} is not a subject record of schema {SCHEMA_VERSION}. {advice}"
        )
    return record


def finished_subjects(out: Path) -> list[Path]:
    """Folders of the finished subjects, sorted; unfinished ones begin with a dot."""
    dicom = out / "dicom"
    if not dicom.is_dir():
        return []
    return sorted(p for p in dicom.iterdir() if p.is_dir() and p.name[0] != ".")


def collect(out: Path) -> None:
    """Write all tables but the subjects' from the records of the subjects.

    Rows are sorted, so the tables do not depend on the order of finishing. Of the
    instances, hundreds a subject, memory holds those of some subjects.

    Raises
    ------
    CohortError
        If a finished subject's record is missing or damaged.
    """
    rows: dict[str, list[dict[str, Any]]] = {"series": [], "organs": [], "images": []}
    path = out / "instances.parquet"
    with table_in_parts(path, INSTANCES, SCHEMA_VERSION) as write:
        for folders in in_parts(finished_subjects(out)):
            instances: list[dict[str, Any]] = []
            for folder in folders:
                record = read_subject_record(folder)
                rows["series"] += record["series"]
                rows["organs"] += record["organs"]
                rows["images"].append(record.get("image", {"subject_id": folder.name}))
                instances += [
                    {**row, "path": f"dicom/{folder.name}/{row['path']}"}
                    for row in record["instances"]
                ]
            write(_sorted(instances, INSTANCES, INSTANCES_KEY))
    for name, columns, key in (
        ("series", SERIES, SERIES_KEY),
        ("organs", ORGANS, ORGANS_KEY),
        ("images", IMAGES, IMAGES_KEY),
    ):
        df = _sorted(rows[name], columns, key)
        write_table(df, out / f"{name}.parquet", columns, SCHEMA_VERSION)
    write_histograms(out, _histograms(out))


def _histograms(out: Path) -> Iterator[tuple[str, dict[str, list[int]]]]:
    """Subject and its organs' voxels in each SUV bin, record by record."""
    for folder in finished_subjects(out):
        record = read_subject_record(folder)
        yield (
            record["subject_id"],
            {
                organ: [int(n) for n in voxels.split()]
                for organ, voxels in record.get("suv_voxels", {}).items()
            },
        )


def _sorted(
    rows: list[dict[str, Any]], columns: Mapping[str, Any], key: Sequence[str]
) -> "pd.DataFrame":
    """Rows in the order of the key; nulls in floating-point columns as NaN."""
    import pandas as pd

    df = pd.DataFrame(rows, columns=list(columns), dtype=object)
    df = df.sort_values(list(key), kind="stable", ignore_index=True)
    for name, (kind, _, _) in columns.items():
        df[name] = df[name].astype(float) if kind == "float64" else df[name]
    return df


def _row(record: Any) -> dict[str, Any]:
    """Mapping of a dataclass or mapping, NumPy scalars made plain."""
    fields = (
        dataclasses.asdict(record)
        if dataclasses.is_dataclass(record) and not isinstance(record, type)
        else dict(record)
    )
    return {str(name): plain(value) for name, value in fields.items()}


def _measured_row(
    subject_id: str, row: Any, columns: Mapping[str, Any]
) -> dict[str, Any]:
    return _chosen({"subject_id": subject_id, **_row(row)}, columns)


def _chosen(row: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of the table, in its order; an unknown one is our bug."""
    unknown = sorted(set(row) - set(columns))
    if unknown:
        raise ValueError(f"subject.json: no such column: {', '.join(unknown)}")
    return {name: row.get(name) for name in columns}


def _series_row(row: dict[str, Any], pet_clipped_voxels: int | None) -> dict[str, Any]:
    """Series row with its spacing spread over three columns."""
    row = dict(row)
    spacing = row.pop("spacing_mm", None)
    if spacing is not None:
        names = ("spacing_k_mm", "spacing_j_mm", "spacing_i_mm")
        row.update(zip(names, spacing, strict=True))
    if row.get("modality") == "PT" and pet_clipped_voxels is not None:
        row["clipped_voxels"] = plain(pet_clipped_voxels)
    if row.get("n_frames") is None and row.get("modality") != "SEG":
        row["n_frames"] = row.get("n_instances")
    return _chosen(row, SERIES)
