"""Why a scan is not read."""

from dataclasses import dataclass
from pathlib import Path

from vct.errors import VctError


class ScanError(VctError):
    """A scan cannot be read; the message says what and where."""


class SuvError(ScanError):
    """No body-weight SUV follows from a header; the message gives the reason."""


@dataclass(frozen=True)
class Problem:
    """Something left out, where it lies, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"
