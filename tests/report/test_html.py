"""The page: complete in itself, honest, the same twice."""

import re
from html.parser import HTMLParser

import pytest

from vct.errors import CohortError
from vct.manifest import read_run, write_run
from vct.report import write_report
from vct.validation import validate_cohort

pytestmark = pytest.mark.usefixtures("known_references")


def page(out) -> str:
    return write_report(out, validate_cohort(out)).read_text("utf-8")


class Addresses(HTMLParser):
    """Every address the page names, and every script."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        self.found += [v for k, v in attrs if k in ("src", "href", "srcset", "data")]


def test_the_page_loads_nothing_and_runs_nothing(cohort_dir):
    text = page(cohort_dir)
    parser = Addresses()
    parser.feed(text)
    assert parser.scripts == 0
    assert [a for a in parser.found if not a.startswith(("data:image/", "#"))] == []
    assert "url(" not in text
    assert "@import" not in text
    assert sum(a.startswith("data:image/jpeg") for a in parser.found) == 2
    assert sum(a.startswith("data:image/svg+xml") for a in parser.found) == 4


def test_same_folder_same_bytes(cohort_dir):
    first = page(cohort_dir)
    assert page(cohort_dir) == first
    assert write_report(cohort_dir).read_text("utf-8") == first


def test_the_page_says_what_it_must(cohort_dir):
    text = page(cohort_dir)
    for sentence in (
        "20,000 digital phantoms",
        "No lesions are drawn",
        "Comparisons marked calibrated are no validation",
        "no bound is judged yet",
        "Not for clinical use",
        "To paste into a paper",
        "whole-body-4mm",
    ):
        assert sentence in text
    assert not re.search(r"(?<!never )validated", text, re.IGNORECASE)


def test_names_are_escaped(cohort_dir):
    assert "Fake &lt;cohort&gt; &amp; co" in page(cohort_dir)


def test_a_cohort_without_previews(cohort_dir):
    for path in (cohort_dir / "previews").iterdir():
        path.unlink()
    assert "built without previews" in page(cohort_dir)


def test_a_model_of_patients_is_not_called_calibrated(cohort_dir):
    run = read_run(cohort_dir / "run.json")
    run["model"]["trained_on"] = "AutoPET, 1014 studies of 900 patients"
    write_run(cohort_dir / "run.json", run)
    text = page(cohort_dir)
    assert "AutoPET, 1014 studies" in text
    assert "calibrated" not in text


def test_a_run_record_with_gaps_still_gives_a_page(cohort_dir):
    write_run(cohort_dir / "run.json", {"vct_version": "0.1.0", "model": {}})
    assert "not recorded in run.json" in page(cohort_dir)


def test_a_failed_finding_stands_on_top(cohort_dir):
    (cohort_dir / "dicom/S0001/CT/0001.dcm").unlink()
    text = page(cohort_dir)
    assert "<h3>Failed</h3>" in text
    assert text.index("<h3>Failed</h3>") < text.index('id="subjects"')


def test_a_cohort_never_validated(cohort_dir):
    with pytest.raises(CohortError, match="Run 'vct validate"):
        write_report(cohort_dir)
