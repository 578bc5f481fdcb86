"""A subject is written whole or not at all, and no writer outlives its parent."""

import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from vct.build.failures import WriterMemoryError
from vct.build.writing import WriteTask, write_one, writer_pool
from vct.measured import Measured
from vct.partial import partial_beside


@pytest.fixture
def task(tmp_path: Path) -> WriteTask:
    (tmp_path / "dicom").mkdir()
    return WriteTask(
        out=tmp_path,
        subject=SimpleNamespace(subject_id="S0001"),  # type: ignore[arg-type]
        images=SimpleNamespace(pet_clipped_voxels=0),  # type: ignore[arg-type]
        measured=Measured(),
        study=None,  # type: ignore[arg-type]
        preview=False,
    )


def test_finished_means_renamed(
    task: WriteTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_: object) -> object:
        assert not (task.out / "dicom" / "S0001").exists()
        return [], []

    monkeypatch.setattr("vct.dicom.write_subject", write, raising=False)
    assert write_one(task) > 0
    assert [p.name for p in (task.out / "dicom").iterdir()] == ["S0001"]
    assert (task.out / "dicom" / "S0001" / "subject.json").is_file()


def test_a_failed_subject_leaves_nothing(
    task: WriteTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object, __: object, ___: object, folder: Path) -> object:
        (folder / "half.dcm").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vct.dicom.write_subject", fail, raising=False)
    with pytest.raises(OSError, match="No space left"):
        write_one(task)
    assert not list((task.out / "dicom").iterdir())


def test_a_writer_whose_memory_is_full_is_told_apart(
    task: WriteTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the pickle, too, in which it comes from another process."""

    def fail(*_: object) -> object:
        raise MemoryError("Unable to allocate 40 MiB")

    monkeypatch.setattr("vct.dicom.write_subject", fail, raising=False)
    with pytest.raises(WriterMemoryError) as error:
        write_one(task)
    assert isinstance(pickle.loads(pickle.dumps(error.value)), WriterMemoryError)
    assert not list((task.out / "dicom").iterdir())


def test_the_leftovers_of_a_killed_build_are_replaced(
    task: WriteTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = partial_beside(task.out / "dicom" / "S0001")
    left.mkdir()
    (left / "old.dcm").write_bytes(b"old")
    monkeypatch.setattr("vct.dicom.write_subject", lambda *_: ([], []), raising=False)
    write_one(task)
    assert [p.name for p in (task.out / "dicom").iterdir()] == ["S0001"]
    names = [p.name for p in (task.out / "dicom" / "S0001").iterdir()]
    assert names == ["subject.json"]


def test_a_subject_whose_name_begins_alike_is_left_alone(
    task: WriteTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = partial_beside(task.out / "dicom" / "S0001.2")
    other.mkdir()
    monkeypatch.setattr("vct.dicom.write_subject", lambda *_: ([], []), raising=False)
    write_one(task)
    assert other.is_dir()


def test_of_two_builds_the_first_keeps_its_place(
    task: WriteTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second has begun before the first is done, and loses nothing of it."""

    def write(_: object, __: object, ___: object, folder: Path) -> object:
        (folder / "second.dcm").write_bytes(b"second")
        monkeypatch.setattr("vct.dicom.write_subject", lambda *_: ([], []))
        write_one(task)
        return [], []

    monkeypatch.setattr("vct.dicom.write_subject", write, raising=False)
    write_one(task)
    assert [p.name for p in (task.out / "dicom").iterdir()] == ["S0001"]
    names = [p.name for p in (task.out / "dicom" / "S0001").iterdir()]
    assert names == ["subject.json"]


def test_without_workers_this_process_writes() -> None:
    with writer_pool(0) as pool:
        assert pool.submit(os.getpid).result() == os.getpid()
        with pytest.raises(ZeroDivisionError):
            pool.submit(divmod, 1, 0).result()


def test_a_writer_ends_with_its_killed_parent() -> None:
    code = (
        "import os, signal\n"
        "from vct.build.writing import writer_pool\n"
        "if __name__ == '__main__':\n"
        "    pool = writer_pool(1)\n"
        "    print(pool.submit(os.getpid).result(), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    parent = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False
    )
    assert parent.returncode == -signal.SIGKILL
    writer = int(parent.stdout)
    assert writer != os.getpid()
    deadline = time.monotonic() + 10
    while _alive(writer):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _alive(process: int) -> bool:
    """Whether a process runs; a zombie nobody has waited for does not."""
    status = Path(f"/proc/{process}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
