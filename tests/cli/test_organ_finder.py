"""Where the organs of real scans come from, and what is refused."""

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from tests.autopet.test_totalsegmentator import stand_in
from tests.cli.measured_boxes import ORGANS, prepared_boxes
from tests.training.prepared_folder import phantom, write_prepared
from vct.anatomy import LABEL_OF
from vct.autopet.prepared import PreparedFolder
from vct.autopet.refusal import ScanError
from vct.cli.organ_finder import (
    OrganFinder,
    TotalSegmentator,
    alignment_mm,
    choose_finder,
)
from vct.cli.reference import study_rows
from vct.errors import VctError
from vct.models import find_model
from vct.provenance import sha256_of_file


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedFolder:
    return prepared_boxes(tmp_path_factory.mktemp("boxes") / "prepared", studies=2)


def chosen(prepared: PreparedFolder, **options: Any) -> OrganFinder:
    return choose_finder(
        prepared,
        **{
            "masks": None,
            "labels": None,
            "totalsegmentator": False,
            "unvalidated": False,
            "model": "whole-body-4mm",
            "device": "cpu",
            **options,
        },
    )


def test_the_bundled_segmenter_is_not_taken_unasked(prepared: PreparedFolder) -> None:
    with pytest.raises(
        VctError, match="trained on digital phantoms only and was never tested on"
    ):
        chosen(prepared)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"unvalidated": True, "totalsegmentator": True}, "Give one of --masks"),
        ({"labels": Path("map.yaml"), "unvalidated": True}, "give --masks"),
        ({"masks": Path("nowhere")}, "--masks nowhere is not a folder"),
    ],
)
def test_what_contradicts_itself_is_refused(
    prepared: PreparedFolder, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(VctError, match=words):
        chosen(prepared, **options)


def test_a_grid_too_coarse_for_the_segmenter_is_refused(
    prepared: PreparedFolder,
) -> None:
    with pytest.raises(VctError, match=r"reads 4 mm, and .* prepared at 16 mm\. Prep"):
        chosen(prepared, unvalidated=True)


def test_a_study_that_does_not_tell_its_shift_is_refused(tmp_path: Path) -> None:
    prepared = prepared_boxes(tmp_path / "prepared", studies=2)
    study = tmp_path / "prepared" / "studies" / "study-0" / "study.json"
    study.write_text(json.dumps({"notes": []}))
    with pytest.raises(ScanError, match="does not tell how the scan was moved"):
        alignment_mm(prepared, "study-0")


def test_totalsegmentator_is_asked_for_at_once(
    prepared: PreparedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(VctError, match=r"needs totalsegmentator, which is not inst"):
        chosen(prepared, totalsegmentator=True)


def test_totalsegmentator_sees_the_prepared_ct(
    prepared: PreparedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def segment(image: Any, *_: Any, **__: Any) -> Any:
        """What has the liver's HU is class 5; class 16 is no organ of ours."""
        ct = np.asarray(image.dataobj)
        labels = np.where(ct == ORGANS["liver"][2], 5, 0).astype(np.uint8)
        labels[0, 0, 0] = 16
        return nibabel.Nifti1Image(labels, image.affine)  # type: ignore[attr-defined]

    stand_in(monkeypatch, segment)
    finder = TotalSegmentator("TotalSegmentator 2, task total", "cpu")
    found = finder.find(prepared, "study-0")
    expected = np.zeros(prepared.grid.shape, np.uint8)
    expected[ORGANS["liver"][0]] = LABEL_OF["liver"]
    np.testing.assert_array_equal(found.labels, expected)
    assert found.source == "masks"


@pytest.mark.slow
def test_the_bundled_segmenter_measures_a_phantom(tmp_path: Path) -> None:
    folder = write_prepared(
        tmp_path, training=1, held_out=0, images=phantom, covered=[(0, 288)],
        spacing_mm=4.0,
    )  # fmt: skip
    prepared = PreparedFolder(folder)
    finder = chosen(prepared, unvalidated=True)
    weights = find_model("whole-body-4mm").folder / "segmenter.safetensors"
    known_by = sha256_of_file(weights)[:12]
    assert finder.instrument.startswith(f"bundled segmenter {known_by} (unvalidated")
    rows = study_rows(prepared, "study-0", finder.find(prepared, "study-0"))
    liver = rows.set_index("organ").loc["liver"]
    assert (liver["source"], liver["status"]) == ("segmenter", "ok")
    assert 800 < liver["volume_ml"] < 3500
    assert liver["suv_p10"] < liver["suv_mean"] < liver["suv_p90"]
