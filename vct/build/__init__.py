"""The whole road: a spec becomes a cohort folder."""

from vct.build.before import check_folder, kept_subjects
from vct.build.failures import told_as_user_errors
from vct.build.finish import finish_cohort
from vct.build.folder import how_to_go_on
from vct.build.plan import Plan, plan_cohort
from vct.build.road import Build, BuiltSubject, build_cohort, check_options
from vct.shard import Shard

__all__ = [
    "Build",
    "BuiltSubject",
    "Plan",
    "Shard",
    "build_cohort",
    "check_folder",
    "check_options",
    "finish_cohort",
    "how_to_go_on",
    "kept_subjects",
    "plan_cohort",
    "told_as_user_errors",
]
