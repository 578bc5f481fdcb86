"""What agreement with a reference shows, by what the model was trained on."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vct.validation.finding import Kind

if TYPE_CHECKING:
    from vct.validation.reference_file import ReferenceFile

OWN_REFERENCE = "own reference"
NOTES: dict[str, str] = {
    "calibrated": "Calibrated: the training phantoms were fitted to this reference, so "
    "agreement shows that the fit survives the model, not that the model is right. ",
    "seen": "Seen: these people may be among those the model was trained on, so "
    "agreement is no evidence about others. ",
}


def patients_from(data: str) -> str:
    """How ``trained_on`` of a card names the data of a model of patients."""
    return f"patients from {data}, prepared at "


def learned_phantoms(run: Mapping[str, Any]) -> bool:
    """Whether the model of a cohort was trained on phantoms, which follow people.

    Unknown training data count as phantoms: the weaker claim.
    """
    return "phantom" in _trained_on(run)


def built_in_kind(run: Mapping[str, Any], reference: str) -> Kind:
    """Kind of findings against a built-in reference.

    A model of patients may have learned from AutoPET under any name, from hedyPET under
    its own.

    Parameters
    ----------
    run
        ``run.json`` of the cohort.
    reference
        Its name or source, which begins with the data set's name.
    """
    if learned_phantoms(run):
        return "calibrated"
    is_autopet = reference.lower().startswith("autopet")
    return "seen" if is_autopet or "hedypet" in _trained_on(run) else "published"


def own_evidence(run: Mapping[str, Any], reference: "ReferenceFile") -> str:
    """Evidence of a user's own reference: ``own reference`` or ``seen``.

    Seen may be the studies of a folder that the card names as the model's training, but
    those of the split that was kept from it. Where the file names no data, or the card
    in words of its own, a model of patients may have seen everybody.
    """
    trained_on = _trained_on(run)
    if reference.split == "held_out":
        return OWN_REFERENCE
    if not reference.data or "patients from " not in trained_on:
        return OWN_REFERENCE if learned_phantoms(run) else "seen"
    named = patients_from(reference.data).lower() in trained_on
    return "seen" if named else OWN_REFERENCE


def _trained_on(run: Mapping[str, Any]) -> str:
    return str(run.get("model", {}).get("trained_on") or "phantom").lower()
