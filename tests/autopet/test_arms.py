"""Arms up, down, or not to be seen."""

import numpy as np
import pytest

from tests.autopet.people import Scan, arms_down, person, working
from vct.autopet.arms import arms
from vct.autopet.body import body_mask


def seen(scan: Scan, covered: np.ndarray | None = None) -> str:
    ct, grid = working(scan)
    body = body_mask(ct, grid)
    plane = np.ones(grid.shape[1:], bool) if covered is None else covered
    return arms(body, grid, 0.0, plane)


@pytest.mark.parametrize("seed", [0, 1])
def test_phantoms_raise_their_arms(seed: int) -> None:
    assert seen(person(seed)) == "up"


@pytest.mark.parametrize("seed", [0, 1])
def test_arms_beside_the_trunk_are_seen(seed: int) -> None:
    assert seen(arms_down(person(seed))) == "down"


def test_one_arm_is_enough() -> None:
    scan = arms_down(person(0))
    _, _, x = scan.axes()
    one = scan.with_hu((x < -150) & (scan.ct_hu == 40.0), -1000.0)
    assert seen(one) == "down"


def test_what_is_not_covered_is_not_known() -> None:
    assert seen(person(0).cut(-150, 300)) == "unknown"
    _, grid = working(person(0))
    narrow = np.abs(grid.centers_mm(2)) < 140
    ct, _ = working(person(0))
    body = body_mask(ct, grid) & narrow
    plane = np.broadcast_to(narrow, grid.shape[1:])
    assert arms(body, grid, 0.0, plane) == "unknown"
