"""The table: columns with units, files that repeat, rows as values."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.spec.strategies import spec_data
from vct.errors import CohortError
from vct.spec import CohortSpec
from vct.subjects import (
    COLUMNS,
    Subject,
    as_subjects,
    differing_subjects,
    read_subjects,
    sample_columns,
    sample_subjects,
    share_outside,
    subject_ids,
    write_subjects,
)

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "spec.md"


@pytest.fixture(scope="module")
def subjects() -> pd.DataFrame:
    return sample_subjects(CohortSpec.model_validate(spec_data()))


def test_the_columns_are_those_promised(subjects: pd.DataFrame) -> None:
    assert list(subjects) == list(COLUMNS)
    for name, column in COLUMNS.items():
        kind = "str" if column.type == "string" else column.type
        assert str(subjects[name].dtype) == kind


def test_every_number_has_a_unit_in_name_and_metadata(
    subjects: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "subjects.parquet"
    write_subjects(subjects, path)
    schema = pq.read_schema(path)
    assert schema.metadata[b"schema_version"] == b"1"
    for field in schema:
        column = COLUMNS[field.name]
        assert field.metadata[b"unit"].decode() == column.unit
        assert field.metadata[b"description"].decode() == column.description
        assert bool(column.unit) == (column.type == "float64")


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_table_that_cannot_be_written_leaves_the_one_that_is_there(
    suffix: str,
    subjects: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fill(*arguments: object, **_: object) -> None:
        path = next(a for a in arguments if isinstance(a, Path))
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fill)
    monkeypatch.setattr(pq, "write_table", fill)
    path = tmp_path / f"subjects.{suffix}"
    path.write_bytes(b"before")
    with pytest.raises(OSError, match="No space left"):
        write_subjects(subjects, path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_what_is_written_is_read(
    suffix: str, subjects: pd.DataFrame, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{i}.{suffix}" for i in "ab"]
    for path in paths:
        write_subjects(subjects, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    again = read_subjects(paths[0])
    pd.testing.assert_frame_equal(again, subjects, check_dtype=suffix == "parquet")


def test_tables_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "subjects.parquet"
    with pytest.raises(CohortError, match="cannot be read"):
        read_subjects(path)
    path.write_text("no")
    with pytest.raises(CohortError, match="cannot be read"):
        read_subjects(path)
    path = tmp_path / "subjects.csv"
    path.write_text("subject_id\nS0001\n")
    with pytest.raises(CohortError, match="lacks the column arm, stratum"):
        read_subjects(path)


def test_who_differs_between_two_tables(subjects: pd.DataFrame) -> None:
    names = list(subjects["subject_id"])
    other = subjects.copy()
    other["weight_kg"] = np.nextafter(other["weight_kg"], np.inf)
    assert differing_subjects(subjects, other.iloc[::-1]) == []
    other.loc[1, "weight_kg"] *= 1 + 1e-8
    other.loc[2, "arm"] = "another"
    other.loc[3, "attempt"] += 1
    assert differing_subjects(subjects, other) == names[1:4]
    assert differing_subjects(subjects, other.iloc[5:]) == names[:5]
    assert differing_subjects(subjects.iloc[5:], other) == names[:5]


def test_a_row_is_a_subject(subjects: pd.DataFrame) -> None:
    from_series = Subject.from_row(subjects.iloc[3])
    from_tuple = Subject.from_row(next(subjects.iloc[3:4].itertuples()))
    from_dict = Subject.from_row(subjects.iloc[3].to_dict())
    assert from_series == from_tuple == from_dict
    assert from_series.subject_id == "S0004"
    assert type(from_series.age_years) is float


def test_drawn_columns_are_the_rows_of_the_table(subjects: pd.DataFrame) -> None:
    columns, _ = sample_columns(CohortSpec.model_validate(spec_data()))
    rows = [Subject.from_row(row) for row in subjects.itertuples()]
    assert list(as_subjects(columns)) == rows


def test_names_have_equal_width() -> None:
    assert subject_ids(3) == ["S0001", "S0002", "S0003"]
    assert {len(name) for name in subject_ids(12_345)} == {6}


def test_the_share_outside_counts_both_sides() -> None:
    df = pd.DataFrame({"age_years": [17.9, 18, 90, 91], "sex": list("FMFM")})
    assert share_outside(df, {"age_years": (18, 90), "other": (0, 1)}) == {
        "age_years": 0.5
    }


def test_nobody_without_a_number_is_inside() -> None:
    assert (
        share_outside({"height_m": np.array([1.7, np.nan])}, {"height_m": (1, 2)})[
            "height_m"
        ]
        == 0.5
    )


@pytest.mark.skipif(not PAGE.is_file(), reason="docs are not beside the tests")
def test_every_column_is_documented() -> None:
    text = re.sub(" +", " ", PAGE.read_text("utf-8"))
    rows = [
        f"| `{name}` | {c.type} | {c.unit} | {c.description} |".replace("|  |", "| |")
        for name, c in COLUMNS.items()
    ]
    assert [row for row in rows if row not in text] == []
