"""Worker processes: they leave signals to their parent, and end with it."""

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import SpawnContext, SpawnProcess


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """Pool of worker processes, spawned: a forked one inherits locks of our threads."""
    return ProcessPoolExecutor(workers, _Context(), begin_worker)


class _Worker(SpawnProcess):
    """A process that ends when its pool ends it, though it leaves SIGTERM alone.

    A pool of which one process was killed terminates the others and waits for them,
    since Python 3.12 with the lock held that ``submit`` takes: nobody else could.
    """

    def terminate(self) -> None:
        self.kill()


class _Context(SpawnContext):
    Process = _Worker


def begin_worker() -> None:
    """Leave Ctrl-C to the parent, finish the work under way, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """A killed parent must not leave a process that works on, or waits for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
