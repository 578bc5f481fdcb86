"""The folder of prepared studies: what is written is read, what is broken is named."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vct.autopet.prepared import (
    CALIBRATION,
    HELD_OUT,
    INDEX,
    LEFT_OUT,
    PreparedFolder,
    StudyArrays,
    read_row,
    split_of,
    study_name,
    write_index,
    write_left_out,
    write_settings,
    write_study,
)
from vct.errors import VctError
from vct.grid import Grid

GRID = Grid((3, 4, 5), (8.0, 8.0, 8.0), (-10.0, 1.0, 2.0))


def row(name: str, **values: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(INDEX),
        "name": name,
        "study_id": name,
        "subject_id": name,
        "subject_key": name,
        "layout": "dicom",
        "tracer": "FDG",
        "split": "training",
        "age_years": 63.0,
        "sex": "F",
        "covered_low_k": 1,
        "covered_high_k": 3,
        "arms": "up",
        "ct_on_pet_grid": False,
        "notes": ["assumed"],
        **values,
    }


def arrays(seed: int = 0) -> StudyArrays:
    rng = np.random.default_rng(seed)
    return StudyArrays(
        rng.integers(-1024, 1000, GRID.shape).astype(np.int16),
        rng.uniform(0, 9, GRID.shape).astype(np.float16),
        rng.uniform(size=GRID.shape) > 0.5,
    )


def folder(path: Path) -> PreparedFolder:
    write_settings(path, {"source": "SRC", "held_out_share": 0.1, "seed": 3}, GRID)
    write_study(path, "a", arrays(), row("a"), {"shift_mm": [1.0, 2.0, 3.0]})
    write_index(path, [row("b", height_m=1.7), row("a")])
    gone = {"study_id": "c", "path": "x/c", "layout": "nifti", "reasons": ["why"]}
    write_left_out(path, [gone])
    return PreparedFolder(path)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    prepared = folder(tmp_path)
    assert prepared.grid == GRID
    assert prepared.settings["seed"] == 3
    for expected, found in zip(arrays(), prepared.volumes("a"), strict=True):
        assert isinstance(found, np.memmap)
        np.testing.assert_array_equal(expected, found)
    assert list(prepared.index.name) == ["a", "b"]
    assert prepared.index.height_m.isna().tolist() == [True, False]
    assert list(prepared.left_out.reasons[0]) == ["why"]
    assert read_row(tmp_path, "a") == row("a")
    assert read_row(tmp_path, "b") is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_study_whose_row_is_damaged_is_not_there(text: str, tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "studies" / "a" / "study.json").write_text(text)
    assert read_row(tmp_path, "a") is None


def test_tables_carry_units_and_schema_also_when_empty(tmp_path: Path) -> None:
    write_index(tmp_path, [])
    write_left_out(tmp_path, [])
    for name, columns in [("index", INDEX), ("left_out", LEFT_OUT)]:
        schema = pq.read_schema(tmp_path / f"{name}.parquet")
        assert schema.names == list(columns)
        assert schema.metadata[b"schema_version"] == b"1"
        for field in schema:
            assert field.metadata[b"unit"].decode() == columns[field.name].unit


def test_a_study_is_complete_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_study(tmp_path, "a", arrays(), row("a", age_years=float("nan")), {})
    assert list((tmp_path / "studies").iterdir()) == []


def test_broken_folders_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(VctError, match=r"prepared.json is missing. 'vct autopet"):
        PreparedFolder(tmp_path)
    prepared = folder(tmp_path)
    with pytest.raises(VctError, match="holds no prepared study 'zz'"):
        prepared.volumes("zz")
    np.save(tmp_path / "studies" / "a" / "suv.npy", np.zeros((3, 4, 5)))
    with pytest.raises(VctError, match=r"suv.npy is float64 of .* not float16 of"):
        prepared.volumes("a")
    (tmp_path / "studies" / "a" / "suv.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(VctError, match=r"suv.npy cannot be read .*Remove"):
        prepared.volumes("a")
    write_settings(tmp_path, {**prepared.settings, "finished": False}, GRID)
    with pytest.raises(VctError, match=r"not prepared to its end.*continues"):
        PreparedFolder(tmp_path)
    write_settings(tmp_path, {**prepared.settings, "finished": True}, GRID)
    assert PreparedFolder(tmp_path).grid == GRID
    (tmp_path / "index.parquet").unlink()
    with pytest.raises(VctError, match=r"not prepared to its end.*continues"):
        PreparedFolder(tmp_path)
    (tmp_path / "prepared.json").write_text(json.dumps({"schema": 9}))
    with pytest.raises(VctError, match="has schema 9, this vct reads 1"):
        PreparedFolder(tmp_path)


@given(st.text(min_size=1), st.text(min_size=1))
def test_names_are_safe_and_tell_studies_apart(one: str, other: str) -> None:
    name = study_name(one)
    assert set(name) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
    )
    assert not name.startswith(".")
    assert (name == study_name(other)) == (one == other)


@given(st.integers(0, 2**31), st.floats(0.05, 0.5))
def test_the_split_keeps_its_share_and_grows_with_it(seed: int, share: float) -> None:
    keys = [f"patient{n}" for n in range(2000)]
    held = {key for key in keys if split_of(key, seed, share) == HELD_OUT}
    sd = (share * (1 - share) * len(keys)) ** 0.5
    assert abs(len(held) - share * len(keys)) < 6 * sd
    more = {key for key in keys if split_of(key, seed, share + 0.1) == HELD_OUT}
    assert held <= more
    parts = [split_of(key, seed, share, 0.1) for key in keys]
    assert {k for k, p in zip(keys, parts, strict=True) if p == HELD_OUT} == held
    own = {k for k, p in zip(keys, parts, strict=True) if p == CALIBRATION}
    assert own == more - held
