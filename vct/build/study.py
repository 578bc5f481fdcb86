"""What the DICOM headers of a subject say of cohort, protocol and model."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import vct
from vct.build.plan import Plan
from vct.provenance import sha256_of_bytes

if TYPE_CHECKING:
    from vct.dicom import StudyContext
    from vct.subjects import Subject


def study_context(plan: Plan, subject: "Subject") -> "StudyContext":
    """Context of one subject's study; depends on the spec and the model only."""
    from vct.dicom import StudyContext

    spec, card = plan.spec, plan.card
    return StudyContext(
        cohort=spec.name,
        cohort_uid_root=uid_root(plan),
        seed=spec.seed,
        reference_date=spec.reference_date,
        study_time="10:00:00",
        protocol=spec.protocol,
        model_name=card.name,
        model_version=card.version,
        trained_on=card.trained_on,
        software_version=vct.__version__,
        arm=subject.arm,
    )


def check_studies(plan: Plan, subjects: Iterable["Subject"]) -> None:
    """Refuse, before anything is generated, what DICOM headers cannot say.

    Raises
    ------
    SpecError
        If a subject, the scanner or the beds do not allow SUV to be read.
    """
    from vct.dicom import check_study

    for subject in subjects:
        check_study(subject, study_context(plan, subject))


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
