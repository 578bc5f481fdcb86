"""suv_histograms.parquet, written some subjects at a time and read row by row."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vct.errors import CohortError
from vct.manifest import read_shares
from vct.manifest.histograms import HISTOGRAMS_NAME, write_histograms
from vct.measured import SUV_BIN_EDGES

BINS = len(SUV_BIN_EDGES)


def voxels(*bins: int) -> list[int]:
    return np.bincount(bins, minlength=BINS).tolist()


@given(st.integers(0, 150))
def test_what_was_written_is_read(tmp_path_factory, n_subjects: int) -> None:
    out = tmp_path_factory.mktemp("cohort")
    write_histograms(
        out,
        (
            (f"S{i:04d}", {"spleen": voxels(1, 300), "liver": voxels(i, i, 3, 3)})
            for i in range(n_subjects)
        ),
    )
    read = list(read_shares(out, ["liver"]))
    assert [subject for subject, _, _ in read] == [
        f"S{i:04d}" for i in range(n_subjects)
    ]
    for i, (_, organ, share) in enumerate(read):
        assert organ == "liver"
        np.testing.assert_allclose(share, np.array(voxels(i, i, 3, 3)) / 4)


def test_the_file_says_what_its_columns_are(tmp_path) -> None:
    schema = pq.read_schema(write_histograms(tmp_path, [("S1", {"liver": voxels(2)})]))
    assert b"SUV bin" in schema.field("voxels").metadata[b"description"]
    assert schema.metadata[b"schema_version"] == b"2"


def test_a_cohort_of_an_earlier_vct_has_none(tmp_path) -> None:
    assert list(read_shares(tmp_path, ["liver"])) == []


def test_damage_says_what_to_do(tmp_path) -> None:
    path = write_histograms(tmp_path, [("S1", {"liver": voxels(2)})])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CohortError, match=r"is damaged .* --remeasure"):
        list(read_shares(tmp_path, ["liver"]))


def test_other_bins_are_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("vct.manifest.histograms.SUV_BIN_EDGES", SUV_BIN_EDGES * 2)
    write_histograms(tmp_path, [("S1", {"liver": voxels(2)})])
    monkeypatch.undo()
    with pytest.raises(CohortError, match="other SUV bins"):
        list(read_shares(tmp_path, ["liver"]))
    assert (tmp_path / HISTOGRAMS_NAME).is_file()
