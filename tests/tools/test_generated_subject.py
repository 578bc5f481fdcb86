"""The witnesses on subjects that a model drew, as ``vct build`` leaves them."""

from pathlib import Path
from typing import Any

import pytest

import vct.dicom
from tests.cascade.tiny import write_tiny_model
from tests.e2e.conftest import SPEC
from tests.tools.witness import witness_subject
from vct.build import build_cohort
from vct.errors import ModelError
from vct.models import find_model

pytestmark = pytest.mark.tools


def built(
    folder: Path, model: Path | str, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Any, Any]:
    """Folder of one built subject, its stored images, and the subject."""
    written = []
    write = vct.dicom.write_subject

    def keep(images: Any, subject: Any, study: Any, partial: Path) -> Any:
        written.append((images, subject))
        return write(images, subject, study, partial)

    monkeypatch.setattr(vct.dicom, "write_subject", keep)
    spec = folder / "spec.yaml"
    spec.write_text(SPEC.format(model=model))
    [subject] = build_cohort(spec, folder / "out", workers=0, limit=1)
    return subject.folder, *written[0]


def test_a_subject_of_a_tiny_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = write_tiny_model(tmp_path / "tiny")
    results = witness_subject(*built(tmp_path, model, monkeypatch))
    assert results["QIBA oracle"] == results["highdicom"] == "agrees"


@pytest.mark.slow
def test_a_subject_of_the_bundled_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        find_model("whole-body-4mm").check_files()
    except ModelError as error:
        pytest.skip(str(error))
    results = witness_subject(*built(tmp_path, "whole-body-4mm", monkeypatch))
    assert results["QIBA oracle"] == results["highdicom"] == "agrees"
