"""From an archive of patients to a cohort held against them, by the documented words.

The commands are those of docs/how-to/autopet-end-to-end.md, read from there.
"""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests.autopet.archive import (
    Patient,
    demographics_table,
    dicom_archive,
    patients,
    write_masks,
)
from tests.cascade.tiny import write_tiny_model
from vct.anatomy import ORGANS
from vct.autopet.prepared import PreparedFolder
from vct.cli.main import main
from vct.errors import EXIT_FINDINGS_FAILED
from vct.grid import whole_body_grid
from vct.manifest import load_cohort
from vct.models import find_model
from vct.training import publish
from vct.validation.comparison_tables import read_tables
from vct.validation.reference_file import read_reference, same_instrument

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "autopet-end-to-end.md"
GRID = whole_body_grid(16.0)
COHORT = """\
version: 1
name: patients
seed: 3
size: 2
population:
  sex: {kind: categorical, weights: {F: 0.5, M: 0.5}}
  age_years: {kind: uniform, low: 50, high: 60}
  bmi_kg_m2: {kind: uniform, low: 24, high: 28}
  height_m: {kind: uniform, low: 1.65, high: 1.75}
protocol:
  injected_mbq_per_kg: 4.0
  uptake_min: 60
model:
  name: models/patients-16mm
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HOW_TO.is_file(), reason="docs are not beside tests"),
]


def commands() -> list[list[str]]:
    """The words of each command of the document, in order."""
    (block,) = re.findall(r"```sh\n(.*?)```", HOW_TO.read_text("utf-8"), re.DOTALL)
    return [shlex.split(line) for line in block.splitlines()]


def run(words: list[str]) -> None:
    """Run a command in this process; it must end well."""
    if words[0] == "python":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", words[2:])
            publish.main()
        return
    with pytest.raises(SystemExit) as end:
        main(words[1:])
    # Networks that learned for seconds make no people: that a finding fails is right.
    allowed = (0, EXIT_FINDINGS_FAILED) if words[1] == "validate" else (0,)
    assert end.value.code in allowed, words


def stand_in_for_prepare(people: list[Patient], out: Path) -> None:
    """What ``vct autopet prepare`` is to write of the archive, from what is known."""
    rows = []
    for patient in (p for p in people if p.usable):
        low = patient.grid.shape[0]
        row = _row(patient, GRID.shape[0] - low)
        folder = out / "studies" / row["name"]
        folder.mkdir(parents=True)
        for part, array, outside in [
            ("ct_hu", patient.ct_hu, -1024),
            ("suv", patient.suv, 0),
            ("coverage", np.ones(patient.grid.shape, bool), False),
        ]:
            np.save(folder / f"{part}.npy", _on_field(array, outside))
        z, y, x = patient.lung_top_mm
        done = dict(lung_top_mm=z, body_centroid_y_mm=y, body_centroid_x_mm=x)
        (folder / "study.json").write_text(json.dumps({"done": done}))
        rows.append(row)
    pd.DataFrame(rows).to_parquet(out / "index.parquet")
    about = {
        "schema": 1, "vct_version": "0", "spacing_mm": 16.0, "shape": GRID.shape,
        "origin_mm": GRID.origin_mm, "source": "archive", "held_out_share": 0.2,
        "seed": 1,
    }  # fmt: skip
    (out / "prepared.json").write_text(json.dumps(about))


def prepared_patients(road: Path, people: list[Patient]) -> dict[str, Patient]:
    """Patients by the names of their prepared studies."""
    index = PreparedFolder(road / "autopet-16mm").index
    by_subject = {patient.subject: patient for patient in people}
    pairs = zip(index["name"], index["subject_id"], strict=True)
    return {name: by_subject[subject] for name, subject in pairs}


def _on_field(array: np.ndarray, outside: float) -> np.ndarray:
    """An array of 16 × 8 × 8 mm on the field of 16 mm: box means."""
    k, j, i = array.shape
    means = array.reshape(k, j // 2, 2, i // 2, 2).mean(axis=(2, 4))
    field = np.full(GRID.shape, outside, float)
    field[GRID.shape[0] - k :] = means
    kinds = {-1024: np.int16, 0: np.float16}
    return field.astype(bool if outside is False else kinds[int(outside)])


def _row(patient: Patient, low: int) -> dict[str, object]:
    person = patient.person
    return {
        "name": patient.subject, "study_id": patient.subject,
        "subject_id": patient.subject, "subject_key": patient.subject[6:],
        "layout": "dicom", "tracer": "FDG",
        "split": "held_out" if patient.number % 5 == 0 else "training",
        "age_years": person.age_years, "sex": person.sex, "height_m": person.height_m,
        "weight_kg": person.weight_kg, "bmi_kg_m2": person.bmi_kg_m2,
        "diagnosis": "NEGATIVE", "injected_mbq": 4.0 * person.weight_kg,
        "uptake_min": 60.0, "covered_low_k": low, "covered_high_k": GRID.shape[0],
        "arms": "up", "ct_on_pet_grid": False, "notes": [],
    }  # fmt: skip


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which every command of the document was run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("road")
    people = patients(24, spacing_mm=(16.0, 8.0, 8.0))
    dicom_archive(folder / "archive", people)
    demographics_table(folder / "people.csv", people)
    write_tiny_model(folder / "tiny")
    (folder / "cohort.yaml").write_text(COHORT)
    (folder / "masks").mkdir()
    labels = "".join(f"{organ.label}: {organ.name}\n" for organ in ORGANS)
    (folder / "masks" / "labels.yaml").write_text(labels)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in commands():
            if words[1:3] == ["autopet", "prepare"]:
                stand_in_for_prepare(people, folder / "autopet-16mm")
                write_masks(folder / "masks", prepared_patients(folder, people))
            else:
                run(words)
    torch.set_num_threads(threads)
    return folder


def test_the_model_says_whom_it_learned_from(road: Path) -> None:
    card = find_model(road / "models" / "patients-16mm")
    card.check_files()
    assert "archive" in card.trained_on
    assert card.licence == "AutoPET is CC BY 4.0"


def test_the_cohort_is_built_by_the_new_model(road: Path) -> None:
    cohort = load_cohort(road / "out")
    assert len(cohort.finished) == 2
    assert cohort.run["model"]["name"] == "patients-16mm"
    assert cohort.verify() == []
    assert (road / "out" / "report.html").is_file()


def test_cohort_and_reference_were_measured_by_one_instrument(road: Path) -> None:
    reference = read_reference(road / "reference.parquet")
    cohort = load_cohort(road / "out")
    assert same_instrument(reference.instrument, cohort.run["instrument"])


def test_the_cohort_was_held_against_the_patients(road: Path) -> None:
    tables = read_tables(road / "out")
    assert set(tables["comparisons"]["reference"]) == {"reference"}
    assert set(tables["comparisons"]["evidence"]) == {"own reference"}


def test_the_reference_by_masks_knows_the_phantoms(road: Path) -> None:
    """Organ volumes and uptake are those of the phantoms that were scanned."""
    rows = read_reference(road / "masks.parquet").rows
    everyone = patients(24, spacing_mm=(16.0, 8.0, 8.0))
    people = prepared_patients(road, everyone)
    liver = rows.query("organ == 'liver'").set_index("subject_id")
    for name, patient in people.items():
        inside = patient.labels == 1
        volume_ml = inside.sum() * patient.grid.voxel_ml
        assert liver.loc[name, "status"] == "ok", name
        assert liver.loc[name, "volume_ml"] == pytest.approx(volume_ml, rel=0.1)
        true_suv = patient.suv[inside].mean()
        assert liver.loc[name, "suv_mean"] == pytest.approx(true_suv, rel=0.1)
    studies = rows["subject_id"].nunique()
    assert studies == 21  # 24, of which three cannot be used
