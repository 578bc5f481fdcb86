"""Files that cannot be written, in the user's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vct.errors import VctError
from vct.partial import place_meant


@contextmanager
def told_as_unwritable(
    path: Path, advice: str, *, failed: str = "written"
) -> Iterator[None]:
    """Turn an ``OSError`` of a read-only folder or a full disk into a ``VctError``.

    Parameters
    ----------
    path
        What is named if the error names no file.
    advice
        What to do, as a sentence.
    failed
        What could not be done: also ``read or written`` where files are read inside.
    """
    try:
        yield
    except OSError as error:
        where = place_meant(error.filename or path)
        raise VctError(
            f"{where}: cannot be {failed} ({error.strerror or error}). {advice}"
        ) from error
