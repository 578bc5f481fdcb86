"""One study onto the model's grid: aligned, resampled, without its table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vct.autopet.alignment import Alignment, align
from vct.autopet.arms import Arms, arms
from vct.autopet.body import body_mask, with_margin, working_grid
from vct.autopet.coverage import CtCoverage, ct_coverage, pet_coverage
from vct.autopet.prepared import AIR_HU, StudyArrays
from vct.autopet.refusal import ScanError
from vct.autopet.resample import Resampler
from vct.grid import Grid
from vct.volume import Volume

_HIGHEST_SUV = 6e4  # float16 holds 65504; read SUVs lie below 5000


@dataclass(frozen=True)
class PreparedStudy:
    """A study on the grid, and what was seen on the way."""

    arrays: StudyArrays
    alignment: Alignment
    arms: Arms

    @property
    def covered_k(self) -> tuple[int, int]:
        """First slice with covered voxels, and one past the last."""
        slices = np.flatnonzero(self.arrays.coverage.any(axis=(1, 2)))
        return int(slices[0]), int(slices[-1]) + 1


@dataclass(frozen=True)
class _AlignedCt:
    """The CT on the grid, and where the grid lies in the scan."""

    ct_hu: np.ndarray
    covered: np.ndarray
    alignment: Alignment
    arms: Arms


def prepare_study(
    read_ct: Callable[[], Volume],
    read_pet: Callable[[], Volume],
    grid: Grid,
    *,
    ct_on_pet_grid: bool = False,
    take_arms_down: bool = False,
) -> PreparedStudy:
    """Bring a CT and a PET onto a whole-body grid.

    The CT is read, used and let go before the PET is read: one of them is in memory at
    a time. PET outside the body (scatter, noise) is part of the image and stays.

    Parameters
    ----------
    read_ct
        Gives the CT [HU] with padding kept, below -1024.
    read_pet
        Gives the PET [SUV].
    grid
        ``whole_body_grid`` of the model.
    ct_on_pet_grid
        Whether the CT was resampled to the PET before.
    take_arms_down
        Prepare a study with arms beside the trunk too.

    Raises
    ------
    ScanError
        If the scan cannot be aligned, its arms lie beside the trunk, or CT and PET
        cover nothing of the field together.
    """
    ct = _aligned_ct(read_ct(), grid, ct_on_pet_grid)
    if ct.arms == "down" and not take_arms_down:
        raise ScanError("arms down (--arms-down takes such studies)")
    pet = read_pet()
    resampler = Resampler.between(pet.grid, ct.alignment.in_scan(grid))
    coverage = ct.covered & pet_coverage(resampler)
    if not coverage.any():
        raise ScanError("CT and PET cover nothing of the field of view together")
    suv = resampler.apply(pet.voxels)
    np.clip(suv, -_HIGHEST_SUV, _HIGHEST_SUV, out=suv)
    suv *= coverage
    ct.ct_hu[~coverage] = AIR_HU
    return PreparedStudy(
        StudyArrays(ct.ct_hu, suv.astype(np.float16), coverage), ct.alignment, ct.arms
    )


def _aligned_ct(ct: Volume, grid: Grid, on_pet_grid: bool) -> _AlignedCt:
    coverage = ct_coverage(ct.voxels, on_pet_grid=on_pet_grid)
    np.maximum(ct.voxels, AIR_HU, out=ct.voxels)
    alignment, near, where = _found(ct, coverage)
    resampler = Resampler.between(ct.grid, alignment.in_scan(grid))
    hu = resampler.apply(ct.voxels)
    keep = Resampler.between(near.grid, resampler.target).apply(near.voxels) > 0.5
    hu = np.where(keep, np.rint(hu), AIR_HU).astype(np.int16)
    return _AlignedCt(hu, coverage.on(resampler), alignment, where)


def _found(ct: Volume, coverage: CtCoverage) -> tuple[Alignment, Volume, Arms]:
    """Alignment, body with its margin, and where the arms are; at about 4 mm."""
    working = working_grid(ct.grid)
    resampler = Resampler.between(ct.grid, working)
    hu = resampler.apply(ct.voxels)
    body = body_mask(hu, working)
    if not body.any():
        raise ScanError("the CT shows no body: nothing is denser than -500 HU")
    covered = coverage.on(resampler)
    alignment = align(hu, body, working, np.any(covered, axis=(1, 2)))
    where = arms(body, working, alignment.lung_top_mm, np.any(covered, axis=0))
    return alignment, with_margin(body, working), where


def what_was_done(prepared: PreparedStudy, **more: Any) -> dict[str, Any]:
    """For ``study.json``."""
    place = prepared.alignment
    return {
        "lung_top_mm": place.lung_top_mm,
        "body_centroid_y_mm": place.y_mm,
        "body_centroid_x_mm": place.x_mm,
        "covered_share": float(prepared.arrays.coverage.mean()),
        **more,
    }
