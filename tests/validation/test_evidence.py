"""What agreement shows follows from what the model was trained on."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.validation.fake_cohort import references
from tests.validation.test_organs import cohort
from vct.models import find_model
from vct.validation.evidence import built_in_kind, learned_phantoms, own_evidence
from vct.validation.finding import Kind
from vct.validation.organs import organ_findings
from vct.validation.reference_file import ReferenceFile

PATIENTS = "FDG PET/CT of patients: 4 studies of 2 patients from {}, prepared at 4 mm."


BUNDLED = find_model("whole-body-4mm").trained_on


def run_of(trained_on: str | None) -> dict[str, Any]:
    return {"model": {"trained_on": trained_on}}


@pytest.mark.parametrize(
    ("trained_on", "autopet", "hedypet"),
    [
        ("20,000 digital phantoms", "calibrated", "calibrated"),
        (None, "calibrated", "calibrated"),
        (PATIENTS.format("FDG-PET-CT-Lesions"), "seen", "published"),
        (PATIENTS.format("data"), "seen", "published"),
        (PATIENTS.format("hedyPET"), "seen", "seen"),
    ],
)
def test_a_model_of_patients_may_have_seen_those_of_autopet(
    trained_on: str | None, autopet: Kind, hedypet: Kind
) -> None:
    run = run_of(trained_on)
    for names, kind in (
        (("autopet-published", "AutoPET FDG, read off the figure"), autopet),
        (("hedypet-fit", "hedyPET read-outs (Hinge et al.)"), hedypet),
    ):
        assert {built_in_kind(run, name) for name in names} == {kind}
    assert learned_phantoms(run) == (autopet == "calibrated")


@pytest.mark.parametrize(
    ("trained_on", "data", "split", "evidence"),
    [
        (BUNDLED, "AutoPET", "all", "own reference"),
        (BUNDLED, "hedyPET", "training", "own reference"),
        (BUNDLED, "", "all", "own reference"),
        (PATIENTS.format("FDG-PET-CT-Lesions"), "fdg-pet-ct-lesions", "all", "seen"),
        (PATIENTS.format("FDG-PET-CT-Lesions"), "patients", "all", "own reference"),
        ("1014 studies of AutoPET", "autopet", "all", "seen"),
        (PATIENTS.format("clinic"), "clinic", "training", "seen"),
        (PATIENTS.format("clinic"), "clinic", "held_out", "own reference"),
        (PATIENTS.format("clinic"), "elsewhere", "all", "own reference"),
        (PATIENTS.format("clinic"), "", "all", "seen"),
        (f"base: {PATIENTS.format('clinic')} fine: Phantoms.", "clinic", "all", "seen"),
    ],
)
def test_own_studies_may_be_those_of_the_training(
    trained_on: str, data: str, split: str, evidence: str
) -> None:
    reference = ReferenceFile(
        pd.DataFrame(), "an instrument", "", "vct 0", np.zeros(1), {}, data, split
    )
    assert own_evidence(run_of(trained_on), reference) == evidence


def test_findings_say_that_people_may_have_been_seen() -> None:
    table = references().assign(kind="published")
    table.loc[table["source"] == "AutoPET", "kind"] = "seen"
    for finding in organ_findings(cohort(), table):
        if finding.source == "AutoPET":
            assert finding.kind == "seen"
            assert finding.note.startswith("Seen: these people may be among")
        elif finding.source == "hedyPET":
            assert finding.kind == "published"
            assert "Seen" not in finding.note
