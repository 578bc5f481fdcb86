"""Workers ignore what their parent is told, and end when it must end them."""

import multiprocessing
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import pytest

from vct.workers import begin_worker, kill_workers


def test_a_worker_lives_through_signals_that_are_its_parents() -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, begin_worker) as pool:
        worker = pool.submit(os.getpid).result()
        os.kill(worker, signal.SIGINT)
        os.kill(worker, signal.SIGTERM)
        assert pool.submit(os.getpid).result() == worker


@pytest.mark.timeout(60)
def test_a_broken_pool_ends_though_its_workers_ignore_the_signal() -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context, begin_worker) as pool:
        busy = [pool.submit(time.sleep, 20) for _ in range(2)]
        while len(multiprocessing.active_children()) < 2:
            time.sleep(0.05)
        one, other = multiprocessing.active_children()
        # The pool looks after those it knew when it was last given something to do.
        busy.append(pool.submit(os.getpid))
        time.sleep(1.0)
        os.kill(one.pid or 0, signal.SIGKILL)
        with pytest.raises(BrokenProcessPool):
            busy[0].result()
        kill_workers(pool)
    other.join(10)
    assert not other.is_alive()
