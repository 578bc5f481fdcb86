"""From an archive of patients to a cohort held against them, by the documented words.

The commands and the spec are those of docs/how-to/autopet-end-to-end.md, read there.
"""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.autopet.archive import (
    LAYOUTS,
    Patient,
    demographics_table,
    dicom_archive,
    patients,
    write_masks,
)
from vct.anatomy import LABEL_OF, ORGANS
from vct.autopet.prepared import PreparedFolder
from vct.cli.main import main
from vct.errors import EXIT_FINDINGS_FAILED
from vct.manifest import load_cohort
from vct.models import find_model
from vct.training import publish
from vct.validation.comparison_tables import read_tables
from vct.validation.reference_file import read_reference, same_instrument

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "autopet-end-to-end.md"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HOW_TO.is_file(), reason="docs are not beside tests"),
]


def commands() -> list[list[str]]:
    """The words of each command of the document, in order."""
    (block,) = blocks("sh")
    return [shlex.split(line) for line in block.splitlines()]


def blocks(language: str) -> list[str]:
    """What the document prints in a language."""
    text = HOW_TO.read_text("utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


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
    judging = words[1] in ("build", "validate")
    allowed = (0, EXIT_FINDINGS_FAILED) if judging else (0,)
    assert end.value.code in allowed, words


def prepared_patients(road: Path, people: list[Patient]) -> dict[str, Patient]:
    """Patients by the names of their prepared studies."""
    index = PreparedFolder(road / "autopet-16mm").index
    by_subject = {patient.subject: patient for patient in people}
    pairs = zip(index["name"], index["subject_id"], strict=True)
    return {name: by_subject[subject] for name, subject in pairs}


@pytest.fixture(scope="module")
def people() -> list[Patient]:
    return patients(24, spacing_mm=(16.0, 8.0, 8.0))


@pytest.fixture(scope="module")
def road(people: list[Patient], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which every command of the document was run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("road")
    dicom_archive(folder / "archive", people)
    (folder / "cohort.yaml").write_text("\n".join(blocks("yaml")))
    (folder / "masks").mkdir()
    labels = "".join(f"{organ.label}: {organ.name}\n" for organ in ORGANS)
    (folder / "masks" / "labels.yaml").write_text(labels)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in commands():
            run(words)
            if words[1:3] == ["autopet", "prepare"]:
                write_masks(folder / "masks", prepared_patients(folder, people))
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
    # The reference holds all studies, those of the training, too.
    assert set(tables["comparisons"]["evidence"]) == {"seen"}


def test_the_reference_by_masks_knows_the_phantoms(
    road: Path, people: list[Patient]
) -> None:
    """Uptake is that of the phantoms; volumes are, on average, at the nearest voxel."""
    rows = read_reference(road / "masks.parquet").rows
    liver = rows.query("organ == 'liver'").set_index("subject_id")
    ratios = []
    for name, patient in prepared_patients(road, people).items():
        inside = patient.labels == LABEL_OF["liver"]
        assert liver.loc[name, "status"] == "ok", name
        true_suv = patient.suv[inside].mean()
        assert liver.loc[name, "suv_mean"] == pytest.approx(true_suv, rel=0.1), name
        volume_ml = inside.sum() * patient.grid.voxel_ml
        ratios.append(liver.loc[name, "volume_ml"] / volume_ml)
    assert len(ratios) == 21  # 24, of which three cannot be used
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("layout", ["nifti", "nnunet"])
def test_the_other_layouts_give_the_same_studies(
    road: Path, people: list[Patient], tmp_path: Path, layout: str
) -> None:
    LAYOUTS[layout](tmp_path / "archive", people)
    table = demographics_table(tmp_path / "people.csv", people)
    options = ["--demographics", str(table)]
    run(["vct", "autopet", "inspect", str(tmp_path / "archive"), *options])
    run(["vct", "autopet", "prepare", str(tmp_path / "archive"), str(tmp_path / "out"),
         "--spacing-mm", "16", "--workers", "0", *options])  # fmt: skip
    ours, dicom = (
        PreparedFolder(tmp_path / "out"),
        PreparedFolder(road / "autopet-16mm"),
    )
    keys = [set(folder.index["subject_key"]) for folder in (ours, dicom)]
    assert keys[0] == keys[1] == {p.subject[6:] for p in people if p.usable}
    for key in sorted(keys[0])[:3]:
        names = [
            f.index.set_index("subject_key").loc[key, "name"] for f in (ours, dicom)
        ]
        one, other = ours.volumes(names[0]), dicom.volumes(names[1])
        both = one.coverage & other.coverage
        np.testing.assert_array_equal(one.ct_hu[both], other.ct_hu[both])
        np.testing.assert_allclose(one.suv[both], other.suv[both], atol=0.02, rtol=0.01)
