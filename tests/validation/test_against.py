"""References a user names: chosen, refused, judged by."""

import shutil

import pytest

from tests.validation.fake_cohort import SPEC, write_fake_cohort
from vct.cli.main import main
from vct.errors import CohortError
from vct.manifest import load_cohort
from vct.measured import SUV_BIN_EDGES
from vct.validation import validate_cohort
from vct.validation.against import Asked
from vct.validation.comparison_tables import read_tables
from vct.validation.organs import CUT_BY_EVERY_FIELD
from vct.validation.reference_file import (
    COLUMNS,
    HISTOGRAM,
    ReferenceFile,
    cohort_instrument,
    write_reference,
)


@pytest.fixture(scope="module")
def large_cohort(tmp_path_factory):
    """Enough subjects of both sexes to be judged; never changed."""
    out = tmp_path_factory.mktemp("large") / "out"
    return write_fake_cohort(out, SPEC.format(size=72))


@pytest.fixture
def cohort_dir(large_cohort, tmp_path):
    return shutil.copytree(large_cohort, tmp_path / "out")


@pytest.fixture
def own(cohort_dir, tmp_path):
    """The cohort itself as a reference file, its liver's SUV as asked for."""

    def written(*, liver: float = 1.0, instrument: str | None = None) -> str:
        cohort = load_cohort(cohort_dir)
        people = cohort.subjects.assign(subject_key=cohort.subjects["subject_id"])
        rows = cohort.organs.merge(people, on="subject_id")
        rows.loc[rows["organ"] == "liver", "suv_mean"] *= liver
        cut = rows["touches_edge"] & ~rows["organ"].isin(CUT_BY_EVERY_FIELD)
        rows.loc[cut, "status"] = "cut_by_field"  # a reference has no other word
        columns = [*COLUMNS, HISTOGRAM]
        reference = ReferenceFile(
            rows=rows.reindex(columns=columns).astype({HISTOGRAM: object}),
            instrument=instrument or cohort_instrument(cohort.run),
            source="a clinic",
            created_by="a test",
            suv_bin_edges=SUV_BIN_EDGES,
            left_out={},
        )
        reference.rows[HISTOGRAM] = None
        return str(write_reference(reference, tmp_path / "clinic.parquet"))

    return written


def judged(out, *references, **how):
    findings = validate_cohort(out, reference=references, **how)
    return {f.id: f for f in findings if f.id.startswith(("compare/", "slope/"))}


def test_built_in_references_are_shown_and_do_not_judge(cohort_dir):
    assert judged(cohort_dir) == {}
    df = read_tables(cohort_dir)["comparisons"]
    assert set(df["reference"]) == {"autopet-published", "hedypet-fit"}
    assert set(df["evidence"]) == {"calibrated"}
    primary = df[df["primary"]]
    assert set(primary.loc[primary["organ"] == "liver", "reference"]) == {
        "autopet-published"
    }
    assert set(primary.loc[primary["organ"] == "spleen", "reference"]) == {
        "hedypet-fit"
    }
    slopes = read_tables(cohort_dir)["slopes"]
    assert set(slopes["reference"]) == {"hedypet-fit"}
    told = slopes.query("organ == 'liver' and quantity == 'suv_mean'")
    assert told["reference_slope"].notna().all()
    assert set(told["n_reference"]) == {30}


def test_a_named_built_in_reference_judges_and_says_calibrated(cohort_dir):
    found = judged(cohort_dir, "autopet-published")
    assert {f.organ for f in found.values()} == {"liver", "heart", "kidneys"}
    assert {f.kind for f in found.values()} == {"calibrated"}
    assert all(f.note.startswith("Calibrated") for f in found.values())


def test_a_cohort_agrees_with_itself(cohort_dir, own):
    found = judged(cohort_dir, own())
    assert found
    assert {f.verdict for f in found.values()} <= {"pass", "inconclusive"}
    mean = found["compare/clinic/liver/suv_mean/all/mean"]
    assert mean.difference_percent == pytest.approx(0.0, abs=1e-9)
    assert mean.bound == pytest.approx((0.95 * mean.value, 1.05 * mean.value))
    assert mean.kind == "published"


def test_a_liver_too_hot_fails_and_is_named(cohort_dir, own):
    found = judged(cohort_dir, own(liver=0.7))
    failed = {f.organ for f in found.values() if f.verdict == "fail"}
    assert failed == {"liver"}


def test_another_instrument_is_refused_unless_asked_for(cohort_dir, own):
    path = own(instrument="TotalSegmentator 2.4, task total")
    with pytest.raises(CohortError, match="--any-instrument"):
        judged(cohort_dir, path)
    found = judged(cohort_dir, path, any_instrument=True)
    assert all("Two instruments" in f.source for f in found.values())


def test_a_name_that_is_none_is_refused_before_anything_is_written(cohort_dir):
    with pytest.raises(CohortError, match="no reference is called 'autopet'"):
        judged(cohort_dir, "autopet")
    assert not (cohort_dir / "validation").exists()


@pytest.mark.parametrize(
    "references",
    [
        ("here/reference.parquet", "there/reference.parquet"),
        ("hedypet-fit", "hedypet-fit"),
        ("hedypet-fit.parquet",),
    ],
)
def test_references_have_names_of_their_own(references):
    with pytest.raises(CohortError, match="would both be called '"):
        Asked(references)


def test_references_of_other_names_go_together():
    Asked(("autopet-published", "hedypet-fit", "here/clinic.parquet", "ward.parquet"))


def test_a_reference_that_is_none_is_told_before_hours_of_measuring(
    cohort_dir, monkeypatch, capsys
):
    measured: list[object] = []
    monkeypatch.setattr(
        "vct.cli.remeasure.remeasure_organs", lambda *args: measured.append(args)
    )
    with pytest.raises(SystemExit) as ended:
        main(["validate", str(cohort_dir), "--remeasure", "--reference", "typo"])
    assert ended.value.code == 4
    assert "no reference is called 'typo'" in capsys.readouterr().err
    assert not measured


@pytest.mark.parametrize("bound", [0, 0.05, 99.5])
def test_a_bound_must_be_a_percentage(bound):
    words = f"a bound of {bound} % is none; name a percentage from 0.1 to 99"
    with pytest.raises(CohortError, match=words):
        Asked(bound_percent=bound)


@pytest.mark.parametrize("command", ["validate", "compare"])
def test_commands_take_the_same_bounds(cohort_dir, command, capsys):
    folders = [str(cohort_dir)] * (2 if command == "compare" else 1)
    with pytest.raises(SystemExit) as end:
        main([command, *folders, "--bound", "0.05"])
    assert end.value.code == 2
    assert "greater than or equal to 0.1" in capsys.readouterr().err


def test_bands_of_age_are_judged_by_the_fit(cohort_dir):
    judged(cohort_dir, "hedypet-fit")
    df = read_tables(cohort_dir)["comparisons"]
    bands = df[df["group_kind"] == "sex x age"]
    assert set(bands["reference"]) == {"hedypet-fit"}
    assert set(bands["n_reference"]) == {30}
    spleen = bands[(bands["organ"] == "spleen") & (bands["quantity"] == "suv_mean")]
    assert set(spleen["group"]) <= {
        f"{sex}, {band}"
        for sex in ("women", "men")
        for band in ("age <50", "age 50-65", "age >65")
    }
    assert spleen["primary"].all()
    assert not bands.loc[bands["organ"] == "liver", "primary"].any()
