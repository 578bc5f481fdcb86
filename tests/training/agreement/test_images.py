"""Images for the plotter: both sets of the same people, complete, and kept."""

from pathlib import Path

import numpy as np
import pytest

from tests.cascade.tiny import tiny_cascade
from vct.errors import ModelError
from vct.training.agreement.images import write_images
from vct.training.agreement.members import drawn_people, members
from vct.training.agreement.reading import read_batch
from vct.training.agreement.sources import Sampled
from vct.validation.image_folder import folder_statistics


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("images")
    write_images(tiny_cascade(), out, 2, seed=5, log=lambda _: None)
    return out


def test_both_sets_hold_every_subject(written: Path) -> None:
    for name in ("generated", "phantom"):
        files = sorted(path.name for path in (written / name).iterdir())
        assert files == ["000000.npz", "000001.npz"]
        with np.load(written / name / files[0]) as held:
            assert held["ct_hu"].shape == held["suv"].shape == held["labels"].shape
            assert held["spacing_mm"].tolist() == [16.0, 16.0, 16.0]
            assert held["suv"].min() >= 0


def test_images_are_those_that_are_measured(written: Path) -> None:
    cascade = tiny_cascade()
    [member] = members("generated", drawn_people(5, 1))
    encoded = Sampled(cascade, 5).volumes([member])
    [subject], _ = read_batch(cascade, encoded, [member])
    with np.load(written / "generated" / "000000.npz") as held:
        assert held["suv"].max() == pytest.approx(subject["suv_max_field"], rel=1e-6)
        assert held["ct_hu"].mean() == pytest.approx(subject["hu_mean_field"], rel=1e-5)


def test_the_plotter_reads_them(written: Path) -> None:
    found = dict(folder_statistics(written / "phantom"))
    assert [*found] == ["000000", "000001"]


def test_what_is_there_is_kept(written: Path) -> None:
    path = written / "phantom" / "000001.npz"
    before, lines = path.stat().st_mtime_ns, []
    (written / "phantom" / "000000.npz").unlink()
    write_images(tiny_cascade(), written, 2, seed=5, log=lines.append)
    assert path.stat().st_mtime_ns == before
    assert lines == [str(written / "phantom" / "000000.npz")]


def test_a_model_without_segmenter_is_refused(tmp_path: Path) -> None:
    cascade = tiny_cascade()
    cascade.segmenter = None
    with pytest.raises(ModelError, match="no segmenter"):
        write_images(cascade, tmp_path, 1, seed=5)
