"""Names that fit the DICOM values they go into, and those that do not."""

from vct.errors import SpecError

LONGEST = 64  # characters of an LO, and of a PN's letters (DICOM PS3.5, 6.2)
_LONGEST_COHORT = 48


def long_string(text: str, limit: int = LONGEST) -> str:
    """Text as an LO value: one line, no backslash, at most 64 characters."""
    return " ".join(text.replace("\\", "/").split())[:limit].strip()


def patient_id(cohort: str, subject_id: str) -> str:
    """Patient ID (0010,0020): cohorts that meet in one archive stay apart."""
    return f"{long_string(cohort, _LONGEST_COHORT)}-{subject_id}"


def patient_name(subject_id: str) -> str:
    """Patient's Name (0010,0010)."""
    return f"VCT^{subject_id}"


def check_names(cohort: str, subject_id: str) -> None:
    """Refuse an identifier that, with what stands before it, is too long.

    Raises
    ------
    SpecError
        With the number of characters that there is room for.
    """
    for tag, value, also in (
        ("Patient's Name", patient_name(subject_id), ""),
        ("Patient ID", patient_id(cohort, subject_id), ", or the cohort's name"),
    ):
        room = LONGEST - (len(value) - len(subject_id))
        if len(subject_id) > room:
            raise SpecError(
                f"subject {subject_id}: its {tag} would be {value!r}, {len(value)} "
                f"characters; DICOM holds {LONGEST}. Shorten its subject_id to "
                f"{room}{also}."
            )
