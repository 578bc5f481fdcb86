"""A disk that is full or cannot be written, in the user's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vct.errors import VctError
from vct.partial import place_meant


@contextmanager
def told_of_disk(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` raised inside into a ``VctError``.

    So does it with the ``RuntimeError`` that torch raises after one, when it closes a
    file that it could not write.

    Parameters
    ----------
    path
        What is named if the error names no file.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        cause = _of_disk(error)
        if cause is None:
            raise
        where = place_meant(cause.filename or path)
        raise VctError(
            f"{where}: cannot be read or written ({cause.strerror or cause}). Free "
            "some space if the disk is full, or mend the folder; then run the same "
            "command again."
        ) from error


def _of_disk(error: BaseException | None) -> OSError | None:
    """The error of the disk that an error is, or was raised while handling."""
    while error is not None and not isinstance(error, OSError):
        error = error.__context__
    return error
