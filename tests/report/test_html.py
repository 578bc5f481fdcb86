"""The page: complete in itself, honest, the same twice."""

import base64
import hashlib
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from tests.report.compared import compared_tables, judged
from tests.validation.fake_cohort import SPEC, write_fake_cohort
from vct.errors import CohortError
from vct.manifest import read_run, write_run
from vct.report import write_report
from vct.validation import validate_cohort
from vct.validation.comparison_tables import write_tables

pytestmark = pytest.mark.usefixtures("known_references")


def page(out) -> str:
    return write_report(out, validate_cohort(out)).read_text("utf-8")


def compared_page(out) -> str:
    """With a reference of one's own, judged by."""
    findings, tables = validate_cohort(out), compared_tables()
    write_tables(out, tables)
    return write_report(out, [*findings, *judged(tables)]).read_text("utf-8")


def old_page(out) -> str:
    """Of a cohort from before there were tables of comparisons."""
    findings = validate_cohort(out)
    for path in (out / "validation").iterdir():
        path.unlink()
    return write_report(out, findings).read_text("utf-8")


@pytest.fixture(scope="module")
def pages(pristine_cohort, tmp_path_factory) -> dict[str, tuple[Path, str]]:
    """Folder and page with the built-in references, with one's own, with none."""
    found = {}
    for write in (page, compared_page, old_page):
        out = tmp_path_factory.mktemp("page") / "out"
        shutil.copytree(pristine_cohort, out)
        found[write.__name__] = out, write(out)
    return found


