"""The cohort as tables: what was written, where, with which hash."""

from vct.manifest.histograms import read_shares
from vct.manifest.read import Cohort, load_cohort, read_cohort_subjects
from vct.manifest.record import (
    collect,
    finished_subjects,
    read_subject_record,
    write_subject_record,
)
from vct.manifest.run import (
    EVENTS_NAME,
    append_event,
    merge_runs,
    read_run,
    shard_name,
    shards_there,
    write_run,
)
from vct.manifest.schema import (
    IMAGES,
    INSTANCES,
    ORGANS,
    SCHEMA_VERSION,
    SERIES,
    SUV_HISTOGRAMS,
    Column,
)
from vct.manifest.write import write_table

__all__ = [
    "EVENTS_NAME",
    "IMAGES",
    "INSTANCES",
    "ORGANS",
    "SCHEMA_VERSION",
    "SERIES",
    "SUV_HISTOGRAMS",
    "Cohort",
    "Column",
    "append_event",
    "collect",
    "finished_subjects",
    "load_cohort",
    "merge_runs",
    "read_cohort_subjects",
    "read_run",
    "read_shares",
    "read_subject_record",
    "shard_name",
    "shards_there",
    "write_run",
    "write_subject_record",
    "write_table",
]
