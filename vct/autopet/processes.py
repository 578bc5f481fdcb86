"""Work in processes of its own, one an item: none can take the others down."""

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple, TypeVar

from vct.errors import VctError
from vct.workers import end_with_parent

Item = TypeVar("Item")


class EveryItemFailsError(VctError):
    """What failed will fail for every item: a full disk."""


class Ended(NamedTuple):
    """How the work on an item ended.

    Attributes
    ----------
    result
        What it returned; None if it failed.
    failure
        Why it failed, in words; None if it did not.
    hopeless
        Whether every other item will fail so too.
    """

    result: Any
    failure: str | None
    hopeless: bool = False


class _Running(NamedTuple):
    item: Any
    process: BaseProcess
    answer: Connection


def each_in_a_process(
    work: Callable[[Item], Any], items: Iterable[Item], workers: int
) -> Iterator[tuple[Item, Ended]]:
    """Work on items side by side; each is yielded when it has ended.

    A process works on one item and ends, so its memory goes back. One that raises, or
    is killed, is a failure of its item alone. The items are taken one by one when a
    place is free. When the iterator is closed, what still runs is ended.

    Parameters
    ----------
    work
        Picklable; so are its argument and its result.
    workers
        Processes at a time; 0 works in this process.
    """
    if workers == 0:
        for item in items:
            yield item, _tried(work, item)
        return
    running: list[_Running] = []
    try:
        for item in items:
            _start(work, item, running)
            while len(running) >= workers:
                yield from _ended(running)
        while running:
            yield from _ended(running)
    finally:
        for each in running:
            each.process.terminate()
            each.process.join()


def _tried(work: Callable[[Any], Any], item: Any) -> Ended:
    try:
        return Ended(work(item), None)
    except Exception as error:
        return Ended(None, told(error), isinstance(error, EveryItemFailsError))


def told(error: Exception) -> str:
    """An error in words; with its kind unless it was written for a reader."""
    if isinstance(error, VctError):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _start(work: Callable[[Any], Any], item: Any, running: list[_Running]) -> None:
    """Begin work on an item and note it among the running."""
    # Spawned: a forked one would inherit the locks of this process's threads.
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_work_and_answer, args=(work, item, there))
    with _interrupts_later():
        # Else the first start would, and take the mask below away (CPython 3.11's
        # ResourceTracker.ensure_running unblocks what it had blocked for itself).
        resource_tracker.ensure_running()
        # A process inherits the mask: a Ctrl-C while it imports is the parent's alone.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPTS)
        try:
            process.start()
            running.append(_Running(item, process, here))
            there.close()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


_INTERRUPTS = {signal.SIGINT, signal.SIGTERM}


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Hold Ctrl-C back, so that none parts a process from the note that ends it.

    This thread's mask does not do it: threads of numeric libraries take signals too.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is interrupted
        return
    held: list[int] = []

    def hold(number: int, frame: object) -> None:
        held.append(number)

    before = {number: signal.signal(number, hold) for number in _INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
    for held_back in held:
        signal.raise_signal(held_back)


def _ended(running: list[_Running]) -> list[tuple[Any, Ended]]:
    """Wait for one of them at least; all that have ended leave the list."""
    ready = set(wait([each.answer for each in running]))
    done = [each for each in running if each.answer in ready]
    for each in done:
        running.remove(each)
    return [(each.item, _collected(each)) for each in done]


def _collected(each: _Running) -> Ended:
    try:
        answer = each.answer.recv()
    except (EOFError, OSError):  # it ended without a word, or within one
        answer = None
    each.process.join()
    each.answer.close()
    if answer is not None:
        return Ended(*answer)
    code = each.process.exitcode or 0
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    why = "; out of memory? try fewer --workers" if code == -signal.SIGKILL else ""
    return Ended(None, f"its process {how}{why}")


def _work_and_answer(work: Callable[[Any], Any], item: Any, answer: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    threading.Thread(target=end_with_parent, daemon=True).start()
    answer.send(tuple(_tried(work, item)))
    answer.close()
