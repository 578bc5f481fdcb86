"""A whole folder: parallel, resumable, one bad study leaves the rest alone."""

import errno
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from tests.autopet.people import arms_down, converted, person
from tests.autopet.trees import dicom_tree
from vct.autopet.prepared import (
    INDEX,
    PreparedFolder,
    StudyArrays,
    split_of,
    write_study,
)
from vct.autopet.preparing import Outcome, Settings, Task, prepare_folder, prepare_task
from vct.autopet.survey import Survey
from vct.cli import main
from vct.errors import VctError
from vct.grid import whole_body_grid

COARSE = Settings(spacing_mm=8.0, held_out_share=0.5, seed=1)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies of one patient; others: short, arms down, no lung top, broken."""
    root = tmp_path_factory.mktemp("archive")
    scan = person(0)
    converted(root, "PETCT_000000000a", 1, scan.moved(30.0, 5.0, -9.0))
    converted(root, "PETCT_000000000a", 2, scan.moved(-400.0, 0.0, 0.0))
    converted(root, "PETCT_000000000b", 3, scan.cut(-600.0, 200.0))
    converted(root, "PETCT_000000000c", 4, arms_down(scan))
    converted(root, "PETCT_000000000d", 5, scan.cut(-700.0, -60.0))
    broken = converted(root, "PETCT_000000000e", 6, scan) / "SUV.nii.gz"
    broken.write_bytes(broken.read_bytes()[:5000])
    people = root / "people.csv"
    lines = [f"PETCT_000000000{c},{50 + n},F,1.65,70" for n, c in enumerate("abcde")]
    people.write_text(
        "\n".join(["subject_id,age_years,sex,height_m,weight_kg", *lines])
    )
    return root


def prepare(archive: Path, out: Path, **options: Any) -> list[Outcome]:
    told: list[Outcome] = []
    people = archive / "people.csv"
    survey = Survey(archive, demographics=people)
    settings = options.pop("settings", COARSE)
    settings = Settings(**{**vars(settings), "demographics": people})
    options.setdefault("workers", 0)
    prepare_folder(survey, out, settings, notify=told.append, **options)
    return told


@pytest.fixture(scope="module")
def done(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("prepared")
    told = prepare(archive, out)
    assert sorted(o.status for o in told) == ["left out"] * 3 + ["prepared"] * 3
    return out


def test_what_can_be_prepared_is_and_the_rest_is_named(done: Path) -> None:
    folder = PreparedFolder(done)
    index, left_out = folder.index, folder.left_out
    assert list(index.subject_key) == ["000000000a", "000000000a", "000000000b"]
    assert index.arms.tolist() == ["up"] * 3
    assert index.weight_kg.tolist() == [70.0] * 3
    reasons = {
        Path(row.study_id).parts[0][-1]: " ".join(row.reasons)
        for row in left_out.itertuples()
    }
    assert set(reasons) == {"c", "d", "e"}
    assert "arms down" in reasons["c"]
    assert "begins within the lungs" in reasons["d"]
    assert "truncated" in reasons["e"]
    assert (index.covered_high_k <= folder.grid.shape[0]).all()
    for row in index.itertuples():
        ct_hu, suv, coverage = folder.volumes(row.name)
        slices = np.flatnonzero(coverage.any(axis=(1, 2)))
        assert (slices[0], slices[-1] + 1) == (row.covered_low_k, row.covered_high_k)
        assert ct_hu.max() > 200
        assert suv.max() > 2
        assert (done / "qc" / f"{row.name}.png").stat().st_size > 10_000
        study = json.loads((done / "studies" / row.name / "study.json").read_text())
        assert study["done"]["pet_grid"]["spacing_mm"] == [8.0, 8.0, 8.0]
    shifts = [
        json.loads((done / "studies" / n / "study.json").read_text())["done"]
        for n in index.name
    ]
    assert shifts[0]["lung_top_mm"] - shifts[1]["lung_top_mm"] == pytest.approx(
        430, abs=4
    )


def test_patients_are_split_not_studies(done: Path) -> None:
    index = PreparedFolder(done).index
    assert (index.groupby("subject_key").split.nunique() == 1).all()
    for row in index.itertuples():
        assert row.split == split_of(row.subject_key, 1, 0.5, 0.05)


def test_a_rerun_keeps_what_is_complete_and_makes_the_same(
    archive: Path, done: Path, tmp_path: Path
) -> None:
    out = tmp_path / "again"
    shutil.copytree(done, out)
    name = PreparedFolder(out).index.name[0]
    before = (out / "studies" / name / "suv.npy").read_bytes()
    shutil.rmtree(out / "studies" / name)
    (out / "studies" / f".{name}.partial").mkdir()
    index = (out / "index.parquet").read_bytes()
    told = prepare(archive, out)
    assert sorted(o.status for o in told) == ["kept"] * 2 + ["left out"] * 3 + [
        "prepared"
    ]
    assert (out / "studies" / name / "suv.npy").read_bytes() == before
    assert (out / "index.parquet").read_bytes() == index
    assert not (out / "studies" / f".{name}.partial").exists()


def test_a_corrected_table_is_taken_over(
    archive: Path, done: Path, tmp_path: Path
) -> None:
    """Into the tables, study.json and the picture; the images are kept."""
    out = tmp_path / "again"
    shutil.copytree(done, out)
    people = archive / "people.csv"
    before = people.read_text()
    names = PreparedFolder(out).index.name
    pictures = {name: (out / "qc" / f"{name}.png").read_bytes() for name in names}
    suv = (out / "studies" / names[0] / "suv.npy").stat().st_mtime_ns
    try:
        people.write_text(
            before.replace("00a,50,F,1.65,70", "00a,50,F,1.8,81").replace(
                "00b,51,F", "00b,61,F"
            )
        )
        told = prepare(archive, out)
    finally:
        people.write_text(before)
    updated = {o.study_id[:16]: o.reasons for o in told if o.status == "updated"}
    assert updated == {
        "PETCT_000000000a": (
            "height_m was 1.65, now 1.8",
            "weight_kg was 70.0, now 81.0",
            f"bmi_kg_m2 was {70 / 1.65**2}, now {81 / 1.8**2}",
        ),
        "PETCT_000000000b": ("age_years was 51.0, now 61.0",),
    }
    index = PreparedFolder(out).index
    assert index.height_m.tolist() == [1.8, 1.8, 1.65]
    assert index.age_years.tolist() == [50.0, 50.0, 61.0]
    for row in index.itertuples():
        study = json.loads((out / "studies" / row.name / "study.json").read_text())
        assert (study["weight_kg"], study["age_years"]) == (
            row.weight_kg,
            row.age_years,
        )
        assert study["done"]["pet_grid"]["spacing_mm"] == [8.0, 8.0, 8.0]
    assert (out / "studies" / names[0] / "suv.npy").stat().st_mtime_ns == suv
    redrawn = [(out / "qc" / f"{n}.png").read_bytes() != pictures[n] for n in names]
    assert redrawn == [False, False, True]
    assert {o.status for o in prepare(archive, out)} == {"updated", "left out"}


def largest_suv(task: Task) -> dict[str, Any]:
    """Prepares nothing but the largest SUV, in every voxel."""
    grid = whole_body_grid(task.settings.spacing_mm)
    ones = np.ones(grid.shape, bool)
    suv = ones * task.study.read_pet().voxels.max()
    arrays = StudyArrays(np.zeros(grid.shape), suv, ones)
    row = dict.fromkeys(INDEX, None) | {
        **{"name": task.name, "study_id": task.study.study_id, "notes": []},
        "weight_kg": task.study.demographics.weight_kg,
    }
    write_study(task.out, task.name, arrays, row, done={})
    return {"row": row, "seconds": 0.0}


def test_a_corrected_weight_that_scales_the_suv_prepares_anew(tmp_path: Path) -> None:
    """DICOM without a weight: the table's makes the SUV."""
    archive, people, out = (tmp_path / n for n in ("archive", "people.csv", "out"))
    dicom_tree(archive, ["PETCT_000000000a"])
    for file in archive.rglob("*.dcm"):
        ds = pydicom.dcmread(file)
        ds.PatientWeight = None
        ds.save_as(file)
    largest = []
    for weight_kg in (70, 140):
        people.write_text(f"subject_id,sex,weight_kg\nPETCT_000000000a,F,{weight_kg}\n")
        settings = Settings(spacing_mm=16.0, demographics=people)
        told: list[Outcome] = []
        prepare_folder(
            Survey(archive, demographics=people),
            out,
            settings,
            workers=0,
            notify=told.append,
            work=largest_suv,
        )
        assert [o.status for o in told] == ["prepared"]
        folder = PreparedFolder(out)
        assert folder.index.weight_kg.tolist() == [weight_kg]
        largest.append(float(folder.volumes(folder.index.name[0]).suv.max()))
    assert largest[1] == pytest.approx(2 * largest[0], rel=1e-3)


