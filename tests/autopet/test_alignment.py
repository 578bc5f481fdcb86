"""The lung top and the body's middle: where phantoms were put, or refused in words."""

import numpy as np
import pytest

from tests.autopet.people import Scan, defaced, on_a_table, person, working
from vct.autopet.alignment import Alignment, align, lung_area_cm2
from vct.autopet.body import body_mask
from vct.autopet.refusal import ScanError
from vct.grid import whole_body_grid

VOXEL_MM = 8.0


def aligned(scan: Scan) -> Alignment:
    ct, grid = working(scan)
    body = body_mask(ct, grid)
    return align(ct, body, grid, np.ones(grid.shape[0], bool))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (133.0, -37.5, 21.3)])
def test_a_shift_is_recovered_within_a_voxel(
    seed: int, shift: tuple[float, float, float]
) -> None:
    found = aligned(person(seed).moved(*shift))
    assert abs(found.lung_top_mm - shift[0]) < VOXEL_MM
    still = aligned(person(seed))
    assert found.y_mm - shift[1] == pytest.approx(still.y_mm, abs=0.5)
    assert found.x_mm - shift[2] == pytest.approx(still.x_mm, abs=0.5)
    # By the labels, another road to the middle of the body over 300 mm.
    scan = person(seed)
    z = scan.grid.centers_mm(0)
    _, j, i = np.nonzero(scan.labels[(z < 0) & (z > -300)])
    assert still.y_mm == pytest.approx(scan.grid.centers_mm(1)[j].mean(), abs=2.0)
    assert still.x_mm == pytest.approx(scan.grid.centers_mm(2)[i].mean(), abs=2.0)


def test_the_head_does_not_matter() -> None:
    whole = aligned(person(0))
    for other in (defaced(person(0)), person(0).cut(-700, 90)):
        found = aligned(other)
        assert found.lung_top_mm == pytest.approx(whole.lung_top_mm, abs=VOXEL_MM / 2)
        assert found.y_mm == pytest.approx(whole.y_mm, abs=1.0)


def test_nor_does_the_table() -> None:
    whole, other = aligned(person(0)), aligned(on_a_table(person(0))[0])
    assert other.lung_top_mm == pytest.approx(whole.lung_top_mm, abs=VOXEL_MM / 2)
    assert other.y_mm == pytest.approx(whole.y_mm, abs=VOXEL_MM / 2)


def test_airways_are_no_lungs() -> None:
    scan = person(0)
    ct, grid = working(scan)
    z, y, x = np.meshgrid(*(grid.centers_mm(a) for a in range(3)), indexing="ij")
    trachea = (np.hypot(x, y) < 9.0) & (z > 0) & (z < 200)
    body = body_mask(ct, grid) | trachea
    area = lung_area_cm2(np.where(trachea, -700.0, ct), body, grid)
    assert area[grid.centers_mm(0) > 6].max() == 0.0


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (-700, -60, "begins within the lungs"),
        (-120, 300, "only 1[0-4][0-9] mm of the body"),
        (-700, -420, "no lungs of 300 mL"),
    ],
)
def test_a_scan_without_its_lung_top_is_refused(
    low: float, high: float, words: str
) -> None:
    with pytest.raises(ScanError, match=f"not aligned: .*{words}"):
        aligned(person(0).cut(low, high))


def test_the_grid_is_put_where_the_person_lies() -> None:
    grid = whole_body_grid(8.0)
    z, y, x = Alignment(100.0, -20.0, 5.0).in_scan(grid).origin_mm
    assert (z, y, x) == (
        grid.origin_mm[0] + 100,
        grid.origin_mm[1] - 20,
        grid.origin_mm[2] + 5,
    )
