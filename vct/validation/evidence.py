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
    those of the split that was kept from it. Of a file that names no data, a model of
    patients may have seen everybody.
    """
    if reference.split == "held_out":
        return OWN_REFERENCE
    data = reference.data.lower()
    named = data in _trained_on(run) if data else not learned_phantoms(run)
    return "seen" if named else OWN_REFERENCE


def _trained_on(run: Mapping[str, Any]) -> str:
    return str(run.get("model", {}).get("trained_on") or "phantom").lower()
