"""Tables on disk."""

import pandas as pd
import pyarrow.parquet as pq
import pytest

from vct.errors import CohortError
from vct.manifest import ORGANS, SCHEMA_VERSION, Column, write_table

COLUMNS = {
    "subject_id": Column("string", "", "Subject"),
    "volume_ml": Column("float64", "mL", "Volume"),
}


def frame() -> pd.DataFrame:
    return pd.DataFrame({"volume_ml": [1.5, None], "subject_id": ["S0001", "S0002"]})


def test_units_and_version_are_in_the_metadata(tmp_path):
    write_table(frame(), tmp_path / "t.parquet", COLUMNS, SCHEMA_VERSION)
    schema = pq.read_schema(tmp_path / "t.parquet")
    assert schema.names == ["subject_id", "volume_ml"]
    assert schema.field("volume_ml").metadata == {
        b"unit": b"mL",
        b"description": b"Volume",
    }
    assert schema.metadata[b"schema_version"] == SCHEMA_VERSION.encode()


def test_same_rows_same_bytes(tmp_path):
    for name in "ab":
        write_table(frame(), tmp_path / f"{name}.parquet", COLUMNS, "1")
    a, b = ((tmp_path / f"{n}.parquet").read_bytes() for n in "ab")
    assert a == b
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.parquet", "b.parquet"]


def test_columns_must_be_those_of_the_schema(tmp_path):
    df = frame().rename(columns={"volume_ml": "volume"})
    with pytest.raises(ValueError, match=r"absent \['volume_ml'\], unknown \['volume'"):
        write_table(df, tmp_path / "t.parquet", COLUMNS, "1")


def test_a_value_of_the_wrong_type_names_its_column(tmp_path):
    df = frame().astype({"volume_ml": object})
    df.loc[0, "volume_ml"] = "much"
    with pytest.raises(CohortError, match="column volume_ml must be double"):
        write_table(df, tmp_path / "t.parquet", COLUMNS, "1")


def test_every_number_with_a_dimension_has_a_unit():
    bare = [name for name, c in ORGANS.items() if c.type == "float64" and not c.unit]
    assert bare == []
