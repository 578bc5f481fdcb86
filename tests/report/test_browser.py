"""The page in a browser: silent, sortable, filterable, printable."""

import os
from pathlib import Path

import pytest

from tests.report.browser import CHROMIUM, chromium, opened
from tests.report.compared import compared_tables, judged
from vct.report import write_report
from vct.validation import validate_cohort
from vct.validation.comparison_tables import write_tables

pytest.importorskip("playwright", reason="playwright is not installed")
pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]
MEANS = "#table-means"


@pytest.fixture(scope="module")
def report(pristine_cohort, tmp_path_factory) -> Path:
    """A page with a planted fault."""
    import shutil

    out = shutil.copytree(pristine_cohort, tmp_path_factory.mktemp("page") / "out")
    findings, tables = validate_cohort(out), compared_tables()
    write_tables(out, tables)
    return write_report(out, [*findings, *judged(tables)])


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def seen(browser, report):
    return opened(browser, report)


def column(page, name: str) -> list[str]:
    """Texts of a column of the table of means, rows that are shown."""
    heads = page.locator(f"{MEANS} thead th").all_inner_texts()
    index = next(i for i, head in enumerate(heads) if head.startswith(name)) + 1
    cells = page.locator(f"{MEANS} tbody tr:not([hidden]) > :nth-child({index})")
    return cells.all_inner_texts()


def values(page) -> list[float]:
    """Differences in the order of the rows; none as they stand."""
    texts = column(page, "difference")
    return [float(t.replace("−", "-")) for t in texts if t != "–"]


def head(page, name: str):
    return page.locator(f"{MEANS} thead th").filter(has_text=name).first


def test_the_console_is_silent_and_nothing_is_asked_of_the_network(seen, report):
    seen.page.wait_for_load_state("networkidle")
    artefacts = Path(os.environ.get("VCT_TEST_ARTIFACTS", report.parent))
    artefacts.mkdir(parents=True, exist_ok=True)
    shot = artefacts / "report.png"
    seen.page.screenshot(path=shot, full_page=True)
    assert shot.stat().st_size > 100_000
    assert seen.console == []
    outside = [u for u in seen.requests if not u.startswith(("data:", "file:"))]
    assert outside == []
    assert [u for u in seen.requests if u.startswith("file:")] == [report.as_uri()]


def test_every_picture_is_drawn(seen):
    widths = seen.page.eval_on_selector_all(
        "img", "all => all.map(i => i.naturalWidth)"
    )
    assert len(widths) >= 7
    assert min(widths) > 100


def test_a_click_sorts_by_number_both_ways(seen):
    before = values(seen.page)
    assert before != sorted(before)
    difference = head(seen.page, "difference")
    difference.get_by_role("button").click()
    assert values(seen.page) == sorted(before)
    assert difference.get_attribute("aria-sort") == "ascending"
    difference.get_by_role("button").click()
    assert values(seen.page) == sorted(before, reverse=True)
    assert difference.get_attribute("aria-sort") == "descending"


def test_the_keyboard_sorts_too(seen):
    organ = head(seen.page, "organ")
    organ.get_by_role("button").focus()
    seen.page.keyboard.press("Enter")
    names = column(seen.page, "organ")
    assert names == sorted(names)
    assert organ.get_attribute("aria-sort") == "ascending"
    assert seen.page.locator(f"{MEANS} th[aria-sort]").count() == 1


def test_words_and_verdicts_filter(seen):
    tools = seen.page.locator(f".tools:has(+ .wide {MEANS})")
    everything = len(column(seen.page, "organ"))
    tools.locator("input").fill("men spleen")
    assert set(column(seen.page, "organ")) == {"spleen"}
    assert set(column(seen.page, "group")) == {"men"}
    shown = len(column(seen.page, "organ"))
    assert tools.get_by_role("status").inner_text() == f"{shown} of {everything} rows"
    tools.locator("input").fill("")
    tools.locator("select").select_option("fail")
    # Spleens were narrowed about the mean of both sexes, so that women's grew.
    assert set(column(seen.page, "organ")) == {"liver", "spleen"}
    tools.locator("select").select_option("any verdict")
    assert len(column(seen.page, "organ")) == everything


def test_print_shows_every_row_and_no_controls(seen):
    tools = seen.page.locator(f".tools:has(+ .wide {MEANS})")
    tools.locator("input").fill("liver")
    hidden = seen.page.locator(f"{MEANS} tbody tr[hidden]")
    assert hidden.count() > 0
    assert not hidden.first.is_visible()
    seen.page.emulate_media(media="print")
    assert hidden.first.is_visible()
    assert not tools.is_visible()
    assert not seen.page.locator("nav").is_visible()
    seen.page.emulate_media(media="screen")
    tools.locator("input").fill("")


def test_a_heading_holds_no_button(seen):
    # Chromium repeats a heading on every sheet only without one (seen in version 156).
    assert seen.page.locator("th [role=button]").count() > 50
    assert seen.page.locator("th button").count() == 0


def test_the_page_reads_without_scripts(browser, report):
    page = opened(browser, report, java_script_enabled=False).page
    rows = page.locator(f"{MEANS} tbody tr")
    assert rows.count() > 100
    assert rows.last.is_visible()
    assert page.locator(".tools").count() == 0
    assert page.locator("th [role=button]").count() == 0
