"""A user's own reference: what is written is read, and nothing else is."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from vct.errors import CohortError
from vct.measured import SUV_BIN_EDGES
from vct.validation.reference_file import (
    COLUMNS,
    ReferenceFile,
    cohort_instrument,
    read_reference,
    require_same_instrument,
    same_instrument,
    write_reference,
)

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "manifest.md"


def reference(**changes: object) -> ReferenceFile:
    """Two organs of one study, the second one refused."""
    shares = np.zeros(len(SUV_BIN_EDGES))
    shares[20:30] = 0.1
    numbers = {name: 1.5 for name, c in COLUMNS.items() if c.type == "float64"}
    words = {
        "subject_id": "s1", "subject_key": "p1", "sex": "F", "diagnosis": None,
        "source": "masks",
    }  # fmt: skip
    whole = {"organ": "liver", "status": "ok", "suv_histogram": shares}
    nothing = dict.fromkeys(("volume_ml", "suv_mean", "suv_p50"), np.nan)
    cut = {"organ": "brain", "status": "cut_by_field", "suv_histogram": None}
    rows = pd.DataFrame([{**numbers, **words, **whole},
                         {**numbers, **words, **nothing, **cut}])  # fmt: skip
    return ReferenceFile(
        **{
            "rows": rows,
            "instrument": "masks from there",
            "source": "24 studies",
            "created_by": "vct 0",
            "suv_bin_edges": SUV_BIN_EDGES,
            "left_out": {"s2": "no CT"},
            **changes,
        }  # type: ignore[arg-type]
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written = reference()
    read = read_reference(write_reference(written, tmp_path / "r.parquet"))
    for name in ("instrument", "source", "created_by", "left_out"):
        assert getattr(read, name) == getattr(written, name)
    np.testing.assert_array_equal(read.suv_bin_edges, SUV_BIN_EDGES)
    brain, liver = read.rows.to_dict("records")  # sorted by organ
    assert (brain["organ"], brain["suv_histogram"]) == ("brain", None)
    assert np.isnan(brain["suv_mean"])
    np.testing.assert_array_equal(
        liver["suv_histogram"], written.rows["suv_histogram"][0]
    )


def test_units_stand_in_the_file(tmp_path: Path) -> None:
    schema = pq.read_schema(write_reference(reference(), tmp_path / "r.parquet"))
    assert schema.field("volume_ml").metadata[b"unit"] == b"mL"
    assert schema.metadata[b"schema_version"] == b"1"


def test_row_order_does_not_change_the_bytes(tmp_path: Path) -> None:
    one = write_reference(reference(), tmp_path / "a.parquet")
    turned = reference(rows=reference().rows[::-1].reset_index(drop=True))
    other = write_reference(turned, tmp_path / "b.parquet")
    assert one.read_bytes() == other.read_bytes()


def test_bins_that_do_not_fit_their_edges_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must have 3 bins"):
        write_reference(reference(suv_bin_edges=np.arange(3.0)), tmp_path / "r.parquet")
    assert not (tmp_path / "r.parquet").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match=r"none\.parquet is not a file\. Name what"):
        read_reference(tmp_path / "none.parquet")


def test_another_parquet_is_no_reference(tmp_path: Path) -> None:
    pd.DataFrame({"organ": ["liver"]}).to_parquet(tmp_path / "organs.parquet")
    with pytest.raises(CohortError, match="is no reference: it lacks subject_id"):
        read_reference(tmp_path / "organs.parquet")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = write_reference(reference(), tmp_path / "r.parquet")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(CohortError, match=r"r\.parquet is damaged"):
        read_reference(path)


def test_a_later_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_reference(reference(), tmp_path / "r.parquet")
    monkeypatch.setattr("vct.validation.reference_file.SCHEMA_VERSION", "2")
    with pytest.raises(CohortError, match="schema version 1; this vct reads 2"):
        read_reference(path)


def test_instruments_are_one_but_for_remarks() -> None:
    own = "bundled segmenter 1234"
    assert same_instrument(f"{own} (unvalidated on real scans)", own)
    assert not same_instrument(own, "bundled segmenter 5678")
    assert not same_instrument("TotalSegmentator 2.4, task total", own)


def test_what_two_instruments_measured_is_compared_only_if_asked() -> None:
    own, other = "bundled segmenter 12", "TotalSegmentator 2.4, task total"
    assert require_same_instrument(own, f"{own} (x)", any_instrument=False) == ""
    with pytest.raises(
        CohortError, match="by bundled segmenter 12, the reference by T"
    ):
        require_same_instrument(own, other, any_instrument=False)
    remark = require_same_instrument(own, other, any_instrument=True)
    assert remark.startswith("Two instruments: measured by bundled segmenter 12")


def test_a_cohort_that_names_no_instrument_has_that_of_its_model() -> None:
    run = {"model": {"sha256": "ab" * 32}}
    assert cohort_instrument(run) == "the segmenter of model abababababab"
    assert cohort_instrument({**run, "instrument": "bundled segmenter 1"})[-1] == "1"


def test_a_reference_is_not_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        reference().instrument = "other"  # type: ignore[misc]


@pytest.mark.skipif(not PAGE.is_file(), reason="docs are not beside the tests")
def test_every_column_is_documented() -> None:
    text = PAGE.read_text("utf-8")
    for name, c in COLUMNS.items():
        assert f"| `{name}` | {c.type} | {c.unit} | {c.description} |" in text
