"""What a build finds in its folder, told before it writes anything."""

from pathlib import Path

from vct.build.folder import OnExisting, finished, require_claimable
from vct.build.plan import Plan
from vct.build.record import plan_identity
from vct.build.shard import require_division
from vct.build.who import require_same_subjects
from vct.errors import CohortError


def kept_subjects(plan: Plan, out: Path, on_existing: OnExisting) -> list[str]:
    """Selected subjects that are finished in the folder and that a build would keep."""
    if on_existing == "overwrite":
        return []
    return [name for name in plan.selected if finished(out, name)]


def check_folder(
    plan: Plan, out: Path, on_existing: OnExisting, batch_size: int | None
) -> None:
    """Refuse a folder that ``vct build`` refuses, as far as is known without torch.

    Raises
    ------
    CohortError
        If it holds something else, or a cohort that this build may not go on with.
    """
    if out.exists() and not out.is_dir():
        raise CohortError(f"{out} is a file. Name a folder with -o.")
    require_claimable(out, plan_identity(plan, batch_size), on_existing)
    if on_existing == "overwrite":
        return
    if plan.shard:
        require_division(out, plan.shard)
    require_same_subjects(out, plan.subjects)
