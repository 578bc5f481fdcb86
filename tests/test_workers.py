"""Workers ignore what their parent is told, and end when it must end them."""

import multiprocessing
import os
import signal
import time
from concurrent.futures.process import BrokenProcessPool

import pytest

from vct.workers import worker_pool


def test_a_worker_lives_through_signals_that_are_its_parents() -> None:
    with worker_pool(1) as pool:
        worker = pool.submit(os.getpid).result()
        os.kill(worker, signal.SIGINT)
        os.kill(worker, signal.SIGTERM)
        assert pool.submit(os.getpid).result() == worker


@pytest.mark.timeout(60)
def test_a_broken_pool_ends_though_its_workers_ignore_the_signal() -> None:
    """With the next task given while it breaks, as a build gives it."""
    with worker_pool(2) as pool:
        busy = [pool.submit(time.sleep, 600) for _ in range(2)]
        while len(multiprocessing.active_children()) < 2:
            time.sleep(0.05)
        one, other = multiprocessing.active_children()
        # The pool looks after those it knew when it was last given something to do.
        busy.append(pool.submit(os.getpid))
        time.sleep(1.0)
        os.kill(one.pid or 0, signal.SIGKILL)
        time.sleep(1.0)
        with pytest.raises(BrokenProcessPool):
            pool.submit(os.getpid)
        with pytest.raises(BrokenProcessPool):
            busy[0].result()
    other.join(10)
    assert not other.is_alive()
