"""Everything measured in one subject's images, on their device, and told on the host.

On the device it is a few tensors, which travel to the host with the images; on the host
they become rows of tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vct.anatomy import CURRENT_LIST, OrganList
from vct.grid import Grid
from vct.measured import SUV_BIN_EDGES, Measured
from vct.segment.distribution import suv_voxels
from vct.segment.extent import trunk_length_mm, voxels_by_slice
from vct.segment.measure import COLUMNS, measure, measured
from vct.segment.rows import IN_FIELD, OK, organ_rows
from vct.segment.shift import pet_ct_shift_mm


class Examined(NamedTuple):
    """Measures on the device; a batch has one more axis in front.

    ``sums`` float64 (rows, columns) of ``measure``; ``suv_voxels`` int32 (organs and
    groups, bins) of ``suv_voxels``; ``voxels_by_slice`` int32 (organs, k);
    ``pet_shift_mm`` float64 (3,).
    """

    sums: Tensor
    suv_voxels: Tensor
    voxels_by_slice: Tensor
    pet_shift_mm: Tensor


def examine(
    hu: Tensor,
    suv: Tensor,
    labels: Tensor,
    grid: Grid,
    *,
    organs: OrganList = CURRENT_LIST,
    doubt: Tensor | None = None,
) -> Examined:
    """Measure one subject; parameters are those of ``measure``."""
    return Examined(
        measure(hu, suv, labels, grid, organs=organs, doubt=doubt),
        suv_voxels(suv, labels, SUV_BIN_EDGES, organs=organs),
        voxels_by_slice(labels, organs=organs),
        pet_ct_shift_mm(suv, labels, grid),
    )


def stacked(parts: Sequence[Examined]) -> Examined:
    """Subjects of a batch, the batch axis in front."""
    return Examined(*(torch.stack(tensors) for tensors in zip(*parts, strict=True)))


def examined_layout(
    organs: OrganList, grid: Grid
) -> list[tuple[type[np.generic], tuple[int, ...]]]:
    """Type and shape of each of one subject's tensors, in the order of ``Examined``."""
    return [
        (np.float64, (len(measured(organs)), len(COLUMNS))),
        (np.int32, (len(organs.rows), len(SUV_BIN_EDGES))),
        (np.int32, (len(organs.organs), grid.shape[0])),
        (np.float64, (3,)),
    ]


def told(
    arrays: Sequence[np.ndarray],
    grid: Grid,
    *,
    organs: OrganList = CURRENT_LIST,
    sex: str | None = None,
    error_per_doubt: Mapping[str, float] | None = None,
) -> Measured:
    """Rows of the tables from what was examined, on the host.

    Parameters
    ----------
    arrays
        One subject's, as ``examined_layout`` says.
    organs, sex, error_per_doubt
        Of ``organ_rows``.
    """
    sums, voxels, slices, shift_mm = arrays
    rows = organ_rows(
        sums.tolist(), grid, organs=organs, sex=sex, error_per_doubt=error_per_doubt
    )
    whole = {row.organ for row in rows if row.status in (OK, IN_FIELD)}
    histograms = {
        organ: counts
        for organ, counts in zip(organs.rows, voxels.tolist(), strict=True)
        if organ in whole
    }
    image = {
        f"pet_shift_{axis}_mm": float(mm)
        for axis, mm in zip("zyx", shift_mm, strict=True)
    }
    image["trunk_length_mm"] = trunk_length_mm(slices, grid, organs=organs)
    return Measured([asdict(row) for row in rows], histograms, image)
