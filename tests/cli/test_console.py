"""Progress: what a person is told while a cohort is built."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vct.build import BuiltSubject
from vct.cli.console import follow


class Played:
    """A build that loads for a minute and then takes ten seconds a subject.

    Files of one subject are written while the next one is generated.
    """

    def __init__(self, clock: list[float], statuses: list[str]) -> None:
        self.clock, self.statuses = clock, statuses
        self.generating_since: float | None = None
        self.generated = 0

    def __len__(self) -> int:
        return len(self.statuses)

    def __iter__(self) -> Iterator[BuiltSubject]:
        for number, status in enumerate(self.statuses, start=1):
            if status == "written":
                if self.generating_since is None:
                    self.clock[0] += 60
                    self.generating_since = self.clock[0]
                ahead = 1 if self.generated else 2
                for _ in range(
                    min(ahead, self.statuses.count("written") - self.generated)
                ):
                    self.clock[0] += 10
                    self.generated += 1
            yield BuiltSubject(f"S{number}", Path(), status, {"base": 9.0})  # type: ignore[arg-type]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_what_remains_leaves_out_loading_and_who_was_kept(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    build = Played(clock, ["kept", "kept", *["written"] * 3])
    assert len(follow(build, quiet=False)) == 5  # type: ignore[arg-type]
    assert capsys.readouterr().err.splitlines() == [
        "1/5 S1 kept",
        "2/5 S2 kept",
        "3/5 S3 written in 9.0 s, 10 s remaining",
        "4/5 S4 written in 9.0 s",
        "5/5 S5 written in 9.0 s",
    ]


def test_quiet_says_nothing(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    follow(Played(clock, ["written"]), quiet=True)  # type: ignore[arg-type]
    assert capsys.readouterr().err == ""
