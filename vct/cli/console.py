"""What a person reads: everything but results goes to stderr."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vct.build import Build, BuiltSubject


def say(text: str) -> None:
    """One line on stderr."""
    print(text, file=sys.stderr, flush=True)


def show(text: str) -> None:
    """A result on stdout."""
    print(text, flush=True)


def show_json(value: Any) -> None:
    """A result on stdout for a program."""
    show(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    >>> duration(8.4), duration(75), duration(7300)
    ('8 s', '1 min 15 s', '2 h 2 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def follow(build: "Build", *, quiet: bool) -> "list[BuiltSubject]":
    """Run a build to its end, showing how far it is."""
    if quiet:
        return list(build)
    items = _bar(build) if sys.stderr.isatty() else _lines(build)
    return list(items)


def _lines(build: "Build") -> "Iterator[BuiltSubject]":
    """One plain line per subject, for logs and pipes."""
    written = 0
    for number, item in enumerate(build, start=1):
        line = f"{number}/{len(build)} {item.subject_id} {item.status}"
        if item.status == "written":
            written += 1
            line += f" in {sum(item.seconds.values()):.1f} s"
            remaining = _remaining(build, written, len(build) - number)
            line += f", {remaining}" if remaining else ""
        say(line)
        yield item


def _remaining(build: "Build", written: int, left: int) -> str:
    """Time that subjects ``left`` will take, at the pace of those generated.

    Loading the model is over and does not count. A subject is told when its files are
    there, by when the next ones are generated.
    """
    since = build.generating_since
    left -= build.generated - written
    if since is None or not left:
        return ""
    seconds = (time.monotonic() - since) / build.generated * left
    return f"{duration(seconds)} remaining"


def _bar(build: "Build") -> "Iterator[BuiltSubject]":
    """A progress bar with elapsed and remaining time."""
    with _progress(build) as advance:
        for item in build:
            advance(item)
            yield item


@contextmanager
def _progress(build: "Build") -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    written, number = 0, 0
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[remaining]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("Building", total=len(build), remaining="")

        def advance(item: "BuiltSubject") -> None:
            nonlocal written, number
            number += 1
            written += item.status == "written"
            progress.update(
                task,
                advance=1,
                description=item.subject_id,
                remaining=_remaining(build, written, len(build) - number),
            )

        yield advance
