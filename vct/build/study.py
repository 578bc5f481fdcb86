"""What the DICOM headers of a subject say of cohort, protocol and model."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import vct
from vct.provenance import (
    DECIDING_PACKAGES,
    deciding_versions,
    package_versions,
    sha256_of_bytes,
)

if TYPE_CHECKING:
    from vct.build.plan import Plan
    from vct.dicom import StudyContext
    from vct.models import ModelCard
    from vct.spec import CohortSpec
    from vct.subjects import Subject

# All that is known of a subject but what follows from the rest.
_WHO = (
    "arm",
    "diagnosis",
    "sex",
    "age_years",
    "height_m",
    "bmi_kg_m2",
    "weight_kg",
    "injected_mbq",
    "uptake_min",
)


def study_context(
    plan: "Plan", subject: "Subject", made_by: Mapping[str, Any]
) -> "StudyContext":
    """Context of one subject's study.

    Parameters
    ----------
    made_by
        ``cascade_identity``: device, precision and the like, which change voxels.
    """
    return _context(plan.spec, plan.card, subject, uid_root(plan, subject, made_by))


def check_studies(
    spec: "CohortSpec", card: "ModelCard", subjects: Iterable["Subject"]
) -> None:
    """Refuse, before anything is generated, what DICOM headers cannot say.

    Raises
    ------
    SpecError
        If a subject, the scanner or the beds do not allow SUV to be read.
    """
    from vct.dicom import check_study

    for subject in subjects:
        check_study(subject, _context(spec, card, subject, uid_root=""))


def _context(
    spec: "CohortSpec", card: "ModelCard", subject: "Subject", uid_root: str
) -> "StudyContext":
    from vct.dicom import StudyContext

    return StudyContext(
        cohort=spec.name,
        uid_root=uid_root,
        seed=spec.seed,
        reference_date=spec.reference_date,
        study_time="10:00:00",
        protocol=spec.protocol,
        model_name=card.name,
        model_version=card.version,
        trained_on=card.trained_on,
        software_version=vct.__version__,
        arm=subject.arm,
        portal_venous=card.protocol.portal_venous,
    )


def uid_root(plan: "Plan", subject: "Subject", made_by: Mapping[str, Any]) -> str:
    """Name from which all UIDs of a subject's study derive.

    Two builds share it when they write the same files, and only then on one kind of
    processor. The subject is part of it: with fixed subjects, the spec only names
    their table.
    """
    return "/".join(
        (
            vct.__version__,
            json.dumps(_versions(), sort_keys=True),
            sha256_of_bytes(plan.spec_bytes),
            str(plan.spec.seed),
            plan.card.sha256,
            "portal-venous" if plan.card.protocol.portal_venous else "no contrast told",
            "header only" if plan.spec.protocol.header_only else "as trained",
            json.dumps(made_by, sort_keys=True),
            json.dumps([_told(subject, name) for name in _WHO]),
        )
    )


def _versions() -> dict[str, str]:
    """Of the packages that decide voxels."""
    return deciding_versions(package_versions(DECIDING_PACKAGES))


def _told(subject: "Subject", name: str) -> str:
    """A subject's value, of a number nine digits.

    As many as the header's dose has, and far from the last bit of a drawn number, which
    depends on the CPU.
    """
    value = getattr(subject, name)
    return value if isinstance(value, str) else f"{value:.9g}"
