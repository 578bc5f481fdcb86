"""Spec in, cohort out: the promises a user relies on."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import vct
from tests.e2e.conftest import WriteSpec, digests
from vct.build import Shard, build_cohort, finish_cohort, plan_cohort
from vct.errors import CohortError, VctError
from vct.validation import Finding


def names(build: object) -> list[str]:
    return [item.subject_id for item in build]  # type: ignore[attr-defined]


def test_a_cohort_is_complete(cohort: Path) -> None:
    read = vct.load_cohort(cohort)
    assert list(read.subjects["subject_id"]) == ["S0001", "S0002", "S0003", "S0004"]
    assert len(read.finished) == 4
    assert set(read.series["modality"]) >= {"CT", "PT"}
    assert read.verify() == []
    assert set(read.organs["subject_id"]) == set(read.subjects["subject_id"])
    for name in read.subjects["subject_id"]:
        assert (cohort / "previews" / f"{name}.png").is_file()
    assert (cohort / "report.html").is_file()
    assert (cohort / "findings.json").is_file()
    assert not [p for p in cohort.rglob("*") if "partial" in p.name]


def test_the_run_says_what_made_it(cohort: Path) -> None:
    run = json.loads((cohort / "run.json").read_text())
    assert run["vct_version"] == vct.__version__
    assert run["seed"] == 7
    assert run["n_subjects"] == 4
    assert run["batch_size"] == 1
    assert run["model"]["name"] == "tiny"
    assert run["peak_memory_bytes"] > 0
    stages = {"base", "superres", "segmentation", "dicom", "total"}
    assert set(run["seconds"]) == stages
    assert all(seconds > 0 for seconds in run["seconds"].values())


def test_the_same_spec_twice_is_byte_identical(
    cohort: Path, spec: Path, tmp_path: Path
) -> None:
    list(build_cohort(spec, tmp_path / "out", workers=0))
    assert digests(tmp_path / "out") == digests(cohort)


def test_what_messages_tell_to_remove_is_built_anew(
    cohort: Path, spec: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(cohort, tmp_path / "out")
    (out / "subjects.parquet").unlink()  # damaged
    shutil.rmtree(out / "dicom" / "S0002")  # of which a file was truncated
    again = build_cohort(spec, out, workers=0)
    assert [s.subject_id for s in again if s.status == "written"] == ["S0002"]
    assert digests(out) == digests(cohort)


def test_a_build_has_a_length_before_it_has_written_anything(
    spec: Path, tmp_path: Path
) -> None:
    build = build_cohort(spec, tmp_path / "out")
    assert len(build) == 4
    assert not (tmp_path / "out").exists()


def test_a_subject_alone_is_the_subject_in_the_cohort(
    cohort: Path, spec: Path, tmp_path: Path
) -> None:
    build = build_cohort(spec, tmp_path / "out", workers=0, only=["S0003"])
    assert names(build) == ["S0003"]
    alone = digests(tmp_path / "out" / "dicom")
    whole = digests(cohort / "dicom")
    assert alone == {k: v for k, v in whole.items() if k.startswith("S0003/")}


def test_shards_and_finish_are_one_run(
    cohort: Path, spec: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for number in (5, 4, 3, 1):  # nobody falls to the fifth
        list(build_cohort(spec, out, workers=0, shard=Shard(number, 5)))
    with pytest.raises(CohortError, match="1 of 4 subjects are not finished"):
        finish_cohort(out)
    with pytest.raises(CohortError, match="--shard 1/1 is no part of it"):
        list(build_cohort(spec, out, shard=Shard(1, 1)))
    list(build_cohort(spec, out, workers=0, shard=Shard(2, 5)))
    finish_cohort(out)
    ours = {k: v for k, v in digests(out).items() if not k.startswith("run-")}
    assert ours == digests(cohort)
    run = json.loads((out / "run.json").read_text())
    assert run["n_subjects"] == 4
    assert len(run["shards"]) == 5


def test_finish_writes_the_report_that_the_spec_asks_for(
    write_spec: WriteSpec, tmp_path: Path
) -> None:
    spec = write_spec("size: 4", "size: 1\noutput: {report: false}")
    out = tmp_path / "out"
    list(build_cohort(spec, out, workers=0))
    finish_cohort(out)
    assert not (out / "report.html").exists()
    finish_cohort(out, report=True)
    assert (out / "report.html").is_file()


def test_shards_of_a_fixed_table_are_finished_with_their_report(
    model: Path, tmp_path: Path
) -> None:
    (tmp_path / "people.csv").write_text(
        "sex,age_years,height_m,weight_kg\nF,50,1.7,70\nM,50,1.7,80\n"
    )
    spec = tmp_path / "fixed.yaml"
    spec.write_text(
        "version: 1\nname: tiny\nseed: 7\nreference_date: 2025-01-15\n"
        "subjects_file: people.csv\n"
        "protocol: {injected_mbq_per_kg: 4.0, uptake_min: 60}\n"
        f"model: {{name: {model}}}\n"
    )
    out = tmp_path / "out"
    for number in (1, 2):
        list(build_cohort(spec, out, workers=0, shard=Shard(number, 2)))
    (tmp_path / "people.csv").unlink()  # the folder has the table
    found = {f.id: f for f in finish_cohort(out)}
    assert (out / "report.html").is_file()
    people = [f for name, f in found.items() if name.startswith("demographics/")]
    assert len(people) > 1
    assert {f.verdict for f in people} == {"inconclusive"}
    redrawn = found["demographics/subjects/count"]
    assert "subjects.parquet was held against itself" in redrawn.note


def test_people_who_are_not_those_of_their_table_fail(
    model: Path, tmp_path: Path
) -> None:
    people = tmp_path / "people.csv"
    people.write_text("sex,age_years,height_m,weight_kg\nF,50,1.7,70\n")
    spec = tmp_path / "fixed.yaml"
    spec.write_text(
        f"version: 1\nname: tiny\nseed: 7\nsubjects_file: {people}\n"
        "protocol: {injected_mbq_per_kg: 4.0, uptake_min: 60}\n"
        f"model: {{name: {model}}}\n"
    )
    out = tmp_path / "out"
    list(build_cohort(spec, out, workers=0))

    def redrawn() -> Finding:
        found = {f.id: f for f in vct.validate_cohort(out)}
        return found["demographics/subjects/count"]

    assert redrawn().verdict == "pass"
    people.write_text(people.read_text().replace("F,50", "F,88"))
    assert (redrawn().value, redrawn().verdict) == (1, "fail")


def test_a_finished_cohort_is_kept_as_it_is(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    list(build_cohort(spec, out, workers=0, limit=1))
    before, run = digests(out), (out / "run.json").read_text()
    monkeypatch.setattr("vct.cascade.Cascade.load", None)  # and no model is loaded
    assert [s.status for s in build_cohort(spec, out, limit=1)] == ["kept"]
    assert digests(out) == before
    assert (out / "run.json").read_text() == run


def test_terminated_killed_and_rerun_is_one_run(
    cohort: Path, spec: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    stopped = _start(spec, out)
    _wait_for_subjects(out, 1)
    stopped.send_signal(signal.SIGTERM)
    stopped.wait(60)
    assert stopped.returncode in (0, 130)  # 0 if all were done by then
    for folder in (out / "dicom").glob("S000[34]"):  # so that there is more to do
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        folder.rmdir()

    killed = _start(spec, out)
    _wait_for_subjects(out, 3)
    killed.kill()
    killed.wait(60)
    _wait_for_writers(out)

    assert names(build_cohort(spec, out)) == ["S0001", "S0002", "S0003", "S0004"]
    assert digests(out) == digests(cohort)


def _start(spec: Path, out: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "vct", "build", str(spec), "-o", str(out)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def _wait_for_subjects(out: Path, count: int) -> None:
    deadline = time.monotonic() + 120
    while len(list((out / "dicom").glob("S*"))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _wait_for_writers(out: Path) -> None:
    """Until the killed build's writer has noticed and ended."""
    time.sleep(0.5)


