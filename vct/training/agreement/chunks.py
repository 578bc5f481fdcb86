"""Measured rows in small files: one a chunk while measuring, a few to carry away."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from vct.errors import CohortError
from vct.partial import written_beside
from vct.training.agreement.members import Member
from vct.training.agreement.reading import Rows

_CARRIED_BYTES = 26_000_000


def chunk_path(folder: Path, chunk: list[Member]) -> Path:
    """File whose presence says that a chunk is measured."""
    return folder / "chunks" / f"{chunk[0].subject_id}-{len(chunk)}.parquet"


def write_chunk(path: Path, subjects: Rows, organs: Rows) -> None:
    """Organs first, then subjects: the last one says complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(pd.DataFrame(organs), path.with_suffix(".organs.parquet"))
    _write(pd.DataFrame(subjects), path)


def _write(table: pd.DataFrame, path: Path) -> None:
    with written_beside(path) as partial:
        table.to_parquet(partial, compression="zstd")


def pack_chunks(folder: Path) -> list[Path]:
    """All chunks of a folder as ``subjects.parquet``, ``organs.parquet`` and
    ``embeddings-N.npz`` beside them; returns the files.

    Raises
    ------
    CohortError
        If nothing has been measured.
    """
    chunks = sorted((folder / "chunks").glob("*.parquet"))
    found = [p for p in chunks if not p.name.endswith(".organs.parquet")]
    if not found:
        raise CohortError(f"{folder}: no measured chunk; run 'measure' into it first")
    subjects = _joined(found).drop_duplicates("subject_id")
    organs = _joined(path.with_suffix(".organs.parquet") for path in found)
    if len(organs):  # of training phantoms only the embedding is kept
        organs = organs.drop_duplicates(["subject_id", "organ"])
    written = [folder / "subjects.parquet", folder / "organs.parquet"]
    _write(subjects.drop(columns="embedding"), written[0])
    _write(organs, written[1])
    tokens = subjects["embedding"].map(lambda raw: np.frombuffer(raw, np.int8))
    matrix, names = np.stack(tokens.to_list()), subjects["subject_id"].to_numpy(str)
    rows = max(1, _CARRIED_BYTES // matrix.shape[1])
    for part, first in enumerate(range(0, len(matrix), rows)):
        path = folder / f"embeddings-{part}.npz"
        piece = slice(first, first + rows)
        with written_beside(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, subject_id=names[piece], embedding=matrix[piece])
        written.append(path)
    for old in set(folder.glob("embeddings-*.npz")).difference(written):
        old.unlink(missing_ok=True)  # another shard may pack at the same time
    return written


def _joined(paths: Iterable[Path]) -> pd.DataFrame:
    tables = [pd.read_parquet(path) for path in paths]
    return pd.concat([t for t in tables if len(t)] or tables[:1], ignore_index=True)
