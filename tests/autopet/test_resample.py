"""Resampling: activity conserved, constants kept, organs keep their mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vct.autopet.resample import Resampler, axis_weights
from vct.grid import Grid

spacings = st.floats(0.7, 9.0)
shifts = st.floats(-5.0, 5.0)


def line(n: int, spacing: float, origin: float) -> Grid:
    return Grid((n, 1, 1), (spacing, 1.0, 1.0), (origin, 0.0, 0.0))


@given(spacings, spacings, shifts)
def test_a_line_within_the_target_keeps_its_sum(
    source: float, target: float, shift: float
) -> None:
    grid = line(12, source, shift)
    wide = line(int(160 / target) + 2, target, -30.0)
    values = np.random.default_rng(0).uniform(0, 5, 12).astype(np.float32)
    moved = axis_weights(grid, wide, 0) @ values
    assert moved.sum() * target == pytest.approx(values.sum() * source, rel=1e-5)
    assert moved.min() >= 0.0


@given(spacings, spacings, shifts)
def test_a_constant_is_kept_where_the_source_covers_whole_voxels(
    source: float, target: float, shift: float
) -> None:
    grid, other = line(15, source, 0.0), line(20, target, shift)
    weights = axis_weights(grid, other, 0)
    covered = Resampler.between(grid, other).covered()[0]
    low = other.centers_mm(0) - target / 2 >= -source / 2 - 1e-6
    high = other.centers_mm(0) + target / 2 <= 14.5 * source + 1e-6
    # The rounding of an edge may fall on either side.
    assert (covered != (low & high)).sum() <= 2 * (abs(shift) < 1e-3)
    np.testing.assert_allclose((weights @ np.ones(15))[covered], 1.0, atol=1e-5)
    assert weights.sum(axis=1).max() <= 1.0 + 1e-5


@given(spacings, st.floats(0.2, 0.99), st.floats(0.0, 1.0))
def test_a_ramp_stays_a_ramp_when_finer(
    source: float, share: float, phase: float
) -> None:
    target = share * source
    grid = line(10, source, 0.0)
    inner = line(int(7 * source / target), target, (1 + phase) * source)
    moved = axis_weights(grid, inner, 0) @ grid.centers_mm(0)
    np.testing.assert_allclose(moved, inner.centers_mm(0), rtol=1e-3, atol=2e-3)


def test_box_means_are_exact_when_a_whole_factor_coarser() -> None:
    source = Grid((8, 12, 4), (2.0, 2.0, 2.0), (5.0, 6.0, 7.0))
    values = np.random.default_rng(1).normal(size=source.shape).astype(np.float32)
    moved = Resampler.between(source, source.coarsened(4)).apply(values)
    expected = values.reshape(2, 4, 3, 4, 1, 4).mean((1, 3, 5))
    np.testing.assert_allclose(moved, expected, atol=1e-6)
    same = Resampler.between(source, source).apply(values)
    np.testing.assert_allclose(same, values, atol=1e-6)


def test_fine_stripes_do_not_alias() -> None:
    source, target = line(400, 1.0, 0.0), line(45, 8.0, 20.0)
    stripes = 1000.0 * (np.arange(400) % 2)
    moved = axis_weights(source, target, 0) @ stripes
    np.testing.assert_allclose(moved, 500.0, atol=1e-2)


def body_with_spheres(grid: Grid) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """SUV of a body with organs, sampled with edges as a scanner's: 6 mm wide."""
    z, y, x = np.meshgrid(*(grid.centers_mm(a) for a in range(3)), indexing="ij")

    def ball(center: tuple[float, float, float], radius: float) -> np.ndarray:
        cz, cy, cx = center
        r = np.sqrt((z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2)
        return np.asarray(1 / (1 + np.exp((r - radius) / 1.5)))

    liver, hot = ball((0.0, 0.0, -20.0), 40.0), ball((10.0, 5.0, 55.0), 24.0)
    body = ball((0.0, 0.0, 0.0), 100.0)
    return 0.4 * body + 2.0 * liver + 6.0 * hot, {"liver": liver, "hot": hot}


@pytest.mark.parametrize("spacing_mm", [2.0, 4.0, 8.0])
def test_activity_and_organ_means_survive(spacing_mm: float) -> None:
    pet = Grid((76, 114, 114), (3.0, 2.0364, 2.0364), (-112.0, -115.3, -114.6))
    n = round(224 / spacing_mm)
    low = -112 + spacing_mm / 2
    grid = Grid((n, n, n), (spacing_mm,) * 3, (low + 0.7, low - 0.4, low + 0.3))
    suv, organs = body_with_spheres(pet)
    resampler = Resampler.between(pet, grid)
    moved = resampler.apply(suv)
    before, after = suv.sum() * pet.voxel_ml, moved.sum() * grid.voxel_ml
    assert after == pytest.approx(before, rel=1e-3)
    for organ in organs.values():
        share = resampler.apply(organ)
        core = organ > 0.99
        mean_before = float(suv[core].mean())
        # Weighted by the organ's share of each voxel, well inside it.
        inside = share > 0.99
        assert float(moved[inside].mean()) == pytest.approx(mean_before, rel=0.01)
        assert share.sum() * grid.voxel_ml == pytest.approx(
            organ.sum() * pet.voxel_ml, rel=1e-3
        )


def test_a_whole_covered_region_holds_the_sources_integral() -> None:
    """Against an integral by hand: sums over a box that cuts source voxels."""
    source, target = line(50, 3.0, 0.0), line(9, 8.0, 20.0)
    values = np.random.default_rng(2).uniform(0, 4, 50)
    moved = axis_weights(source, target, 0) @ values
    low, high = 16.0, 16.0 + 9 * 8.0
    fine = np.linspace(low, high, 720_001)
    middle = (fine[1:] + fine[:-1]) / 2
    integral = values[np.floor((middle + 1.5) / 3.0).astype(int)].mean() * (high - low)
    assert moved.sum() * 8.0 == pytest.approx(integral, rel=1e-5)
