"""Errors a user can cause, each with the exit code the command line returns.

A message says what, where, what would be right and what to do. Anything that is
not a ``VctError`` is a bug of ours and ends with exit code 70.
"""

EXIT_FINDINGS_FAILED = 5
EXIT_BUG = 70
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class VctError(Exception):
    """Something the user can mend: an unwritable folder, a full disk, a bad option."""

    exit_code = 1


class SpecError(VctError):
    """The YAML, or a table it names, does not describe a cohort."""

    exit_code = 2


class ModelError(VctError):
    """A model is missing, damaged, or not made for this request."""

    exit_code = 3


class CohortError(VctError):
    """A cohort directory contradicts the spec, or cannot be read."""

    exit_code = 4
