"""``vct preview`` and ``contact-sheet`` on a built cohort."""

import errno
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vct.cli import main


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.fixture
def built(cohort: Path, tmp_path: Path) -> Path:
    """A copy of the cohort that may be changed."""
    return Path(shutil.copytree(cohort, tmp_path / "built"))


def vct(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_preview_from_dicom_is_the_one_that_the_build_drew(
    cohort: Path, built: Path
) -> None:
    (built / "previews" / "S0001.png").unlink()
    (built / "previews" / "S0002.png").unlink()
    assert vct("preview", built, "--only", "S0002") == 0
    assert not (built / "previews" / "S0001.png").exists()
    drawn = pixels(built / "previews" / "S0002.png")
    assert np.abs(drawn - pixels(cohort / "previews" / "S0002.png")).max() <= 1


def test_preview_names_the_subject_it_does_not_know(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vct("preview", built, "--only", "S0017") == 4
    told = capsys.readouterr().err
    assert "no finished subject S0017" in told
    assert "There are 4, such as S0001" in told


def test_a_damaged_series_keeps_the_old_preview(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (built / "previews" / "S0001.png").read_bytes()
    next((built / "dicom" / "S0001" / "CT").glob("*.dcm")).unlink()
    assert vct("preview", built) == 4
    assert "a slice is missing" in capsys.readouterr().err
    assert (built / "previews" / "S0001.png").read_bytes() == before
    assert not list((built / "previews").glob(".*"))


def test_the_sheet_shows_everybody_in_the_order_asked_for(built: Path) -> None:
    assert vct("contact-sheet", built, "--sort-by", "bmi_kg_m2", "--columns", 2) == 0
    two = pixels(built / "contact-sheet.png")
    assert vct("contact-sheet", built, "-o", built / "one.png", "--columns", 4) == 0
    four = pixels(built / "one.png")
    assert four.shape[1] > 1.9 * two.shape[1]
    assert two.shape[0] > 1.5 * four.shape[0]


def test_the_sheet_names_a_preview_that_is_missing(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (built / "previews" / "S0003.png").unlink()
    assert vct("contact-sheet", built) == 4
    told = capsys.readouterr().err
    assert "S0003.png is missing" in told
    assert f"vct preview {built}" in told
    assert not (built / "contact-sheet.png").exists()


def test_a_picture_that_is_no_preview_is_refused(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (40, 40)).save(built / "previews" / "S0003.png")
    assert vct("contact-sheet", built) == 4
    assert "no preview of this version of vct" in capsys.readouterr().err


def test_previews_of_a_read_only_cohort_are_refused_in_words(
    built: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(arguments[-1]))

    monkeypatch.setattr("vct.report.write_preview_of_volumes", refuse)
    assert vct("preview", built, "--only", "S0002") == 1
    told = capsys.readouterr().err
    assert "previews/S0002.png: cannot be written (Permission denied)" in told
    assert "draw into a copy that you may write to" in told
