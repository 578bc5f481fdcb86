"""``vct autopet inspect``: what a person and a program are told."""

import json
from pathlib import Path

import pytest

from tests.autopet.test_zoo import cut_pixels
from tests.autopet.trees import dicom_tree, nifti_study
from vct.cli import main


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["autopet", "inspect", *map(str, arguments)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_person_reads_what_is_usable_and_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    studies = dicom_tree(tmp_path, ["PETCT_00000000aa", "PETCT_00000000bb"])
    path = cut_pixels(studies[1])
    nifti_study(tmp_path, "PETCT_00000000cc", 3)
    table = tmp_path / "people.csv"
    table.write_text("subject_id,age_years,sex\nPETCT_00000000cc,44,M\n")
    assert run(tmp_path, "--demographics", table, "--voxels") == 0
    shown = capsys.readouterr().out
    assert "usable    PETCT_00000000aa/" in shown
    assert "F, 51 y, 1.75 m, 61 kg" in shown
    assert "BQML START, 368 MBq, 60 min" in shown
    assert "SUV above 0: 0.2000, median 1.0000, to 4.0000" in shown
    assert "left out  PETCT_00000000bb/" in shown
    assert f"because {path}: truncated: 40 bytes of pixel data are missing" in shown
    assert "M, 44 y, ? m, ? kg" in shown
    assert "note: height_m and bmi_kg_m2 not known" in shown
    end = shown[shown.index("3 studies") :].splitlines()
    assert end == [
        "3 studies (DICOM tree: 2, NIfTI conversion: 1)",
        "2 usable, of 2 subjects: 1 F, 1 M",
        "1 of them without height or weight: they train with the condition's flag "
        "'unknown', and the model's card says so",
        "1 left out; the lines above say why",
    ]


def test_a_program_reads_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dicom_tree(tmp_path, ["PETCT_00000000aa"])
    assert run(tmp_path, "--json") == 0
    (study,) = json.loads(capsys.readouterr().out)
    assert study["usable"] is True
    assert study["sex"] == "F"
    assert study["weight_kg"] == 61.0
    assert {line["modality"] for line in study["series"]} == {"CT", "PT"}


def test_an_empty_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path) == 1
    assert "holds no layout of AutoPET" in capsys.readouterr().err
