"""One cohort against another: what is planted is named, and only that."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.validation.fake_cohort import CUT, SPEC, write_fake_cohort
from vct.cli.main import main
from vct.errors import CohortError
from vct.manifest import ORGANS
from vct.manifest.schema import SCHEMA_VERSION
from vct.manifest.write import write_table
from vct.validation.compare_cohorts import Side, compare_cohorts, names_of
from vct.validation.comparison_tables import read_tables

ARMS = "\narms:\n  - {name: treated}\n  - {name: control}\n"


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cohort ``a`` of two arms; ``hot`` is ``a`` with livers 30 % hotter."""
    folder = tmp_path_factory.mktemp("cohorts")
    write_fake_cohort(folder / "a", SPEC.format(size=80) + ARMS)
    organs = pd.read_parquet(folder / "a" / "organs.parquet")
    organs["status"] = np.where(organs["touches_edge"], "cut_by_field", "ok")
    organs.loc[organs["organ"].isin(CUT), "status"] = "in_field"
    write_table(organs, folder / "a" / "organs.parquet", ORGANS, SCHEMA_VERSION)
    shutil.copytree(folder / "a", folder / "hot")
    organs.loc[organs["organ"] == "liver", "suv_mean"] *= 1.3
    write_table(organs, folder / "hot" / "organs.parquet", ORGANS, SCHEMA_VERSION)
    return folder


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert isinstance(end.value.code, int)
    return end.value.code


def rename(folder: Path, instrument: str) -> None:
    """Say that another instrument measured a cohort."""
    path = folder / "run.json"
    record = json.loads(path.read_text()) | {"instrument": instrument}
    path.write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("one", "other", "names"),
    [
        (Side(Path("new")), Side(Path("old")), ("new", "old")),
        (Side(Path("out/a/..")), Side(Path("old/.")), ("out", "old")),
        (
            Side(Path("may/out"), "treated"),
            Side(Path("june/out")),
            ("may/out, arm treated", "june/out"),
        ),
        (
            Side(Path("out"), "treated"),
            Side(Path("out"), "control"),
            ("out, arm treated", "out, arm control"),
        ),
    ],
)
def test_two_sides_have_two_names(
    one: Side, other: Side, names: tuple[str, str]
) -> None:
    assert names_of(one, other) == names


def test_the_folder_one_stands_in_has_a_name(
    cohorts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(cohorts / "a")
    assert names_of(Side(Path()), Side(cohorts / "hot")) == ("a", "hot")


def test_a_planted_fault_is_named_and_nothing_else(cohorts: Path) -> None:
    df = compare_cohorts(Side(cohorts / "hot"), Side(cohorts / "a"))["comparisons"]
    whole = df[df["group"] == "all"].set_index(["organ", "quantity"])
    liver = whole.loc[("liver", "suv_mean"), :]
    assert liver["verdict"] == "fail"
    assert liver["difference_percent"] == pytest.approx(30.0, abs=0.01)
    failed = df[(df["verdict"] == "fail") | (df["spread_verdict"] == "fail")]
    assert set(failed["organ"]) == {"liver"}
    others = whole.drop(index=("liver", "suv_mean"))
    assert others["difference_percent"].abs().max() == pytest.approx(0.0, abs=1e-6)
    assert set(df["evidence"]) == {"other cohort"}
    assert set(df["reference"]) == {"a"}


def test_arms_are_compared_with_one_another(cohorts: Path) -> None:
    one, other = Side(cohorts / "a", "treated"), Side(cohorts / "a", "control")
    df = compare_cohorts(one, other)["comparisons"]
    n = df[df["group"] == "all"].set_index(["organ", "quantity"])
    assert n.loc[("brain", "suv_mean"), "n"] <= 40
    assert set(df["reference"]) == {"a, arm control"}
    assert set(df["source"]) == {f"cohort {cohorts / 'a'}, arm control"}


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (("a", None), ("a", None), "would be compared with itself"),
        (("a", "treated"), ("a", "treated"), "would be compared with itself"),
        (
            ("a", "treated"),
            ("a", None),
            "'treated' would be compared with the whole",
        ),
        (
            ("a", None),
            ("a", "treated"),
            "'treated' would be compared with the whole",
        ),
        (("a", "placebo"), ("hot", None), "no arm 'placebo'; its arms are control, tr"),
        (("a", "placebo"), ("a", None), "no arm 'placebo'; its arms are control, tr"),
        (("nowhere", None), ("a", None), "nowhere is not a folder"),
    ],
)
def test_what_is_no_comparison_is_refused(
    cohorts: Path, one: tuple[str, str], other: tuple[str, str], words: str
) -> None:
    sides = [Side(cohorts / name, arm) for name, arm in (one, other)]
    with pytest.raises(CohortError, match=words):
        compare_cohorts(*sides)


