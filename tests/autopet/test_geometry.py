"""Slices to a grid: order, direction, distances, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vct.autopet.geometry import place_slices
from vct.autopet.refusal import ScanError

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def positions(heights: list[float]) -> np.ndarray:
    return np.array([[-10.0, -20.0, z] for z in heights])


def place(heights: list[float], orientation: tuple[float, ...] = AXIAL):  # type: ignore[no-untyped-def]
    return place_slices(positions(heights), orientation, (4, 5), (2.0, 3.0), 1.5)


@given(st.permutations(range(6)))
def test_slices_are_sorted_by_place(order: list[int]) -> None:
    placement = place([2.5 * k for k in order])
    assert [order[k] for k in placement.order] == sorted(order)
    assert placement.grid.spacing_mm == (2.5, 2.0, 3.0)
    assert placement.grid.origin_mm == (0.0, -20.0, -10.0)


@given(right=st.sampled_from([1.0, -1.0]), down=st.sampled_from([1.0, -1.0]))
def test_a_turned_slice_keeps_each_pixel_where_it_is(right: float, down: float) -> None:
    """The patient coordinate of a marked pixel is the same before and after."""
    placement = place([0.0, 1.0], (right, 0.0, 0.0, 0.0, down, 0.0))
    image = np.zeros((4, 5))
    image[1, 3] = 1.0
    x, y = -10.0 + right * 3 * 3.0, -20.0 + down * 1 * 2.0
    j, i = np.argwhere(placement.turned(image))[0]
    assert placement.grid.centers_mm(2)[i] == x
    assert placement.grid.centers_mm(1)[j] == y


def test_a_single_slice_takes_its_thickness() -> None:
    assert place([3.0]).grid.spacing_mm[0] == 1.5


@pytest.mark.parametrize(
    ("heights", "message"),
    [
        ([0.0, 2.0, 4.0, 8.0, 10.0], "above z = 4 mm the next is 4 mm away, not 2 mm"),
        ([0.0, 2.0, 4.1, 6.0, 8.0], "not at equal distances"),
        ([0.0, 2.0, 2.0, 4.0, 6.0], "two slices lie at z = 2 mm"),
        ([5.0, 5.0], "two slices lie at z = 5 mm"),
    ],
)
def test_gaps_and_copies_are_refused(heights: list[float], message: str) -> None:
    with pytest.raises(ScanError, match=message):
        place(heights)


def test_rounded_positions_are_not_refused() -> None:
    """Real headers round to tenths of a millimeter now and then."""
    place([0.0, 2.98, 6.0, 9.02, 12.0])


def test_other_planes_and_tilts_are_refused() -> None:
    coronal = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
    with pytest.raises(ScanError, match="not axial"):
        place([0.0, 1.0], coronal)
    tilted = positions([0.0, 1.0, 2.0])
    tilted[:, 1] += [0.0, 0.5, 1.0]
    with pytest.raises(ScanError, match="shifted in plane by 1 mm"):
        place_slices(tilted, AXIAL, (4, 5), (2.0, 3.0), None)
