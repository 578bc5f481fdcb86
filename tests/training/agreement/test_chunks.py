"""Chunks are packed whoever else packs, and whatever they hold."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vct.errors import CohortError
from vct.training.agreement.chunks import chunk_path, pack_chunks, write_chunk
from vct.training.agreement.members import CONDITIONS, Member


def write_one(folder: Path, number: int, *, organs: bool = True) -> None:
    member = Member("training", number, CONDITIONS[0])
    tokens = np.full(8, number, np.int8).tobytes()
    subject = {"subject_id": member.subject_id, "embedding": tokens}
    liver = {"subject_id": member.subject_id, "organ": "liver", "volume_ml": 1500.0}
    write_chunk(chunk_path(folder, [member]), [subject], [liver] if organs else [])


@pytest.mark.parametrize("organs", [True, False])
def test_chunks_are_packed_with_organs_or_without(tmp_path: Path, organs: bool) -> None:
    for number in range(3):
        write_one(tmp_path, number, organs=organs)
    subjects, table, embeddings = pack_chunks(tmp_path)
    assert len(pd.read_parquet(subjects)) == 3
    assert len(pd.read_parquet(table)) == (3 if organs else 0)
    with np.load(embeddings) as packed:
        assert packed["embedding"][:, 0].tolist() == [0, 1, 2]


def test_what_an_earlier_packing_left_over_is_removed_by_one_of_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_one(tmp_path, 0)
    left_over = tmp_path / "embeddings-7.npz"
    left_over.touch()
    found = Path.glob

    def removed_by_another(folder: Path, pattern: str) -> list[Path]:
        paths = list(found(folder, pattern))
        left_over.unlink(missing_ok=True)
        return paths

    monkeypatch.setattr(Path, "glob", removed_by_another)
    assert all(path.is_file() for path in pack_chunks(tmp_path))
    assert not left_over.exists()


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="no measured chunk"):
        pack_chunks(tmp_path)
