"""TotalSegmentator's interface, with a module in its place that knows the truth."""

import sys
from types import ModuleType
from typing import Any

import nibabel
import numpy as np
import pytest

from vct.autopet.refusal import ScanError
from vct.autopet.totalsegmentator import (
    require_totalsegmentator,
    totalsegmentator_labels,
)
from vct.errors import VctError
from vct.grid import Grid

GRID = Grid((6, 5, 4), (8.0, 4.0, 2.0), (-20.0, -9.0, 3.0))


def stand_in(monkeypatch: pytest.MonkeyPatch, function: Any) -> None:
    """Put a function in the place of ``totalsegmentator.python_api``'s."""
    package, api = ModuleType("totalsegmentator"), ModuleType("python_api")
    api.totalsegmentator = function  # type: ignore[attr-defined]
    package.python_api = api  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "totalsegmentator", package)
    monkeypatch.setitem(sys.modules, "totalsegmentator.python_api", api)


def test_it_is_given_the_ct_in_its_own_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def segment(image: Any, output: Any = None, **options: Any) -> Any:
        asked.update(options, output=output)
        # It labels what is right of x = -4 mm in RAS, and lies above z = 0.
        i, _, k = np.meshgrid(*(range(n) for n in image.shape), indexing="ij")
        x = image.affine[0, 0] * i + image.affine[0, 3]
        z = image.affine[2, 2] * k + image.affine[2, 3]
        seen = np.asarray(image.dataobj) == 60
        return nibabel.Nifti1Image(  # type: ignore[attr-defined]
            (5 * (seen & (x > -8) & (z > 0))).astype(np.uint8), image.affine
        )

    stand_in(monkeypatch, segment)
    ct = np.full(GRID.shape, -1000, np.int16)
    ct[2:, 1, :] = 60
    labels = totalsegmentator_labels(ct, GRID, "cuda:1")
    expected = np.zeros(GRID.shape)
    # LPS x = 3, 5, 7, 9 is RAS -3 … -9; z = -20, -12, -4, 4, 12, 20.
    expected[3:, 1, :3] = 5
    np.testing.assert_array_equal(labels, expected)
    assert asked == {
        "output": None, "ml": True, "task": "total", "quiet": True, "device": "gpu:1",
    }  # fmt: skip


def test_another_grid_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def segment(image: Any, *_: Any, **__: Any) -> Any:
        return nibabel.Nifti1Image(np.zeros((2, 2, 2), np.uint8), image.affine)  # type: ignore[attr-defined]

    stand_in(monkeypatch, segment)
    with pytest.raises(ScanError, match="voxels at another place than"):
        totalsegmentator_labels(np.zeros(GRID.shape, np.int16), GRID, "cpu")


def test_without_it_the_way_to_get_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(VctError, match=r"pip install 'vct\[totalsegmentator\]'"):
        require_totalsegmentator()


def test_its_version_is_part_of_the_instrument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr("importlib.metadata.version", lambda name: "2.18.0")
    assert require_totalsegmentator() == "TotalSegmentator 2.18.0, task total"
