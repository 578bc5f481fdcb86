"""The cohort folder of the validation tests."""

from tests.validation.conftest import (
    cohort_dir,
    known_references,
    pristine_cohort,
)

__all__ = ["cohort_dir", "known_references", "pristine_cohort"]
