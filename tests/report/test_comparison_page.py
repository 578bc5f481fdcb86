"""The page of two cohorts: what differs stands on top, and every table beside it."""

import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.report.browser import CHROMIUM, chromium, opened
from tests.validation.fake_cohort import SPEC, write_fake_cohort
from vct.manifest import ORGANS, load_cohort
from vct.manifest.schema import SCHEMA_VERSION
from vct.manifest.write import write_table
from vct.report import write_comparison
from vct.validation.compare_cohorts import Side, compare_cohorts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cohort ``old``, and ``new`` with livers 30 % hotter; compared in ``page``."""
    folder = tmp_path_factory.mktemp("two")
    write_fake_cohort(folder / "old", SPEC.format(size=60))
    path = folder / "old" / "organs.parquet"
    organs = pd.read_parquet(path).assign(status="ok", touches_edge=False)
    write_table(organs, path, ORGANS, SCHEMA_VERSION)
    shutil.copytree(folder / "old", folder / "new")
    organs.loc[organs["organ"] == "liver", "suv_mean"] *= 1.3
    write_table(organs, folder / "new/organs.parquet", ORGANS, SCHEMA_VERSION)
    (folder / "page").mkdir()
    compared(folder, "page")
    return folder


def compared(folder: Path, name: str) -> Path:
    sides = Side(folder / "new"), Side(folder / "old")
    tables = compare_cohorts(*sides)
    cohorts = [(side, load_cohort(side.folder)) for side in sides]
    return write_comparison(cohorts, tables, folder / name, bound_percent=5.0)


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "page/report.html").read_text("utf-8")


def test_the_page_says_what_was_compared_and_what_it_is_worth(page: str) -> None:
    assert "<h1>new against old</h1>" in page
    assert "Training data of both models: 20,000 digital phantoms" in page
    assert "That they agree says nothing about people." in page
    assert page.count("60 subjects: ") == 2
    assert "not judged.</p>" not in page.split("</section>")[0]


def test_the_planted_fault_stands_on_top_and_alone(page: str) -> None:
    (failed,) = re.findall(r"<h3>Failed</h3>\s*<ul>(.*?)</ul>", page, re.DOTALL)
    lines = re.findall("<li>(.*?)</li>", failed)
    assert len(lines) == 1
    assert lines[0].startswith("liver, mean SUV, mean, against cohort")
    assert "all +30.0 %" in lines[0]


def test_counts_are_those_of_the_tables(folder: Path, page: str) -> None:
    means = pd.read_csv(folder / "page/report/tables/means.csv")
    (row,) = re.findall(r"means of everybody, women and men</th>(.*?)</tr>", page)
    told = [cell.replace("–", "0") for cell in re.findall(">([^<>]+)</td>", row)]
    kinds = ("fail", "inconclusive", "pass", "info")
    assert list(map(int, told)) == [(means["verdict"] == kind).sum() for kind in kinds]


def test_histograms_of_both_are_drawn(folder: Path, page: str) -> None:
    assert page.count("data:image/svg+xml") == 3
    df = pd.read_csv(folder / "page/report/tables/histograms.csv")
    assert df["reference_share"].notna().all()
    assert set(df["reference"]) == {"old"}


def test_organs_of_which_none_was_found_still_give_a_page(
    folder: Path, tmp_path: Path
) -> None:
    for name in ("new", "old"):
        shutil.copytree(folder / name, tmp_path / name)
        path = tmp_path / name / "organs.parquet"
        organs = pd.read_parquet(path).assign(status="not_found")
        write_table(organs, path, ORGANS, SCHEMA_VERSION)
    (tmp_path / "page").mkdir()
    page = compared(tmp_path, "page").read_text("utf-8")
    assert "<h1>new against old</h1>" in page


def test_the_same_cohorts_give_the_same_bytes(folder: Path) -> None:
    (folder / "again").mkdir()
    again = compared(folder, "again")
    assert again.read_bytes() == (folder / "page/report.html").read_bytes()


@pytest.mark.tools
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_the_page_is_silent_in_a_browser(folder: Path) -> None:
    pytest.importorskip("playwright", reason="playwright is not installed")
    path = folder / "page/report.html"
    with chromium() as browser:
        seen = opened(browser, path)
        seen.page.wait_for_load_state("networkidle")
        artefacts = Path(os.environ.get("VCT_TEST_ARTIFACTS", path.parent))
        artefacts.mkdir(parents=True, exist_ok=True)
        seen.page.screenshot(path=artefacts / "comparison.png", full_page=True)
        assert seen.console == []
        outside = [u for u in seen.requests if not u.startswith(("data:", "file:"))]
        assert outside == []
        rows = seen.page.locator("#table-means tbody tr:not([hidden])")
        everything = rows.count()
        seen.page.locator("select").first.select_option("fail")
        assert 0 < rows.count() < everything
