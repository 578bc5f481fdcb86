"""Files that appear whole: written beside their place, then renamed."""

import glob
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


def partial_beside(path: Path) -> Path:
    """Name beside a file's place, to write it under; of such a name, another one.

    Shards on several machines write into one folder, where process numbers and
    names of machines may repeat; this name does not.
    """
    name = place_meant(path).name.lstrip(".")
    return path.with_name(f".{name}.{uuid4().hex}.partial")


def partials_of(path: Path) -> str:
    """Glob pattern of the names that ``partial_beside`` gives, whatever the name.

    Of no other file's, though its name begin alike: ``P1.2`` with that of ``P1``.
    """
    return f".{glob.escape(path.name.lstrip('.'))}.{'[0-9a-f]' * 32}.partial"


def place_meant(path: str | Path) -> Path:
    """The file or folder that a name of ``partial_beside`` stands for; others as is.

    Examples
    --------
    >>> place_meant(partial_beside(Path("out/run.json"))).as_posix()
    'out/run.json'
    """
    path = Path(path)
    found = _PARTIAL.fullmatch(path.name)
    return path.with_name(found[1]) if found else path


_PARTIAL = re.compile(r"\.(.+)\.[0-9a-f]{32}\.partial")


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """Where to write a file; it takes its place when the block ends, if it ends well.

    Examples
    --------
    ::

        with written_beside(out / "cohort.yaml") as partial:
            partial.write_bytes(spec_bytes)
    """
    partial = partial_beside(path)
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def written_once(path: Path, write: Callable[[Path], object]) -> bool:
    """Write a file unless it exists; of builds that begin together one does.

    Parameters
    ----------
    write
        Called with the path to write to, beside the file's place.

    Returns
    -------
    Whether this call wrote it.
    """
    if path.exists():
        return False
    partial = partial_beside(path)
    try:
        write(partial)
        return _linked(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _linked(partial: Path, path: Path) -> bool:
    """Give a file its place unless one is there."""
    try:
        os.link(partial, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if path.exists():
            return False
        partial.replace(path)  # whole at once: another shard may be reading it
    return True
