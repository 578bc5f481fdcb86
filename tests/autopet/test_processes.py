"""Work in processes: one that fails, or is killed, is its own failure alone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vct.autopet.processes import Ended, each_in_a_process
from vct.errors import VctError

ROOT = Path(__file__).parents[2]


def work(item: int) -> int:
    if item == 1:
        raise VctError("one is no number for this")
    if item == 2:
        raise RuntimeError("a bug")
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if item == 4:
        os._exit(7)
    return item * item


FAILURES = {1: "one is no number for this", 2: "RuntimeError: a bug"}
KILLED = "its process was killed by signal 9; out of memory? try fewer --workers"


def test_each_item_ends_by_itself() -> None:
    ended = dict(each_in_a_process(work, range(7), workers=3))
    assert set(ended) == set(range(7))
    for item in (0, 5, 6):
        assert ended[item] == Ended(item * item, None)
    for item, words in FAILURES.items():
        assert ended[item] == Ended(None, words)
    assert ended[3] == Ended(None, KILLED)
    assert ended[4] == Ended(None, "its process ended with code 7")


def test_without_workers_it_is_this_process() -> None:
    ended = dict(each_in_a_process(work, [0, 1, 2], workers=0))
    assert ended[0] == Ended(0, None)
    assert ended[1] == Ended(None, FAILURES[1])
    assert list(each_in_a_process(lambda _: os.getpid(), [0], workers=0)) == [
        (0, Ended(os.getpid(), None))
    ]


def slow(path: Path) -> None:
    path.write_text(str(os.getpid()))
    time.sleep(60)


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def until_written(path: Path) -> int:
    for _ in range(300):
        if path.is_file() and path.read_text():
            return int(path.read_text())
        time.sleep(0.1)
    pytest.fail("the process did not begin")


def started(code: str, folder: Path) -> "subprocess.Popen[str]":
    """A Python that runs ``code`` in a group of its own; its argument is a file."""
    script = folder / "parent.py"
    script.write_text(code)
    return subprocess.Popen(
        [sys.executable, str(script), str(folder / "pid")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_closing_ends_what_runs(tmp_path: Path) -> None:
    def items():  # type: ignore[no-untyped-def]
        yield tmp_path / "pid"
        until_written(tmp_path / "pid")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(each_in_a_process(slow, items(), workers=2))
    assert gone(int((tmp_path / "pid").read_text()))


def test_a_killed_parent_leaves_no_worker(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.autopet.test_processes import slow\n"
        "from vct.autopet.processes import each_in_a_process\n"
        "if __name__ == '__main__':\n"
        "    list(each_in_a_process(slow, [Path(sys.argv[1])], workers=1))\n"
    )
    parent = started(code, tmp_path)
    child = until_written(tmp_path / "pid")
    parent.kill()
    parent.wait()
    assert gone(child)


def interrupts_held_back(_: int) -> bool:
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_every_worker_imports_with_ctrl_c_held_back(tmp_path: Path) -> None:
    """Also the first one of a program, beside which Python starts its own helper."""
    code = (
        "from tests.autopet.test_processes import interrupts_held_back\n"
        "from vct.autopet.processes import each_in_a_process\n"
        "if __name__ == '__main__':\n"
        "    done = each_in_a_process(interrupts_held_back, range(3), workers=1)\n"
        "    print([ended.result for _, ended in done])\n"
    )
    told, error = started(code, tmp_path).communicate(timeout=60)
    assert (told, error) == ("[True, True, True]\n", "")


def test_ctrl_c_reaches_the_parent_alone(tmp_path: Path) -> None:
    """The whole group is interrupted while a worker imports: no traceback."""
    code = (
        "import signal, sys; from pathlib import Path\n"
        "from tests.autopet.test_processes import slow\n"
        "from vct.autopet import processes\n"
        # A shell starts background jobs, and so their tests, with Ctrl-C ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def items():\n"
        "    yield Path(sys.argv[1])\n"
        "    print('begun', flush=True)\n"
        "    yield Path(sys.argv[1])\n"
        "if __name__ == '__main__':\n"
        "    try: list(processes.each_in_a_process(slow, items(), workers=2))\n"
        "    except KeyboardInterrupt: print('stopped')\n"
    )
    parent = started(code, tmp_path)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "begun\n"
    os.killpg(parent.pid, signal.SIGINT)
    told, error = parent.communicate(timeout=60)
    assert (told, error) == ("stopped\n", "")
