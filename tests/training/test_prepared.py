"""Prepared studies as training sees them: what is read, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests.training.prepared_folder import write_prepared
from vct.cascade.condition import CONDITION
from vct.cascade.encode import decode
from vct.errors import ModelError, SpecError, VctError
from vct.training.coarse import factor_to
from vct.training.config import PreparedData
from vct.training.prepared import PreparedCache
from vct.training.provenance import (
    _ALMOST_ALL,
    _range,
    longest,
    read_record,
    record_of,
    sentence_of,
    warnings_of,
)


def cache_of(folder: Path, **settings: object) -> PreparedCache:
    return PreparedCache(PreparedData(prepared=folder, **settings), device="cpu")  # type: ignore[arg-type]


def test_images_come_back_as_they_were_prepared(tmp_path: Path) -> None:
    cache = cache_of(write_prepared(tmp_path, covered=[(8, 60), (0, 72)]))
    assert (list(cache.training), list(cache.held_out)) == ([0, 1, 2, 3], [4, 5])
    for index, _ in enumerate(cache.volumes(cache.training)):
        hu, suv = decode(cache.encoded(index))
        ct, pet, covered = (
            np.load(tmp_path / "studies" / f"study-{index}" / f"{part}.npy")
            for part in ("ct_hu", "suv", "coverage")
        )
        np.testing.assert_allclose(hu, ct, atol=0.01)
        np.testing.assert_allclose(suv, pet, atol=1e-3)
        np.testing.assert_array_equal(cache.coverage(index), covered)


def test_a_slab_is_a_part_of_the_volume_and_a_window_of_the_field(
    tmp_path: Path,
) -> None:
    whole = cache_of(write_prepared(tmp_path))
    torch.testing.assert_close(whole.slab(1, 8, 20), whole.encoded(1)[:, 8:20])
    part = cache_of(tmp_path, window_mm=((-704, 64), (-192, 192), (-224, 224)))
    assert part.grid.shape == (48, 24, 28)
    assert part.grid.fov_mm == (768, 384, 448)
    torch.testing.assert_close(part.encoded(1), whole.encoded(1)[:, 8:56, :, 2:30])
    torch.testing.assert_close(part.coverage(1), whole.coverage(1)[8:56, :, 2:30])
    for axis, first in enumerate((8, 0, 2)):
        assert part.grid.centers_mm(axis)[0] == whole.grid.centers_mm(axis)[first]


def test_unknown_height_and_weight_raise_their_flags(tmp_path: Path) -> None:
    known = [1.7, None, 1.6, 1.8, 1.7, None]
    folder = write_prepared(tmp_path, height_m=known, bmi_kg_m2=None)
    condition = cache_of(folder).condition(range(6))
    flags = condition[:, CONDITION.index("height_unknown")]
    assert flags.tolist() == [height is None for height in known]
    assert condition[:, CONDITION.index("bmi_unknown")].tolist() == [1.0] * 6
    assert condition[:, CONDITION.index("bmi")].tolist() == [0.0] * 6


def test_the_record_says_who_was_trained_on(tmp_path: Path) -> None:
    heights = [1.7, None, 1.6, 1.8, 1.7, 1.7]
    folder = write_prepared(
        tmp_path, height_m=heights, covered=[(0, 72), (0, 72), (16, 60)]
    )
    record = record_of(cache_of(folder, min_subjects_per_slice=4))
    assert sentence_of(record) == (
        "FDG PET/CT of patients: 4 studies of 2 patients from FDG-PET-CT-Lesions, "
        "prepared at 16 mm; height unknown in 1 of 4."
    )
    assert record["subjects_per_slice"] == [[16, 3], [44, 4], [12, 3]]
    assert record["written_slices"] == [16, 60]
    assert record["conditioning_ranges"]["height_m"] == [1.6, 1.8]
    assert record["protocol"]["injected_mbq_per_kg"] == [4.0, 4.0]
    assert json.loads(json.dumps(record)) == record
    [warning] = warnings_of(record)
    assert warning.startswith("only slices 16 to 60 of 72 (z -576 to 128 mm) are cov")
    [warning] = warnings_of(record_of(cache_of(folder)))
    assert warning.startswith("no slice is covered by 100 studies")


def test_one_mistyped_height_does_not_widen_what_the_card_promises() -> None:
    heights = pd.Series([1.17, *np.linspace(1.5, 1.9, 98), 2.29])
    assert _range(heights, _ALMOST_ALL, (0.0, 1.0)) == [1.5, 1.9]


def test_of_few_people_it_is_told_at_the_start(tmp_path: Path) -> None:
    heights = [1.7, 1.17, 1.6, 1.8, 1.7, 1.7]
    folder = write_prepared(tmp_path, height_m=heights, bmi_kg_m2=25.0, weight_kg=70.0)
    [warning] = warnings_of(record_of(cache_of(folder, min_subjects_per_slice=1)))
    assert warning.startswith("height_m is 1.17 to 1.8 in the training studies, beyond")


def test_demographics_that_nobody_told_are_named(tmp_path: Path) -> None:
    folder = write_prepared(tmp_path, height_m=None, bmi_kg_m2=None, weight_kg=None)
    record = record_of(cache_of(folder, min_subjects_per_slice=1))
    assert record["unknown"] == ["height_m", "bmi_kg_m2"]
    assert warnings_of(record)[0] == (
        "height_m is unknown in every study: the model will not follow it"
    )
    assert "ranges are assumed" in record["protocol"]["scanner"]


@pytest.mark.parametrize(
    ("good", "expected"),
    [("", [0, 0]), ("000", [0, 0]), ("111", [0, 3]), ("0110111", [4, 7])],
)
def test_the_longest_range_of_good_slices(good: str, expected: list[int]) -> None:
    assert longest(lambda k: good[k] == "1", len(good)) == expected


def test_what_is_no_prepared_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VctError, match=r"no folder of prepared studies.*vct autopet p"):
        cache_of(tmp_path)
    write_prepared(tmp_path, training=0)
    with pytest.raises(SpecError, match="no study is for training"):
        cache_of(tmp_path)
    with pytest.raises(SpecError, match=r"window_mm: z from -700 to 64 mm is no wind"):
        cache_of(tmp_path, window_mm=((-700, 64), (-192, 192), (-256, 256)))
    write_prepared(tmp_path / "ageless", age_years=[50.0, None, 60, 70, 80, 30])
    with pytest.raises(SpecError, match=r"1 studies lack age or sex \(study-1"):
        cache_of(tmp_path / "ageless")
    with pytest.raises(ModelError, match=r"data\.json is missing or damaged"):
        read_record(tmp_path)


def test_a_base_grid_that_does_not_divide_the_data_is_refused(tmp_path: Path) -> None:
    grid = cache_of(write_prepared(tmp_path)).grid
    assert factor_to((36, 12, 16), grid) == 2
    assert factor_to((72, 24, 32), grid) == 1
    for shape in ((36, 12, 14), (144, 48, 64), (70, 24, 32)):
        with pytest.raises(SpecError, match="does not divide the data's grid"):
            factor_to(shape, grid)
