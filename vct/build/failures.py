"""Failures of disk and processes, in the user's words."""

import errno
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from vct.build.folder import OnExisting, how_to_go_on
from vct.errors import VctError
from vct.partial import place_meant

# What torch says of a GPU, and of the CPU's memory.
_NO_MEMORY = ("out of memory", "can't allocate memory")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class WriterMemoryError(MemoryError):
    """A subject could not be written for lack of memory; the device had enough."""


@contextmanager
def told_as_user_errors(
    out: Path, on_existing: OnExisting = "resume"
) -> Iterator[None]:
    """Turn a full or unwritable disk, or too little memory, into a ``VctError``.

    Parameters
    ----------
    on_existing
        Of the command that fails: whether the same one goes on with its subjects.

    Raises
    ------
    VctError
        Instead of the ``OSError``, the ``BrokenProcessPool`` of a killed writer, the
        ``WriterMemoryError`` of another, the ``MemoryError`` or torch's error on a full
        device raised inside.
    """
    kept = f"Finished subjects are kept: then {how_to_go_on(on_existing)}."
    try:
        yield
    except BrokenProcessPool:
        raise VctError(
            f"{out}: a writer process was killed, often for lack of memory. Lower "
            f"--workers. {kept}"
        ) from None
    except WriterMemoryError as error:
        raise VctError(
            f"{out}: too little memory to write a subject. Lower --workers, or end "
            f"other programs. {kept}"
        ) from error
    except (RuntimeError, MemoryError) as error:
        told = any(words in str(error) for words in _NO_MEMORY)
        if not (told or isinstance(error, MemoryError)):
            raise
        raise VctError(
            f"{out}: the device ran out of memory. If others use it, wait for them. "
            f"{kept} If not, lower --batch-size: as all subjects of a cohort share it, "
            "in a new folder with -o, or from the start with '--on-existing overwrite'."
        ) from error
    except OSError as error:
        if error.errno in _FULL:
            raise VctError(
                f"{out}: the disk is full ({error.strerror}). Free some space. {kept}"
            ) from error
        where = place_meant(error.filename or out)
        raise VctError(
            f"{where}: cannot be written ({error.strerror or error}). Choose a folder "
            f"you may write to with -o, or mend this one. {kept}"
        ) from error
