"""Who is in the trial: spec → table of subjects."""

from vct.subjects.sample import sample_columns, sample_subjects
from vct.subjects.table import (
    COLUMNS,
    SCHEMA_VERSION,
    Column,
    Subject,
    as_subjects,
    differing_subjects,
    read_subjects,
    share_in_words,
    share_outside,
    subject_ids,
    write_subjects,
)

__all__ = [
    "COLUMNS",
    "SCHEMA_VERSION",
    "Column",
    "Subject",
    "as_subjects",
    "differing_subjects",
    "read_subjects",
    "sample_columns",
    "sample_subjects",
    "share_in_words",
    "share_outside",
    "subject_ids",
    "write_subjects",
]
