"""A cohort folder judged."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from vct.cli.main import main
from vct.errors import CohortError
from vct.manifest import load_cohort
from vct.validation import read_findings, validate_cohort
from vct.validation.consistency import image_findings, judged_by_chance
from vct.validation.run import spec_samples

pytestmark = pytest.mark.usefixtures("known_references")


def by_id(out, **options):
    return {f.id: f for f in validate_cohort(out, **options)}


def test_a_sound_cohort_has_nothing_failed(cohort_dir):
    found = by_id(cohort_dir, hashes=True)
    assert [f.id for f in found.values() if f.verdict == "fail"] == []
    assert read_findings(cohort_dir) == list(found.values())
    assert found["conformance/subjects"].value == 24
    assert found["conformance/suv-factor"].value < 1e-12
    assert found["image/mass-weight"].value > 0.9
    assert load_cohort(cohort_dir).verify() == []


def test_the_long_table_of_files_is_read_when_asked_for(cohort_dir):
    (cohort_dir / "instances.parquet").unlink()
    cohort = load_cohort(cohort_dir)
    assert len(cohort.finished) == 24
    with pytest.raises(CohortError, match=r"instances\.parquet is missing"):
        cohort.verify()


def test_findings_repeat(cohort_dir):
    validate_cohort(cohort_dir)
    first = (cohort_dir / "findings.json").read_bytes()
    validate_cohort(cohort_dir)
    assert (cohort_dir / "findings.json").read_bytes() == first


def test_a_missing_file_fails(cohort_dir):
    (cohort_dir / "dicom/S0003/CT/0001.dcm").unlink()
    finding = by_id(cohort_dir)["conformance/files"]
    assert finding.verdict == "fail"
    assert finding.note == (
        "120 files recorded. dicom/S0003/CT/0001.dcm is missing. Remove dicom/S0003 "
        "and run the same 'vct build' again."
    )
    problems = load_cohort(cohort_dir).verify()
    assert problems == ["dicom/S0003/CT/0001.dcm is missing"]


def test_subjects_of_an_interrupted_build_are_no_fault(cohort_dir):
    """A limited build finished, a longer one was stopped before its tables."""
    for name in ("series", "instances", "organs", "images"):
        path = cohort_dir / f"{name}.parquet"
        table = pq.read_table(path)
        ids = pc.field("subject_id")
        pq.write_table(table.filter(~ids.isin(["S0023", "S0024"])), path)
    found = by_id(cohort_dir)
    assert found["conformance/files"].verdict == "pass"
    subjects = found["conformance/subjects"]
    assert (subjects.value, subjects.verdict) == (22.0, "inconclusive")
    assert subjects.note == (
        "2 more are written and not in the tables: a build was interrupted. Run the "
        "same 'vct build' again."
    )


def test_a_truncated_file_and_one_too_many_fail_without_hashes(cohort_dir):
    path = cohort_dir / "dicom/S0003/CT/0001.dcm"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-1])
    (cohort_dir / "dicom/S0005/PT/0099.dcm").write_bytes(b"")
    finding = by_id(cohort_dir)["conformance/files"]
    assert (finding.verdict, finding.value) == ("fail", 2.0)
    assert f"0001.dcm has {size - 1} bytes, not {size}; dicom/S0005" in finding.note
    assert "PT/0099.dcm is not recorded. Remove dicom/S0003, dicom/S" in finding.note


def test_many_damaged_files_are_counted_and_three_are_named(cohort_dir):
    for path in cohort_dir.glob("dicom/*/CT/0001.dcm"):
        path.unlink()
    note = by_id(cohort_dir)["conformance/files"].note
    assert "dicom/S0003/CT/0001.dcm is missing; and 21 more." in note
    assert "Remove dicom/S0001, dicom/S0002, dicom/S0003 and 21 more and run" in note


def test_the_command_tells_which_file_fails_and_the_cure(cohort_dir, capsys):
    (cohort_dir / "dicom/S0003/CT/0001.dcm").unlink()
    with pytest.raises(SystemExit) as end:
        main(["validate", str(cohort_dir)])
    assert end.value.code == 5
    told = capsys.readouterr().out
    assert "0001.dcm is missing. Remove dicom/S0003 and run the same" in told


def test_an_altered_file_fails_where_hashes_are_compared(cohort_dir):
    path = cohort_dir / "dicom/S0003/CT/0001.dcm"
    path.write_bytes(path.read_bytes()[::-1])
    assert by_id(cohort_dir)["conformance/files"].verdict == "pass"
    assert by_id(cohort_dir, hashes=True)["conformance/files"].verdict == "fail"


def test_clipped_voxels_are_counted(cohort_dir):
    finding = by_id(cohort_dir)["image/pet-clipped"]
    assert finding.value == 6.0
    assert finding.note == "In 2 of 24 subjects."


def measured(cohort, organ: str, **columns):
    """The cohort with one more row a subject, by threshold."""
    names = cohort.subjects["subject_id"]
    rows = pd.DataFrame(
        {"subject_id": names, "organ": organ, "source": "threshold", "status": "ok"}
        | columns
    )
    others = cohort.organs[cohort.organs["organ"] != organ]
    return replace(cohort, organs=pd.concat([others, rows], ignore_index=True))


def image_finding(cohort, id: str, *, of_phantoms: bool = True):
    return {f.id: f for f in image_findings(cohort, of_phantoms=of_phantoms)}[id]


@pytest.mark.parametrize(
    ("small", "verdict", "note"),
    [
        ({}, "pass", ""),
        ({"S0002": None, "S0004": 19.9}, "fail", "Look at: S0002, S0004."),
    ],
)
def test_subjects_without_a_hot_bladder_are_named(cohort_dir, small, verdict, note):
    cohort = load_cohort(cohort_dir)
    volume_ml = [small.get(name, 20.0) for name in cohort.subjects["subject_id"]]
    cohort = measured(cohort, "bladder_suv", volume_ml=volume_ml)
    finding = image_finding(cohort, "image/no-hot-bladder")
    assert (finding.value, finding.n) == (float(len(small)), 24)
    assert (finding.verdict, finding.note) == (verdict, note)
    of_patients = image_finding(cohort, "image/no-hot-bladder", of_phantoms=False)
    assert of_patients.verdict == "info"
    few = replace(cohort, organs=cohort.organs.query("subject_id <= 'S0019'"))
    assert image_finding(few, "image/no-hot-bladder").verdict == "info"


def test_a_bladder_that_the_field_cuts_is_not_missing(cohort_dir):
    cohort = load_cohort(cohort_dir)
    names = cohort.subjects["subject_id"]
    cut = names == "S0003"
    cohort = measured(
        cohort,
        "bladder_suv",
        volume_ml=np.where(cut, np.nan, 20.0),
        status=np.where(cut, "cut_by_field", "ok"),
    )
    finding = image_finding(cohort, "image/no-hot-bladder")
    assert (finding.value, finding.n, finding.excluded) == (0.0, 23, 1)
    assert finding.verdict == "pass"


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.7, "pass"), (0.999, "pass"), (1.001, "fail")]
)
def test_who_holds_most_of_what_was_injected_is_named(cohort_dir, share, verdict):
    cohort = load_cohort(cohort_dir)
    weight_g = 1000 * cohort.subjects["weight_kg"]
    shares = [
        share if name == "S0007" else 0.6 for name in cohort.subjects["subject_id"]
    ]
    cohort = measured(cohort, "body_hu", volume_ml=weight_g, suv_mean=shares)
    finding = image_finding(cohort, "image/activity-share")
    assert finding.value == pytest.approx(share)
    assert finding.verdict == verdict
    assert "of S0007" in finding.note


def test_one_missing_bladder_in_two_thousand_is_as_it_should_be():
    assert judged_by_chance(1, 2000)["verdict"] == "pass"
    assert judged_by_chance(1, 50)["verdict"] == "fail"
    assert judged_by_chance(10, 2000)["verdict"] == "fail"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cohort.yaml", "holds no cohort.yaml"),
        ("run.json", "the build has not finished"),
        ("subjects.parquet", "subjects.parquet is missing"),
        ("organs.parquet", "organs.parquet is missing"),
        ("instances.parquet", "instances.parquet is missing"),
    ],
)
def test_an_incomplete_folder_is_refused(cohort_dir, name, message):
    (cohort_dir / name).unlink()
    with pytest.raises(CohortError, match=message):
        validate_cohort(cohort_dir)


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("subjects", "Remove the file and run the same"),
        ("series", "Run the same"),
        ("organs", "Run the same"),
    ],
)
def test_a_truncated_table_is_refused(cohort_dir, name, cure):
    path = cohort_dir / f"{name}.parquet"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CohortError, match=rf"{name}\.parquet.*{cure}"):
        validate_cohort(cohort_dir)


def test_a_table_in_place_of_another_is_refused(cohort_dir):
    shutil.copy(cohort_dir / "series.parquet", cohort_dir / "organs.parquet")
    with pytest.raises(CohortError, match=r"organs\.parquet lacks the column organ"):
        validate_cohort(cohort_dir)


def test_not_a_folder(tmp_path):
    with pytest.raises(CohortError, match="not a folder"):
        validate_cohort(tmp_path / "nowhere")


def test_a_table_held_against_itself_passes_nothing_and_hides_no_failure(
    cohort_dir, monkeypatch
):
    sampled = spec_samples(load_cohort(cohort_dir))._replace(own_copy=True)
    monkeypatch.setattr("vct.validation.run.spec_samples", lambda _: sampled)
    table = pq.read_table(cohort_dir / "subjects.parquet")
    age = table.schema.get_field_index("age_years")
    older = pc.add(table["age_years"], 1.0)
    pq.write_table(
        table.set_column(age, table.schema.field(age), older),
        cohort_dir / "subjects.parquet",
    )
    people = [f for f in validate_cohort(cohort_dir) if f.kind == "spec"]
    verdicts = {f.id: f.verdict for f in people}
    assert verdicts["demographics/subjects/count"] == "fail"
    assert "pass" not in verdicts.values()
