"""Subject records and their collection."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from vct.errors import CohortError
from vct.manifest import collect, read_subject_record, write_subject_record
from vct.manifest.read import read_table
from vct.manifest.schema import IMAGES, INSTANCES, ORGANS, SERIES
from vct.measured import SUV_BIN_EDGES, Measured


@dataclass(frozen=True)
class Series:
    subject_id: str
    modality: str
    series_uid: str
    n_instances: int
    spacing_mm: tuple[float, float, float]


def liver_voxels(subject_id):
    """As many voxels of SUV 2.0 as the subject's number."""
    voxels = [0] * len(SUV_BIN_EDGES)
    voxels[20] = int(subject_id[1:])
    return voxels


def leave_record(out, subject_id, folder=None):
    folder = out / "dicom" / (folder or subject_id)
    folder.mkdir(parents=True)
    write_subject_record(
        folder,
        subject_id=subject_id,
        series=[Series(subject_id, "PT", f"2.25.{subject_id[1:]}", 3, (4.0, 4.0, 4.0))],
        instances=[
            {
                "subject_id": subject_id,
                "modality": "PT",
                "instance_number": number,
                "sop_uid": f"2.25.9{number}",
                "path": f"PT/{number:04d}.dcm",
                "sha256": "0" * 64,
                "bytes": np.int64(10),
            }
            for number in (2, 1)
        ],
        measured=Measured(
            organs=[
                {
                    "organ": "liver",
                    "source": "segmenter",
                    "volume_ml": np.float32(1500.0),
                    "suv_mean": float("nan"),
                    "touches_edge": np.bool_(False),
                }
            ],
            suv_voxels={"liver": liver_voxels(subject_id)},
            image={"pet_shift_z_mm": 0.25, "pet_shift_x_mm": float("nan")},
        ),
        pet_clipped_voxels=np.int64(7),
    )


def test_collect_sorts_and_places_paths_under_the_cohort(tmp_path):
    for subject_id in ("S0002", "S0001"):
        leave_record(tmp_path, subject_id)
    leave_record(tmp_path, "S0003", folder=".S0003.partial")
    collect(tmp_path)

    instances = read_table(tmp_path / "instances.parquet", INSTANCES)
    assert list(instances["path"]) == [
        "dicom/S0001/PT/0001.dcm",
        "dicom/S0001/PT/0002.dcm",
        "dicom/S0002/PT/0001.dcm",
        "dicom/S0002/PT/0002.dcm",
    ]
    series = read_table(tmp_path / "series.parquet", SERIES)
    assert list(series["clipped_voxels"]) == [7, 7]
    assert list(series["n_frames"]) == [3, 3]
    assert series.loc[0, "spacing_k_mm"] == 4.0
    organs = read_table(tmp_path / "organs.parquet", ORGANS)
    assert organs["suv_mean"].isna().all()
    assert list(organs["volume_ml"]) == [1500.0, 1500.0]
    images = read_table(tmp_path / "images.parquet", IMAGES)
    assert list(images["pet_shift_z_mm"]) == [0.25, 0.25]
    assert images["pet_shift_x_mm"].isna().all()


def test_collect_gives_the_same_bytes_in_any_order_of_finishing(tmp_path):
    for name, order in {"a": ("S0001", "S0002"), "b": ("S0002", "S0001")}.items():
        for subject_id in order:
            leave_record(tmp_path / name, subject_id)
        collect(tmp_path / name)
    for table in ("series", "instances", "organs", "images", "suv_histograms"):
        a, b = ((tmp_path / n / f"{table}.parquet").read_bytes() for n in "ab")
        assert a == b


def test_collect_of_nothing_gives_empty_tables(tmp_path):
    collect(tmp_path)
    assert len(read_table(tmp_path / "series.parquet", SERIES)) == 0


def test_a_damaged_record_says_what_to_do(tmp_path):
    leave_record(tmp_path, "S0001")
    path = tmp_path / "dicom/S0001/subject.json"
    path.write_text(path.read_text()[:40])
    with pytest.raises(CohortError, match=r"damaged .* Remove the folder"):
        collect(tmp_path)
    path.unlink()
    with pytest.raises(CohortError, match=r"subject\.json is missing"):
        collect(tmp_path)


def test_a_record_of_another_schema_is_refused(tmp_path):
    leave_record(tmp_path, "S0001")
    path = tmp_path / "dicom/S0001/subject.json"
    path.write_text(json.dumps({"schema_version": "0"}))
    with pytest.raises(CohortError, match="not a subject record of schema 2"):
        read_subject_record(path.parent)


def test_an_unknown_column_is_our_bug(tmp_path):
    with pytest.raises(ValueError, match="no such column: colour"):
        write_subject_record(
            tmp_path,
            subject_id="S0001",
            series=[],
            instances=[],
            measured=Measured(organs=[{"subject_id": "S0001", "colour": "red"}]),
        )