@pytest.fixture(scope="module")
def by_bmi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example whose arms share no BMI band."""
    out = tmp_path_factory.mktemp("arms") / "bmi"
    example = Path(__file__).parents[2] / "cohorts" / "obese-vs-normal.yaml"
    return write_fake_cohort(out, example.read_text("utf-8"))


def test_arms_that_share_no_body_are_compared_only_as_they_are(
    by_bmi: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arms = "--arm-a", "obese", "--arm-b", "normal weight"
    asked = "compare", str(by_bmi), str(by_bmi), *arms
    assert run(*asked) == 4
    told = capsys.readouterr()
    assert told.out == ""
    assert "0 of 16 subjects have counterparts" in told.err
    assert "'vct compare --unweighted'" in told.err
    assert run(*asked, "--unweighted", "-o", str(tmp_path / "cmp")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Demographics are not adjusted for." in lines
    assert any(
        line.startswith("brain              suv_mean       16/") for line in lines
    )
    page = (tmp_path / "cmp/report.html").read_text("utf-8")
    assert "sex, age and BMI are not adjusted for" in page
    assert "weighted so that" not in page


def small(folder: Path, size: int) -> tuple[Path, Path]:
    """Two cohorts of a few people each."""
    spec = SPEC.format(size=size)
    other = spec.replace("seed: 7", "seed: 8")
    return (
        write_fake_cohort(folder / "one", spec),
        write_fake_cohort(folder / "other", other),
    )


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("options", [(), ("--unweighted",)])
def test_a_few_people_make_a_page_or_are_refused_in_words(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    size: int,
    options: tuple[str, ...],
) -> None:
    one, other = small(tmp_path, size)
    out = tmp_path / "cmp"
    code = run("compare", str(one), str(other), "-o", str(out), *options)
    told = capsys.readouterr()
    if size == 1:
        assert code == 4
        assert "a comparison needs 2 a side" in told.err
        assert not any(out.iterdir())
        return
    assert code == 0
    assert (out / "report.html").is_file()
    assert "[–]" in told.out
    assert "nan" not in told.out


def test_who_was_left_out_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = small(tmp_path, 6)
    assert run("compare", str(one), str(other)) == 0
    told = capsys.readouterr().out
    assert told.count("Left out: 3 subjects like whom it has nobody.") == 1


def test_two_instruments_are_compared_only_if_asked(
    cohorts: Path, tmp_path: Path
) -> None:
    shutil.copytree(cohorts / "hot", tmp_path / "b")
    rename(tmp_path / "b", "another segmenter")
    sides = Side(cohorts / "a"), Side(tmp_path / "b")
    with pytest.raises(CohortError, match="with --any-instrument"):
        compare_cohorts(*sides)
    tables = compare_cohorts(*sides, any_instrument=True)
    for name in ("comparisons", "slopes"):
        assert tables[name]["note"].str.contains("Two instruments").all()


def test_the_command_tells_fails_and_keeps_the_tables(
    cohorts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hot, a = str(cohorts / "hot"), str(cohorts / "a")
    assert run("compare", hot, a, "-o", str(tmp_path / "ab")) == 5
    told = capsys.readouterr().out.splitlines()
    assert told[:3] == [
        "hot against a, difference in % of a",
        "n: subjects of hot with a number / effective number of a",
        "Reference weighted to the cohort's sex, age band and BMI band.",
    ]
    (liver,) = [line for line in told if line.startswith("liver  ") and "suv" in line]
    assert "+30.0 [" in liver
    assert liver.split()[-1] == "fail"
    assert any(line.startswith("fail  women: liver suv_mean +30.0 %") for line in told)
    kept = read_tables(tmp_path / "ab")["comparisons"]
    assert {"all", "women", "men"} <= set(kept["group"])
    assert "hot against a" in (tmp_path / "ab/report.html").read_text("utf-8")


def test_the_command_ends_well_where_nothing_fails(
    cohorts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(cohorts / "a", tmp_path / "twin")
    assert run("compare", str(tmp_path / "twin"), str(cohorts / "a"), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert {row["verdict"] for row in told["comparisons"]} <= {
        "pass", "inconclusive", "info",
    }  # fmt: skip


def test_a_cohort_is_no_place_for_the_tables(cohorts: Path) -> None:
    a = str(cohorts / "a")
    assert run("compare", str(cohorts / "hot"), a, "-o", a) == 1
    assert not (cohorts / "a" / "validation").exists()


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/vct-out"])
def test_a_place_that_cannot_be_written_is_told_before_anything_is_compared(
    cohorts: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    monkeypatch.setattr("vct.validation.compare_cohorts.compare_cohorts", None)
    (tmp_path / "file").touch()
    out = tmp_path / place
    assert run("compare", str(cohorts / "hot"), str(cohorts / "a"), "-o", str(out)) == 1
    assert f"{out}: cannot be written" in capsys.readouterr().err


def test_nothing_is_made_where_a_side_is_no_cohort(
    cohorts: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    sides = str(cohorts / "hot"), str(tmp_path / "empty")
    assert run("compare", *sides, "-o", str(tmp_path / "new")) == 4
    assert not (tmp_path / "new").exists()


def test_a_disk_that_is_full_is_no_bug(
    cohorts: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vct.validation.comparison_tables.write_tables", full)
    sides = str(cohorts / "hot"), str(cohorts / "a")
    assert run("compare", *sides, "-o", str(tmp_path)) == 1
    assert "cannot be written (No space left on device)" in capsys.readouterr().err


def test_a_bound_of_everything_is_refused_before_anything_is_written(
    cohorts: Path, tmp_path: Path
) -> None:
    sides = Side(cohorts / "hot"), Side(cohorts / "a")
    with pytest.raises(CohortError, match="a bound of 100 % is none"):
        compare_cohorts(*sides, bound_percent=100)
    asked = "compare", str(sides[0].folder), str(sides[1].folder), "--bound", "100"
    assert run(*asked, "-o", str(tmp_path / "out")) == 2
    assert not (tmp_path / "out").exists()
