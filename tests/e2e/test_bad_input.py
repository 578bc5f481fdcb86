"""Each mistake: one clear message, the documented exit code, no traceback."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.e2e.conftest import WriteSpec, digests
from vct.cli import main
from vct.spec import load_spec


def fails(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit code and message of a command that must fail."""
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert isinstance(ended.value.code, int)
    return ended.value.code, told


def test_an_unknown_model(
    capsys: pytest.CaptureFixture[str], write_spec: WriteSpec
) -> None:
    spec = write_spec(model=Path("whole-bdy-4mm"))
    for command in ("check", "build"):
        code, told = fails(capsys, command, spec)
        assert code == 3
        assert "unknown model 'whole-bdy-4mm'" in told


def test_truncated_weights(
    capsys: pytest.CaptureFixture[str],
    write_spec: WriteSpec,
    model: Path,
    tmp_path: Path,
) -> None:
    damaged = shutil.copytree(model, tmp_path / "damaged")
    weights = damaged / "superres.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    spec = write_spec(model=damaged)
    out = tmp_path / "out"
    code, told = fails(capsys, "build", spec, "-o", out, "--workers", 0)
    assert code == 3
    assert "superres.safetensors is damaged or truncated" in told
    assert not out.exists()


def test_truncated_weights_overwrite_no_cohort(
    capsys: pytest.CaptureFixture[str],
    write_spec: WriteSpec,
    model: Path,
    cohort: Path,
    tmp_path: Path,
) -> None:
    damaged = shutil.copytree(model, tmp_path / "damaged")
    (damaged / "superres.safetensors").write_bytes(b"cut")
    out = shutil.copytree(cohort, tmp_path / "out")
    before = digests(out)
    spec = write_spec(model=damaged)
    code, _ = fails(
        capsys, "build", spec, "-o", out, "--on-existing", "overwrite", "--workers", 0
    )
    assert code == 3
    assert digests(out) == before


REFUSING = [("check",), ("build", "--dry-run"), ("build",)]


