"""One part of some work: shard k of n, for many machines without a scheduler."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from vct.errors import VctError

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """Shard ``number`` (from 1) of ``count``."""

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise VctError(
                f"--shard {self}: k must lie between 1 and n, as in --shard 1/4"
            )

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str, environment: Mapping[str, str]) -> "Shard":
        """Shard from ``k/n``, or from a SLURM array job for ``slurm``.

        Parameters
        ----------
        text
            ``"2/8"`` or ``"slurm"``.
        environment
            Where the SLURM_ARRAY_TASK_* variables stand, such as ``os.environ``.

        Raises
        ------
        VctError
            If the text is neither, or the variables are missing.

        Examples
        --------
        >>> Shard.parse("2/8", {})
        Shard(number=2, count=8)
        >>> array = {"SLURM_ARRAY_TASK_ID": "10", "SLURM_ARRAY_TASK_MIN": "10",
        ...          "SLURM_ARRAY_TASK_COUNT": "4"}
        >>> Shard.parse("slurm", array)
        Shard(number=1, count=4)
        """
        if text == "slurm":
            return cls._from_slurm(environment)
        match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
        if not match:
            raise VctError(
                f"--shard {text}: must be k/n, as in --shard 2/8, or 'slurm' inside "
                "a SLURM array job"
            )
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def _from_slurm(cls, environment: Mapping[str, str]) -> "Shard":
        try:
            task = int(environment["SLURM_ARRAY_TASK_ID"])
            count = int(environment["SLURM_ARRAY_TASK_COUNT"])
            first = int(environment.get("SLURM_ARRAY_TASK_MIN", "0"))
            step = int(environment.get("SLURM_ARRAY_TASK_STEP", "1"))
        except (KeyError, ValueError):
            raise VctError(
                "--shard slurm: SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT are "
                "not set to numbers. Start the build with 'sbatch --array=1-8', or "
                "name the shard as k/n."
            ) from None
        _require_whole(environment, first, step, count)
        return cls((task - first) // step + 1, count)

    def of(self, items: Sequence[Item]) -> list[Item]:
        """Every n-th item: shards of equal length, whatever the order means."""
        return list(items[self.number - 1 :: self.count])


def _require_whole(
    environment: Mapping[str, str], first: int, step: int, count: int
) -> None:
    """Refuse an array with gaps: some tasks of an earlier one, submitted again."""
    last = environment.get("SLURM_ARRAY_TASK_MAX", "")
    if last.isdecimal() and (int(last) - first) // step + 1 != count:
        raise VctError(
            f"--shard slurm: an array of {count} tasks from {first} to {last} has "
            "gaps, so it is no division of a cohort. To build some parts again, give "
            "the n of the first array: --shard $SLURM_ARRAY_TASK_ID/n"
        )
