"""Headers against tables: each rule broken once, and named."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from tests.validation.fake_cohort import SPEC, write_fake_cohort
from vct.manifest import load_cohort
from vct.validation.headers import header_findings

RULES = ["readable", "units", "suv", "grid", "person"]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return write_fake_cohort(tmp_path / "out", SPEC.format(size=6))


def verdicts(out: Path) -> dict[str, tuple[str, str]]:
    found = header_findings(load_cohort(out))
    return {
        f.id.removeprefix("conformance/header-"): (f.verdict, f.note) for f in found
    }


def change(out: Path, series: str, edit: Callable[[Dataset], None]) -> None:
    """Edit every header of a series of the third subject."""
    for path in (out / "dicom/S0003" / series).glob("*.dcm"):
        header = dcmread(path)
        edit(header)
        header.save_as(path)


def test_a_faultless_cohort_passes_every_rule(out: Path) -> None:
    assert verdicts(out) == dict.fromkeys(RULES, ("pass", ""))


def shifted(header: Dataset) -> None:
    header.ImagePositionPatient[2] += 4


def weightless(header: Dataset) -> None:
    header.PatientWeight = "70"


@pytest.mark.parametrize(
    ("series", "edit", "rule", "words"),
    [
        ("PT", lambda h: setattr(h, "Units", "CNTS"), "units", "units CNTS"),
        ("PT", lambda h: setattr(h, "CorrectedImage", ["DECY"]), "units",
         "not corrected for ATTN"),
        ("PT", lambda h: setattr(h, "SeriesTime", "100100"), "suv", "off by -0.629 %"),
        ("PT", shifted, "grid", "first PET slice lies x +0, y +0, z +4 mm"),
        ("CT", lambda h: setattr(h, "FrameOfReferenceUID", "2.25.9"), "grid",
         "two frames of reference"),
        ("CT", weightless, "person", "70 kg in CT, "),
    ],
)  # fmt: skip
def test_a_broken_header_is_named(
    out: Path, series: str, edit: Callable[[Dataset], None], rule: str, words: str
) -> None:
    change(out, series, edit)
    found = verdicts(out)
    verdict, note = found.pop(rule)
    assert verdict == "fail"
    assert note.startswith(f"S0003: {words}")
    assert {v for v, _ in found.values()} == {"pass"}


def test_what_is_no_dicom_is_told_and_ends_nothing(out: Path) -> None:
    (out / "dicom/S0003/PT/0001.dcm").write_bytes(b"no header")
    verdict, note = verdicts(out)["readable"]
    assert verdict == "fail"
    assert note.startswith("S0003: ")
    assert verdicts(out)["suv"] == ("pass", "")


def test_a_missing_file_is_told_elsewhere(out: Path) -> None:
    (out / "dicom/S0003/PT/0001.dcm").unlink()
    assert verdicts(out) == dict.fromkeys(RULES, ("pass", ""))
