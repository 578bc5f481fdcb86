"""Shards of a cohort: all of one division."""

from pathlib import Path

from vct.errors import CohortError
from vct.manifest import shard_name, shards_there
from vct.shard import Shard


def require_division(out: Path, shard: Shard) -> None:
    """Refuse a shard of n where shards of another n are done: they cannot be merged.

    Raises
    ------
    CohortError
        With what to name the shard instead.
    """
    others = [(k, n) for k, n in shards_there(out) if n != shard.count]
    if others:
        k, n = others[0]
        raise CohortError(
            f"{out} holds {shard_name(k, n)}, so it is divided into {n}, and --shard "
            f"{shard} is no part of it. Name the shard as k/{n}: in a SLURM array, "
            f"--shard $SLURM_ARRAY_TASK_ID/{n} does not depend on which tasks are "
            f"submitted. To divide it anew, remove all run-*of{n}.json first."
        )