@pytest.mark.parametrize("command", REFUSING)
def test_subjects_outside_the_model(
    capsys: pytest.CaptureFixture[str],
    write_spec: WriteSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = write_spec("low: 22, high: 30", "low: 44, high: 50")
    code, told = fails(capsys, *command, spec)
    assert code == 3
    assert "of the subjects have bmi_kg_m2 outside 17 to 45 of tiny" in told
    assert "--extrapolate" in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", REFUSING)
def test_a_protocol_the_model_never_saw(
    capsys: pytest.CaptureFixture[str],
    write_spec: WriteSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = write_spec("uptake_min: 60", "uptake_min: 120")
    code, told = fails(capsys, *command, spec)
    assert code == 3
    assert "uptake_min runs from 120 to 120, but tiny was trained at 50 to 75" in told
    assert "--header-only-protocol" in told
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", REFUSING)
def test_a_scanner_that_readers_take_for_a_vendors(
    capsys: pytest.CaptureFixture[str],
    write_spec: WriteSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    scanner = "scanner: {manufacturer: Siemens}"
    spec = write_spec("uptake_min: 60", f"uptake_min: 60\n  {scanner}")
    code, told = fails(capsys, *command, spec)
    assert code == 2
    assert "protocol.scanner.manufacturer: 'Siemens' begins with 'SI'" in told
    assert not (tmp_path / "out").exists()


def test_of_two_faults_all_commands_name_the_same(
    capsys: pytest.CaptureFixture[str],
    write_spec: WriteSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    scanner = "scanner: {manufacturer: Siemens}"
    spec = write_spec("uptake_min: 60", f"uptake_min: 120\n  {scanner}")
    ends = {fails(capsys, *command, spec) for command in REFUSING}
    assert len({code for code, _ in ends}) == 1
    assert all("uptake_min runs from 120 to 120" in told for _, told in ends)


@pytest.mark.parametrize("dry", [["--dry-run"], []])
def test_overwriting_shards_are_refused_dry_or_not(
    capsys: pytest.CaptureFixture[str], spec: Path, tmp_path: Path, dry: list[str]
) -> None:
    out = tmp_path / "out"
    options = ["--shard", "1/2", "--on-existing", "overwrite", "-o", out]
    code, told = fails(capsys, "build", spec, *options, *dry)
    assert code == 1
    assert "every shard would remove what the others have built" in told
    assert not out.exists()


def test_check_for_a_program_says_what_build_would_refuse(
    capsys: pytest.CaptureFixture[str], write_spec: WriteSpec
) -> None:
    spec = write_spec("uptake_min: 60", "uptake_min: 120")
    with pytest.raises(SystemExit) as ended:
        main(["check", "--json", str(spec)])
    assert ended.value.code == 3
    told = json.loads(capsys.readouterr().out)
    assert told["valid"] is False
    assert "uptake_min" in told["refusal"]
    assert told["protocol_outside_model"][0].startswith("protocol: uptake_min runs")


def test_check_for_a_program_tells_of_a_spec_that_cannot_be_read(
    capsys: pytest.CaptureFixture[str], write_spec: WriteSpec
) -> None:
    for bad, code in (
        (lambda: write_spec("uptake_min: 60", "uptake_min: soon"), 2),
        (lambda: write_spec(model=Path("no-such-model")), 3),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["check", "--json", str(bad())])
        assert ended.value.code == code
        told, said = capsys.readouterr()
        assert json.loads(told)["valid"] is False
        assert f"error: {json.loads(told)['refusal']}" in said


@pytest.mark.parametrize("dry", [["--dry-run"], []])
def test_a_folder_of_another_spec(
    capsys: pytest.CaptureFixture[str],
    write_spec: WriteSpec,
    cohort: Path,
    dry: list[str],
) -> None:
    before = digests(cohort)
    spec = write_spec("seed: 7", "seed: 8")
    code, told = fails(capsys, "build", spec, "-o", cohort, *dry)
    assert code == 4
    assert "seed: 7 there, 8 now" in told
    assert "spec_sha256" in told
    assert digests(cohort) == before


@pytest.mark.parametrize("dry", [["--dry-run"], []])
def test_a_foreign_folder(
    capsys: pytest.CaptureFixture[str], spec: Path, tmp_path: Path, dry: list[str]
) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    code, told = fails(capsys, "build", spec, "-o", tmp_path, *dry)
    assert code == 4
    assert "is not a cohort that 'vct build' began" in told


@pytest.mark.parametrize("dry", [["--dry-run"], []])
def test_a_cohort_that_is_there_is_not_gone_on_with(
    capsys: pytest.CaptureFixture[str], spec: Path, cohort: Path, dry: list[str]
) -> None:
    options = ["-o", cohort, "--on-existing", "fail"]
    code, told = fails(capsys, "build", spec, *options, *dry)
    assert code == 4
    assert "holds a cohort already" in told


def test_a_folder_that_is_a_file(
    capsys: pytest.CaptureFixture[str], spec: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    code, told = fails(capsys, "build", spec, "-o", tmp_path / "file" / "out")
    assert code == 1
    assert "cannot be written" in told
    code, told = fails(capsys, "build", spec, "-o", tmp_path / "file", "--dry-run")
    assert code == 4
    assert "is a file. Name a folder with -o" in told


def test_an_unwritable_folder(capsys: pytest.CaptureFixture[str], spec: Path) -> None:
    code, told = fails(capsys, "build", spec, "-o", "/proc/vct-out")
    assert code == 1
    assert "/proc/vct-out: cannot be written" in told


@pytest.mark.parametrize("command", REFUSING[1:])
def test_a_folder_whose_name_is_too_long(
    capsys: pytest.CaptureFixture[str], spec: Path, command: tuple[str, ...]
) -> None:
    code, told = fails(capsys, *command, spec, "-o", "x" * 300)
    assert code == 1
    assert "File name too long" in told


def test_a_model_whose_name_is_too_long(
    capsys: pytest.CaptureFixture[str], write_spec: WriteSpec
) -> None:
    for name in ("x" * 300, f"models/{'x' * 300}"):
        code, told = fails(capsys, "check", write_spec(model=Path(name)))
        assert code == 3
        assert name in told


def test_a_device_that_is_not_there(
    capsys: pytest.CaptureFixture[str], spec: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code, told = fails(capsys, "build", spec, "-o", out, "--device", "cuda:99")
    assert code == 1
    assert "--device cuda:99: this machine shows" in told
    code, told = fails(capsys, "build", spec, "-o", out, "--device", "gpu")
    assert code == 1
    assert "must be auto, cpu, cuda or cuda:N" in told
    assert not out.exists()


def test_a_subject_the_cohort_does_not_have(
    capsys: pytest.CaptureFixture[str], spec: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    code, told = fails(capsys, "build", spec, "-o", out, "--only", "S0009")
    assert code == 2
    assert "no subject S0009; the cohort has S0001 to S0004" in told


def test_a_spec_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("check", "build", "sample"):
        code, told = fails(capsys, command, "no-such.yaml")
        assert code == 2
        assert "no-such.yaml" in told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("size: 4", "sise: 4", "did you mean 'size'"),
        ("size: 4", "size: many", "size"),
        ("low: 40, high: 60", "low: 60, high: 40", "age_years"),
    ],
)
def test_a_wrong_spec_is_told_with_line_and_column(
    old: str,
    new: str,
    told: str,
    capsys: pytest.CaptureFixture[str],
    write_spec: WriteSpec,
) -> None:
    code, message = fails(capsys, "check", write_spec(old, new))
    assert code == 2
    assert "changed.yaml:" in message
    assert told in message


def test_finish_of_what_is_no_cohort(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, told = fails(capsys, "finish", tmp_path)
    assert code == 4
    assert "is not a cohort that 'vct build' began" in told


def test_validate_of_what_is_no_cohort(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, told = fails(capsys, "validate", tmp_path)
    assert code == 4
    assert "is not a cohort" in told


def test_a_damaged_table_of_subjects_is_mended_as_told(
    capsys: pytest.CaptureFixture[str], cohort: Path, spec: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(cohort, tmp_path / "out")
    table = out / "subjects.parquet"
    table.write_bytes(table.read_bytes()[:50])
    for command in (["validate", out], ["build", spec, "-o", out], ["finish", out]):
        code, told = fails(capsys, *command)
        assert code == 4
        assert told.count("cannot be read") == 1
        assert "Remove the file and run the same 'vct build' again" in told
    table.unlink()
    with pytest.raises(SystemExit) as ended:
        main(["build", str(spec), "-o", str(out)])
    assert ended.value.code in (0, 5)
    assert digests(out) == digests(cohort)


def test_subjects_of_another_schema_version(
    capsys: pytest.CaptureFixture[str], cohort: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(cohort, tmp_path / "out")
    path = out / "subjects.parquet"
    table = pq.read_table(path)
    later = {**table.schema.metadata, b"schema_version": b"99"}
    pq.write_table(table.replace_schema_metadata(later), path)
    code, told = fails(capsys, "validate", out)
    assert code == 4
    assert "subjects.parquet has schema version 99; this vct reads 1" in told
    assert "Remove the file" not in told


def test_validate_of_a_cohort_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], cohort: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(cohort, tmp_path / "out")
    shutil.rmtree(out / "validation")
    (out / "validation").write_text("no folder")
    code, told = fails(capsys, "validate", out)
    assert code == 1
    assert "validation: cannot be read or written" in told
    assert "validate a copy that you may write to" in told


@pytest.mark.parametrize("name", ["people.csv", "people.parquet"])
def test_sample_into_a_folder_that_is_not_there(
    capsys: pytest.CaptureFixture[str], spec: Path, tmp_path: Path, name: str
) -> None:
    code, told = fails(capsys, "sample", spec, "-o", tmp_path / "no" / name)
    assert code == 1
    assert f"{name}: cannot be written" in told
    assert "None" not in told


def test_sample_into_a_table_of_another_kind(
    capsys: pytest.CaptureFixture[str], spec: Path, tmp_path: Path
) -> None:
    path = tmp_path / "people.xlsx"
    code, told = fails(capsys, "sample", spec, "-o", path)
    assert code == 1
    assert f"{path}: must end in .csv or .parquet" in told
    assert not path.exists()


def test_new_leaves_an_existing_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("mine")
    code, told = fails(capsys, "new", path)
    assert code == 1
    assert "exists; it is left as it is" in told
    assert path.read_text() == "mine"


def new_gallery(path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["new", str(path), "--like", "gallery"])
    assert ended.value.code == 0
    assert load_spec(path).size == 6


def test_new_brings_the_table_that_an_example_names(tmp_path: Path) -> None:
    new_gallery(tmp_path / "mine.yaml")
    new_gallery(tmp_path / "another.yaml")  # which shares the table


def test_new_leaves_a_table_of_that_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    table = tmp_path / "gallery.csv"
    table.write_text("mine")
    code, told = fails(capsys, "new", tmp_path / "a.yaml", "--like", "gallery")
    assert code == 1
    assert "is not the table of this example; it is left as it is" in told
    assert "in another folder" in told
    assert table.read_text() == "mine"
    assert not (tmp_path / "a.yaml").exists()


def test_new_leaves_no_table_beside_a_file_it_leaves(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_text("mine")
    code, _ = fails(capsys, "new", tmp_path / "a.yaml", "--like", "gallery")
    assert code == 1
    assert not (tmp_path / "gallery.csv").exists()
