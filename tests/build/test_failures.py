"""A failing disk or writer is told in words, with what to do."""

import errno
import os
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
import torch

from vct.build.failures import WriterMemoryError, told_as_user_errors
from vct.errors import VctError

OUT = Path("out")


def test_a_full_disk() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    message = r"the disk is full .* are kept"
    with pytest.raises(VctError, match=message), told_as_user_errors(OUT):
        raise full


def test_an_unwritable_place_is_named() -> None:
    message = "/proc/none: cannot be written"
    with pytest.raises(VctError, match=message), told_as_user_errors(OUT):
        Path("/proc/none/out").mkdir(parents=True)


def test_a_killed_writer() -> None:
    message = "a writer process was killed"
    with pytest.raises(VctError, match=message), told_as_user_errors(OUT):
        raise BrokenProcessPool


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you"),
    ],
)
def test_a_full_device(error: RuntimeError) -> None:
    message = "the device ran out of memory.* are kept.* lower --batch-size"
    with pytest.raises(VctError, match=message), told_as_user_errors(OUT):
        raise error


def test_torch_says_so_of_the_cpu() -> None:
    with pytest.raises(VctError, match="memory"), told_as_user_errors(OUT):
        torch.empty(10**15)


def test_numpy_says_so_of_the_cpu() -> None:
    with pytest.raises(VctError, match="memory"), told_as_user_errors(OUT):
        np.empty(10**15)


def test_a_writer_says_so_apart_from_the_device() -> None:
    message = r"too little memory to write a subject\. Lower --workers"
    with pytest.raises(VctError, match=message), told_as_user_errors(OUT):
        raise WriterMemoryError("Unable to allocate 40 MiB")


def test_what_overwrote_goes_on_by_another_command() -> None:
    message = "then run the same command with '--on-existing resume'"
    with pytest.raises(VctError, match=message), told_as_user_errors(OUT, "overwrite"):
        raise BrokenProcessPool


def test_our_own_errors_pass() -> None:
    for error in (ValueError("bug"), RuntimeError("bug")):
        with pytest.raises(type(error), match="bug"), told_as_user_errors(OUT):
            raise error