def test_a_full_disk_keeps_what_is_finished(
    cohort: Path, spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import vct.dicom

    out, write = tmp_path / "out", vct.dicom.write_subject
    calls = []

    def full(images: object, subject: object, study: object, folder: Path) -> object:
        calls.append(folder)
        if len(calls) == 3:
            (folder / "half.dcm").write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(images, subject, study, folder)  # type: ignore[arg-type]

    monkeypatch.setattr(vct.dicom, "write_subject", full)
    with pytest.raises(VctError, match="the disk is full") as told:
        list(build_cohort(spec, out, workers=0))
    assert told.value.exit_code == 1
    assert sorted(p.name for p in (out / "dicom").iterdir()) == ["S0001", "S0002"]

    monkeypatch.undo()
    statuses = [s.status for s in build_cohort(spec, out, workers=0)]
    assert statuses == ["kept", "kept", "written", "written"]
    assert digests(out) == digests(cohort)


def test_a_disk_without_room_is_refused_up_front(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("vct.build.plan.shutil.disk_usage", lambda _: usage)
    with pytest.raises(VctError, match=r"4 subjects need about .* GB are free"):
        list(build_cohort(spec, tmp_path / "out"))


def test_a_plan_writes_nothing(spec: Path, tmp_path: Path) -> None:
    plan = plan_cohort(spec, limit=2)
    assert plan.selected == ("S0001", "S0002")
    assert plan.n_files == 2 * (2 * 72 + 1)
    assert plan.protocol_outside == ()
    assert plan.describe_outside() == "every subject is inside tiny's range"


def test_a_longer_cohort_begins_with_the_shorter(spec: Path) -> None:
    short = plan_cohort(spec, limit=2).subjects
    assert list(short["subject_id"]) == ["S0001", "S0002", "S0003", "S0004"]
