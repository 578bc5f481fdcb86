"""Where the organs of real scans come from: masks, TotalSegmentator, our segmenter.

Each finder is a few plain values, so that it crosses to another process; what is heavy
is loaded there, once.
"""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vct.autopet.refusal import ScanError
from vct.errors import ModelError, VctError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from vct.anatomy import OrganList
    from vct.autopet.label_map import LabelMap
    from vct.autopet.prepared import PreparedFolder
    from vct.segment.network import Segmenter


# What of the scan lies at the zero of the grid, in study.json.
_ALIGNED = ("lung_top_mm", "body_centroid_y_mm", "body_centroid_x_mm")


@dataclass(frozen=True)
class FoundOrgans:
    """Organs of one study.

    ``labels`` uint8 and ``coverage`` bool, (k, j, i), on the device that shall measure;
    ``doubt`` and ``error_per_doubt`` of the segmenter, if it was one. ``source`` is the
    word for the tables.
    """

    labels: "Tensor"
    coverage: "Tensor"
    organs: "OrganList"
    source: str
    doubt: "Tensor | None" = None
    error_per_doubt: dict[str, float] | None = None


class OrganFinder(Protocol):
    """An instrument: a prepared study → its organs."""

    @property
    def instrument(self) -> str: ...

    def find(self, prepared: "PreparedFolder", name: str) -> FoundOrgans: ...


@dataclass(frozen=True)
class MaskFiles:
    """Label images in a folder, one a study, named by it."""

    folder: Path
    map: "LabelMap"
    instrument: str
    device: str = "cpu"

    def find(self, prepared: "PreparedFolder", name: str) -> FoundOrgans:
        """Organs of a study's label image."""
        from vct.autopet.masks import find_mask, on_grid, read_mask

        mask = read_mask(find_mask(self.folder, name))
        numbers, told = on_grid(mask, prepared.grid, alignment_mm(prepared, name))
        coverage = prepared.volumes(name)[2] & told
        return _from_numbers(numbers, coverage, self.map, self.device)


@dataclass(frozen=True)
class TotalSegmentator:
    """TotalSegmentator, run on the prepared CT."""

    instrument: str
    device: str

    def find(self, prepared: "PreparedFolder", name: str) -> FoundOrgans:
        """Organs of a study's CT."""
        from vct.autopet.label_map import totalsegmentator_map
        from vct.autopet.totalsegmentator import totalsegmentator_labels

        ct_hu, _, coverage = prepared.volumes(name)
        numbers = totalsegmentator_labels(ct_hu, prepared.grid, self.device)
        return _from_numbers(numbers, coverage, totalsegmentator_map(), self.device)


@dataclass(frozen=True)
class BundledSegmenter:
    """The segmenter of a model of ours: trained on phantoms only."""

    weights: Path
    spacing_mm: float | None
    instrument: str
    device: str

    def find(self, prepared: "PreparedFolder", name: str) -> FoundOrgans:
        """Organs of a study's CT."""
        import torch

        from vct.cascade.instrument import segmented

        ct_hu, _, coverage = prepared.volumes(name)
        segmenter = _segmenter(self.weights, self.device)
        hu = torch.tensor(ct_hu[None].astype("f4"), device=self.device)
        times = _times(self.spacing_mm, prepared)
        with torch.inference_mode():
            found = segmented(segmenter, hu, times)
        return FoundOrgans(
            labels=found.labels[0],
            coverage=torch.tensor(coverage, device=self.device),
            organs=segmenter.organ_list,
            source="segmenter",
            doubt=found.doubt[0],
            error_per_doubt=segmenter.architecture.error_per_doubt,
        )


def choose_finder(
    prepared: "PreparedFolder",
    *,
    masks: Path | None,
    labels: Path | None,
    totalsegmentator: bool,
    unvalidated: bool,
    model: str,
    device: str,
) -> OrganFinder:
    """The instrument the user named.

    Raises
    ------
    VctError
        If none or several are named, or the one named cannot be used.
    """
    if labels is not None and masks is None:
        raise VctError("--labels says what the numbers of --masks mean; give --masks.")
    if (masks is not None) + totalsegmentator + unvalidated > 1:
        raise VctError("Give one of --masks, --totalsegmentator and --unvalidated.")
    if masks is not None:
        return _mask_files(masks, labels, device)
    if totalsegmentator:
        from vct.autopet.totalsegmentator import require_totalsegmentator

        return TotalSegmentator(require_totalsegmentator(), device)
    if unvalidated:
        return _bundled(prepared, model, device)
    raise VctError(
        "Say where the organs come from: --masks FOLDER with label images of your own, "
        "or --totalsegmentator. The bundled segmenter was trained on digital phantoms "
        "only and was never tested on patients; --unvalidated uses it nevertheless, "
        "and the reference will say so."
    )


def alignment_mm(prepared: "PreparedFolder", name: str) -> tuple[float, ...]:
    """What ``vct autopet prepare`` added to the scan's frame to align it, z y x [mm].

    Raises
    ------
    ScanError
        If the study does not tell.
    """
    path = prepared.path / "studies" / name / "study.json"
    try:
        done = json.loads(path.read_text("utf-8"))["done"]
        return tuple(-float(done[place]) for place in _ALIGNED)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ScanError(
            f"{path} does not tell how the scan was moved ({error!r}), so its mask "
            "cannot be placed. Run 'vct autopet prepare' again."
        ) from None


def _mask_files(folder: Path, labels: Path | None, device: str) -> MaskFiles:
    from vct.autopet.label_map import read_label_map, totalsegmentator_map

    if not folder.is_dir():
        raise VctError(f"--masks {folder} is not a folder.")
    numbers = totalsegmentator_map() if labels is None else read_label_map(labels)
    return MaskFiles(folder, numbers, f"masks from {folder}", device)


def _bundled(prepared: "PreparedFolder", model: str, device: str) -> BundledSegmenter:
    from vct.models import find_model

    card = find_model(model)
    card.check_files()
    spacing_mm = card.segmenter.get("spacing_mm", card.grid.spacing_mm[0])
    _times(spacing_mm, prepared)
    return BundledSegmenter(
        card.folder / card.segmenter["file"],
        spacing_mm,
        f"{card.instrument} (unvalidated on real scans)",
        device,
    )


def _times(spacing_mm: float | None, prepared: "PreparedFolder") -> int:
    from vct.cascade.instrument import whole_factor

    try:
        return whole_factor(spacing_mm, prepared.grid)
    except ModelError:
        raise VctError(
            f"The segmenter reads {spacing_mm:g} mm, and {prepared.path} was prepared "
            f"at {prepared.grid.spacing_mm[0]:g} mm. Prepare the studies at "
            f"{spacing_mm:g} mm or finer."
        ) from None


@lru_cache(maxsize=1)
def _segmenter(weights: Path, device: str) -> "Segmenter":
    from vct.cascade.instrument import read_segmenter

    segmenter = read_segmenter(weights).to(device)
    return segmenter.eval().requires_grad_(False)


def _from_numbers(
    numbers: "np.ndarray", coverage: "np.ndarray", map: "LabelMap", device: str
) -> FoundOrgans:
    import torch

    return FoundOrgans(
        labels=torch.tensor(map.applied(numbers), device=device),
        coverage=torch.tensor(coverage, device=device),
        organs=map.organs,
        source="masks",
    )