class Elements(HTMLParser):
    """Addresses, inline scripts and styles, headings, and pictures of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: dict[str, list[str]] = {"script": [], "style": []}
        self.attributes: list[tuple[str, dict]] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        names = ("src", "href", "srcset", "data", "action")
        self.addresses += [v for k, v in attrs if k in names]
        self.attributes.append((tag, dict(attrs)))
        self._inside = tag if tag in self.inline else ""

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside:
            self.inline[self._inside].append(data)

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.attributes if name == tag]


def test_the_page_loads_nothing(pages):
    _, text = pages["page"]
    elements = Elements(text)
    outside = [
        address
        for address in elements.addresses
        if not address.startswith(("data:", "#", "report/tables/"))
    ]
    assert outside == []
    assert "url(" not in text
    assert "@import" not in text
    assert sum(a.startswith("data:image/jpeg") for a in elements.addresses) == 2
    assert sum(a.startswith("data:image/svg+xml") for a in elements.addresses) == 6


def test_the_policy_names_the_only_script_and_style(pages):
    elements = Elements(pages["page"][1])
    policy = next(
        meta["content"]
        for meta in elements.all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    for tag, (text,) in elements.inline.items():
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    handlers = [k for _, a in elements.attributes for k in a if k.startswith("on")]
    assert handlers == []
    assert not any("style" in a for _, a in elements.attributes)


def test_every_link_to_a_table_leads_to_its_file(pages):
    out, text = pages["compared_page"]
    links = [
        address
        for address in Elements(text).addresses
        if address.startswith("report/tables/")
    ]
    names = {link.rsplit("/", 1)[1] for link in links}
    assert {"means.csv", "subgroups.parquet", "slopes.csv", "histograms.csv"} <= names
    written = {path.name for path in (out / "report/tables").iterdir()}
    assert names == written


def test_headings_and_pictures_speak(pages):
    elements = Elements(pages["compared_page"][1])
    assert all(image.get("alt") for image in elements.all("img"))
    assert {th.get("scope") for th in elements.all("th")} == {"col", "row"}
    assert len(elements.all("caption")) == len(elements.all("table"))
    ids = [a["id"] for _, a in elements.attributes if "id" in a]
    assert len(ids) == len(set(ids))
    inside = {a[1:] for a in elements.addresses if a.startswith("#")}
    assert inside <= set(ids)


def test_same_folder_same_bytes(cohort_dir):
    first = page(cohort_dir)
    tables = {
        path.name: path.read_bytes()
        for path in (cohort_dir / "report/tables").iterdir()
    }
    assert page(cohort_dir) == first
    assert write_report(cohort_dir).read_text("utf-8") == first
    for name, data in tables.items():
        assert (cohort_dir / "report/tables" / name).read_bytes() == data


@pytest.mark.parametrize("kind", ["page", "compared_page", "old_page"])
def test_the_page_says_what_it_must(pages, kind):
    _, text = pages[kind]
    for sentence in (
        "20,000 digital phantoms",
        "No lesions are drawn",
        "Comparisons marked calibrated are no validation",
        "Not for clinical use",
        "To paste into a paper",
        "whole-body-4mm",
        *("Congruence", "Coverage", "Constraint", "Completeness"),
        *("Compliance", "Comprehension", "Consistency"),
    ):
        assert sentence in text
    assert not re.search(r"(?<!never )validated", text, re.IGNORECASE)


@pytest.mark.parametrize("kind", ["page", "compared_page"])
def test_limits_are_those_of_the_built_in_references(pages, kind):
    _, text = pages[kind]
    assert "of no built-in reference: those were measured with TotalSegmentator" in text
    assert "by sex, hedyPET&#39;s also by sex and age band" in text


def test_only_the_built_in_references_are_what_the_phantoms_were_fitted_to(pages):
    claim = "Agreement with the built-in references is calibrated"
    assert claim in pages["page"][1]
    assert claim in pages["old_page"][1]
    assert claim not in pages["compared_page"][1]


def test_without_a_named_reference_nothing_is_judged_and_the_page_says_so(pages):
    assert "counts in no verdict above: no reference was named" in pages["page"][1]
    assert "No published histogram" in pages["page"][1]
    assert "no reference was named" not in pages["compared_page"][1]
    assert "No published histogram" not in pages["compared_page"][1]


@pytest.mark.parametrize(
    ("verdict", "told"), [("inconclusive", True), ("pass", False), ("fail", False)]
)
def test_what_is_inconclusive_is_no_failure(pristine_cohort, tmp_path, verdict, told):
    out = shutil.copytree(pristine_cohort, tmp_path / "out")
    worst = replace(validate_cohort(out)[0], verdict=verdict)
    text = write_report(out, [worst]).read_text("utf-8")
    assert ("Nothing failed; the inconclusive could not be judged" in text) == told


def test_a_reference_too_few_are_judged_by_is_not_called_unnamed(cohort_dir):
    findings = validate_cohort(cohort_dir, reference=["hedypet-fit"])
    text = write_report(cohort_dir, findings).read_text("utf-8")
    assert "or fewer than 20 values a side were there to judge" in text


def test_a_planted_fault_stands_on_top(pages):
    _, text = pages["compared_page"]
    first_screen = text[: text.index("table-scorecard")]
    assert re.search(r"liver, mean SUV, mean, against A clinic.*all \+\d", first_screen)
    assert "spleen, volume [mL], standard deviation" in first_screen


def test_a_cohort_without_comparisons_says_what_to_run(pages):
    _, text = pages["old_page"]
    assert "Run <code>vct validate</code>" in text
    assert 'id="table-organs"' in text
    assert "reference mean" in text
    assert 'id="table-means"' not in text


def test_a_cohort_of_two_is_told_why_nothing_was_compared(tmp_path):
    pair = "quotas:\n  - {sex: F, count: 1}\n  - {sex: M, count: 1}\n"
    spec = SPEC.format(size=2) + pair
    told = page(write_fake_cohort(tmp_path / "out", spec))
    assert "fewer than 2 subjects of a sex" in told
    assert "has no tables of comparisons" not in told


def test_a_reference_of_nobody_alike_is_a_reason_too(cohort_dir):
    findings, tables = validate_cohort(cohort_dir), compared_tables()
    write_tables(cohort_dir, {name: df.iloc[:0] for name, df in tables.items()})
    told = write_report(cohort_dir, findings).read_text("utf-8")
    assert "a reference of your own must have people like them" in told


def test_a_reference_of_few_people_is_not_called_a_summary(cohort_dir):
    findings, tables = validate_cohort(cohort_dir), compared_tables()
    tables["comparisons"]["ks"] = float("nan")  # as of fewer than 20 a side
    write_tables(cohort_dir, tables)
    told = write_report(cohort_dir, findings).read_text("utf-8")
    assert "20 values a side: a summary has none, or there were fewer." in told


def test_a_table_too_long_is_cut_on_the_page_only(cohort_dir):
    findings, tables = validate_cohort(cohort_dir), compared_tables()
    rows = tables["comparisons"]
    tables["comparisons"] = pd.concat([rows] * 3, ignore_index=True)
    write_tables(cohort_dir, tables)
    text = write_report(cohort_dir, findings).read_text("utf-8")
    whole = pd.read_parquet(cohort_dir / "report/tables/subgroups.parquet")
    assert len(whole) > 1500
    assert f"The page shows 1500 of {len(whole)} rows" in text
    start = text.index('id="table-subgroups"')
    table = text[start : text.index("</table>", start)]
    assert table.count("<tr") == 1501


def test_a_table_of_subjects_is_not_called_sampled(cohort_dir):
    assert "Demographics were sampled from the specification" in page(cohort_dir)
    head, _, tail = SPEC.format(size=24).partition(
        "population:\n  preset: autopet-fdg\n"
    )
    spec = f"{head}subjects_file: people.csv\n{tail}"
    (cohort_dir / "cohort.yaml").write_text(spec)
    text = page(cohort_dir)
    assert "Demographics were given subject by subject in a table" in text


def test_names_are_escaped(pages):
    assert "Fake &lt;cohort&gt; &amp; co" in pages["page"][1]


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


def test_a_damaged_table_of_comparisons_is_named(cohort_dir):
    findings = validate_cohort(cohort_dir)
    (cohort_dir / "validation/comparisons.parquet").write_bytes(b"no table")
    with pytest.raises(CohortError, match=r"comparisons\.parquet cannot be read"):
        write_report(cohort_dir, findings)
