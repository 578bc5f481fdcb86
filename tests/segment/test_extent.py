"""Ends of organs along the body, of boxes whose ends are known."""

import numpy as np
import pytest
import torch

from vct.anatomy import CURRENT_LIST
from vct.grid import whole_body_grid
from vct.segment.extent import ends_mm, trunk_length_mm, voxels_by_slice

GRID = whole_body_grid(16.0)
LABEL = {organ.name: organ.label for organ in CURRENT_LIST.organs}


def body(**slices: slice) -> torch.Tensor:
    labels = torch.zeros(GRID.shape, dtype=torch.uint8)
    for organ, where in slices.items():
        labels[where, 5:9, 5:9] = LABEL[organ]
    return labels


def test_slices_count_every_voxel_once() -> None:
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 38, GRID.shape, generator=rng, dtype=torch.uint8)
    counts = voxels_by_slice(labels)
    assert counts.sum() == (labels > 0).sum()
    for organ, row in zip(CURRENT_LIST.organs, counts, strict=True):
        assert row[7] == (labels[7] == organ.label).sum()


def test_ends_of_a_box_are_its_faces_but_for_two_percent() -> None:
    profile = np.zeros(GRID.shape[0])
    profile[10:20] = 8
    low, high = ends_mm(profile, GRID)
    face = GRID.origin_mm[0] + (10 - 0.5) * 16.0
    assert low == pytest.approx(face + 0.02 * 160)
    assert high == pytest.approx(face + 0.98 * 160)


def test_a_trunk_reaches_from_the_femurs_to_the_lungs() -> None:
    labels = body(
        femurs=slice(0, 10), lung_left=slice(30, 40), lung_right=slice(30, 40)
    )
    length = trunk_length_mm(voxels_by_slice(labels).numpy(), GRID)
    assert length == pytest.approx(30 * 16.0)
    for lacking in (body(femurs=slice(0, 10)), body(lung_left=slice(3, 6))):
        assert np.isnan(trunk_length_mm(voxels_by_slice(lacking).numpy(), GRID))
