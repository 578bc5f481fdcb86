"""What the DICOM headers of a subject say of cohort, protocol and model."""

from typing import TYPE_CHECKING

import vct
from vct.build.plan import Plan
from vct.provenance import sha256_of_bytes

if TYPE_CHECKING:
    from vct.dicom import StudyContext
    from vct.subjects import Subject


def study_context(plan: Plan, subject: "Subject") -> "StudyContext":
    """Context of one subject's study; depends on the spec and the model only."""
    raise NotImplementedError


def uid_root(plan: Plan) -> str:
    """Name from which all UIDs of a cohort derive.

    Two builds share it exactly when they write the same bytes on the same device.
    """
    return "/".join(
        (
            vct.__version__,
            sha256_of_bytes(plan.spec_bytes),
            str(plan.spec.seed),
            plan.card.sha256,
        )
    )
