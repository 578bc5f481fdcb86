"""Worker processes: they leave signals to their parent, and end with it."""

import multiprocessing
import os
import signal
import threading
from concurrent.futures import Executor


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


def kill_workers(pool: Executor) -> None:
    """End the workers of a broken pool.

    Since Python 3.12 a pool of which one process was killed waits for the others after
    a SIGTERM, which ``begin_worker`` has them ignore: it would wait for ever.
    """
    processes = getattr(pool, "_processes", None) or {}  # no public name before 3.14
    for process in list(processes.values()):
        process.kill()