def test_a_folder_is_not_finished_before_its_tables(
    archive: Path, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "again"
    shutil.copytree(done, out)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vct.autopet.preparing.write_index", killed)
    with pytest.raises(KeyboardInterrupt):
        prepare(archive, out)
    with pytest.raises(VctError, match="not prepared to its end"):
        PreparedFolder(out)


def test_other_settings_are_refused(archive: Path, done: Path) -> None:
    other = Settings(spacing_mm=4.0, held_out_share=0.5, seed=2)
    words = r"other settings: spacing_mm was 8.0, now 4.0; seed was 1, now 2\. Run it"
    with pytest.raises(VctError, match=words):
        prepare(archive, done, settings=other)
    more = Settings(spacing_mm=8.0, held_out_share=0.5, calibration_share=0.1, seed=1)
    with pytest.raises(VctError, match=r"calibration_share was 0\.05, now 0\.1\. Run"):
        prepare(archive, done, settings=more)
    PreparedFolder(done)  # as it was
    with pytest.raises(VctError, match="lies within"):
        prepare(archive, archive / "out")
    with pytest.raises(VctError, match="is no folder of prepared studies"):
        prepare(archive, archive.parent)
    with pytest.raises(VctError, match="must be 2, 4, 8 or 16 mm"):
        Settings(spacing_mm=3.0)
    words = "must be at least 0, and together below 1"
    for held_out, calibration in ((1.0, 0.0), (0.6, 0.4), (-0.1, 0.5), (0.5, -0.1)):
        told = f"held-out share {held_out:g} and calibration share {calibration:g}: "
        with pytest.raises(VctError, match=told + words):
            Settings(held_out_share=held_out, calibration_share=calibration)
    with pytest.raises(VctError, match="share nan"):
        Settings(held_out_share=float("nan"))


def killed_or_stopped(task: Task) -> dict[str, Any]:
    """The second study of the first patient kills its process."""
    if task.name.split("-")[-2].endswith("00002"):
        os.kill(os.getpid(), signal.SIGKILL)
    return prepare_task(task)


@pytest.mark.slow
def test_a_killed_worker_is_one_study_left_out(archive: Path, tmp_path: Path) -> None:
    prepare(archive, tmp_path, workers=2, work=killed_or_stopped)
    folder = PreparedFolder(tmp_path)
    assert len(folder.index) == 2
    killed = [row for row in folder.left_out.itertuples() if "00002" in row.study_id]
    assert "killed by signal 9" in killed[0].reasons[0]
    assert [o.status for o in prepare(archive, tmp_path, workers=2)].count("kept") == 2
    assert len(PreparedFolder(tmp_path).index) == 3


def test_ctrl_c_leaves_what_is_done(archive: Path, tmp_path: Path) -> None:
    begun: list[str] = []

    def interrupted(task: Task) -> dict[str, Any]:
        if begun:
            raise KeyboardInterrupt
        begun.append(task.name)
        return prepare_task(task)

    with pytest.raises(KeyboardInterrupt):
        prepare(archive, tmp_path, work=interrupted)
    with pytest.raises(VctError, match="not prepared to its end"):
        PreparedFolder(tmp_path)
    assert (tmp_path / "studies" / begun[0] / "study.json").is_file()
    told = prepare(archive, tmp_path)
    assert [o.status for o in told].count("kept") == 1
    assert len(PreparedFolder(tmp_path).index) == 3


def test_a_full_disk_ends_the_run_and_blames_no_study(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def full_after_one(path: Path, name: str, *study: Any) -> None:
        if done:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_study(path, name, *study)
        done.append(name)

    monkeypatch.setattr("vct.autopet.preparing.write_study", full_after_one)
    words = "cannot be written: No space left on device. Mend that and run the same"
    with pytest.raises(VctError, match=words):
        prepare(archive, tmp_path)
    monkeypatch.undo()
    told = [o.status for o in prepare(archive, tmp_path)]
    assert told.count("kept") == 1
    assert len(PreparedFolder(tmp_path).index) == 3


def test_the_command_says_what_becomes_of_each(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = tmp_path / "one"
    studies = sorted((archive / "FDG-PET-CT-Lesions").iterdir())
    for study in (studies[0], studies[2]):
        shutil.copytree(study, one / "FDG-PET-CT-Lesions" / study.name)
    out = tmp_path / "out"
    arguments = ["autopet", "prepare", str(one), str(out), "--spacing-mm", "8"]
    arguments += ["--demographics", str(archive / "people.csv"), "--arms-down"]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--workers", "2"])
    assert ended.value.code == 0
    shown = capsys.readouterr().err.splitlines()
    assert shown[-1] == f"3 prepared: {out}; pictures in {out / 'qc'}"
    assert any(
        line.startswith("1/3 PETCT_") and " prepared in " in line for line in shown
    )
    assert sorted(PreparedFolder(out).index.arms) == ["down", "up", "up"]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--seed", "5"])
    assert ended.value.code == 1
    assert "seed was 0, now 5" in capsys.readouterr().err
