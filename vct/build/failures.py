"""Failures of disk and processes, in the user's words."""

import errno
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from vct.errors import VctError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_KEPT = "Finished subjects are kept: then run the same command again."


@contextmanager
def told_as_user_errors(out: Path) -> Iterator[None]:
    """Turn a full or unwritable disk, or a killed writer, into a ``VctError``.

    Raises
    ------
    VctError
        Instead of the ``OSError`` or ``BrokenProcessPool`` raised inside.
    """
    try:
        yield
    except BrokenProcessPool:
        raise VctError(
            f"{out}: a writer process was killed, often for lack of memory. Lower "
            f"--workers or --batch-size. {_KEPT}"
        ) from None
    except OSError as error:
        if error.errno in _FULL:
            raise VctError(
                f"{out}: the disk is full ({error.strerror}). Free some space. {_KEPT}"
            ) from error
        where = error.filename or out
        raise VctError(
            f"{where}: cannot be written ({error.strerror or error}). Choose a folder "
            f"you may write to with -o, or mend this one. {_KEPT}"
        ) from error
