"""The exported archive reads back as the phantoms it was made of, fault by fault."""

import numpy as np
import pytest

from tests.autopet.archive import LAYOUTS, Patient, patients
from vct.autopet.study import StudyReport
from vct.autopet.survey import Survey, with_voxels

REASONS = {
    "truncated": "truncated|PixelData|bytes|shorter",
    "no CT": r"no CT|_0000\.nii\.gz \(CT\) is missing|CT\.nii\.gz is missing",
    "wrong units": "Units is PROPCPS|Bq/mL, not SUV",
}


@pytest.fixture(scope="module")
def people() -> list[Patient]:
    """One of each fault, and one without."""
    return patients(8)


@pytest.fixture(scope="module", params=LAYOUTS)
def reports(
    request: pytest.FixtureRequest,
    people: list[Patient],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, list[StudyReport]]:
    """Reports of every layout by subject."""
    root = LAYOUTS[request.param](tmp_path_factory.mktemp(request.param), people)
    table = root / "people.csv"
    found: dict[str, list[StudyReport]] = {}
    for report in Survey(root, demographics=table if table.exists() else None):
        report = with_voxels(report)
        named = next(p for p in people if p.subject[6:] in str(report.study_id))
        found.setdefault(named.subject, []).append(report)
    return found


@pytest.mark.slow
def test_faults_are_named_and_the_others_are_whole(
    people: list[Patient], reports: dict[str, list[StudyReport]]
) -> None:
    import re

    for patient in people:
        found = reports[patient.subject]
        usable = [report for report in found if report.study is not None]
        assert len(usable) == patient.usable, (patient.fault, found)
        if not patient.usable:
            words = " ".join(found[0].reasons)
            assert re.search(REASONS[patient.fault], words), words
            continue
        study = usable[0].study
        assert study is not None
        ct, pet = study.read()
        np.testing.assert_allclose(ct.voxels, patient.ct_hu.clip(-1024))
        np.testing.assert_allclose(pet.voxels, patient.suv, atol=2e-3, rtol=1e-3)
        assert np.allclose(ct.grid.origin_mm, patient.grid.origin_mm, atol=1e-3)
        assert study.demographics.sex == patient.person.sex
        assert study.demographics.age_years == int(patient.person.age_years)
