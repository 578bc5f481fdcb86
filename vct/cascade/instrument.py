"""The model's own segmenter: read from its file, and run on stored CT."""

from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn

from vct.anatomy import FIRST_LIST
from vct.cascade.checkpoint import load_stage, read_architecture
from vct.cascade.encode import encode_ct
from vct.errors import ModelError
from vct.grid import Grid
from vct.segment.network import Segmentation, Segmenter, SegmenterArchitecture


class SegmenterCard(Protocol):
    """What is read of a model card."""

    @property
    def folder(self) -> Path: ...
    @property
    def segmenter(self) -> dict[str, Any]: ...


def load_segmenter(card: SegmenterCard) -> Segmenter:
    """The segmenter a card names.

    Raises
    ------
    ModelError
        If weights are missing or damaged, or tell organs apart that vct does not know.
    """
    return read_segmenter(card.folder / card.segmenter["file"])


def read_segmenter(path: Path) -> Segmenter:
    """The segmenter of a weights file, with the organs that the file states.

    Raises
    ------
    ModelError
        As ``load_segmenter``.
    """
    # The first models' files name no organs: they tell the first list apart.
    unsaid = {"organs": FIRST_LIST.names}
    architecture = read_architecture(SegmenterArchitecture, path, unsaid=unsaid)
    try:
        segmenter = Segmenter(architecture)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    load_stage(segmenter, path)
    return segmenter


def segmented(segmenter: Segmenter, ct_hu: Tensor, times: int = 1) -> Segmentation:
    """Organs of CT volumes [HU], (b, k, j, i), on their own grid.

    Where the segmenter's voxels are ``times`` wider, it sees box means, and its labels
    are repeated.
    """
    if times == 1:
        return segmenter.segment(encode_ct(ct_hu))
    pooled = nn.functional.avg_pool3d(ct_hu[:, None], times)[:, 0]
    found = segmenter.segment(encode_ct(pooled))
    labels = found.labels
    for axis in (1, 2, 3):
        labels = labels.repeat_interleave(times, dim=axis)
    return Segmentation(labels, found.doubt * times**3)


def segmenter_factor(card: SegmenterCard) -> int:
    """How many of the model's voxels make one of its segmenter's, along each axis.

    Raises
    ------
    ModelError
        If that is no whole number.
    """
    grid = card.grid  # type: ignore[attr-defined]
    made = Grid(tuple(grid.shape), tuple(grid.spacing_mm), tuple(grid.origin_mm))
    return whole_factor(card.segmenter.get("spacing_mm"), made)


def whole_factor(spacing_mm: float | None, grid: Grid) -> int:
    """How many voxels of a grid make one of the segmenter's, along each axis.

    Raises
    ------
    ModelError
        If that is no whole number.
    """
    if spacing_mm is None:
        return 1
    ratio = spacing_mm / grid.spacing_mm[0]
    times = round(ratio)
    if times < 1 or abs(ratio - times) > 1e-6 or any(n % times for n in grid.shape):
        raise ModelError(
            f"the segmenter reads {spacing_mm:g} mm, which is no whole multiple of the "
            f"model's {grid.spacing_mm[0]:g} mm; name another segmenter in the card"
        )
    return times
