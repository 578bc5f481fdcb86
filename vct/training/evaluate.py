"""The instrument's accuracy, on phantoms whose labels are known.

``vct.training.publish`` writes it to a new model's card. To measure a published model
anew, on the held-out phantoms of its fine stage's config:

    python -m vct.training.evaluate vct/training/configs/superres-4mm.yaml \
        --model trained_models/whole-body-4mm

``--data`` is another folder than the config names, as of ``vct train``. It rewrites
these of the card's ``metrics`` and nothing else of it.
"""

import argparse
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from ruamel.yaml import YAML
from torch import Tensor

from vct.anatomy import CURRENT_LIST, LABEL_OF, OrganList
from vct.cascade import Cascade
from vct.cascade.encode import decode
from vct.errors import ModelError
from vct.models import CARD_NAME, load_card
from vct.segment.measure import COLUMNS, measure
from vct.segment.rows import IN_FIELD, OK, OrganMeasurement, organ_rows
from vct.training.agreement.reading import need_segmenter
from vct.training.cache import PhantomCache, build_cache, person_of
from vct.training.card import write_card
from vct.training.command_line import told_in_one_line
from vct.training.config import load_config
from vct.training.passed import passed_through


@dataclass(frozen=True)
class OrganAccuracy:
    """One organ over a set of phantoms.

    ``dice`` is the mean over subjects that have the organ; biases compare the means
    over subjects, in percent, of volume and of SUV mean inside the labels.
    ``actual_error_percent`` is the RMS over subjects of the error of a volume, of the
    mean volume; ``expected_error_percent`` the RMS of what the segmenter expected of
    it, and ``within_twice_share`` the share of subjects whose volume errs by at most
    twice what was expected (95 % if it is one SD). ``told_share`` is the share of
    subjects whose numbers were not refused.
    """

    dice: float
    volume_bias_percent: float
    suv_bias_percent: float
    mean_volume_ml: float
    actual_error_percent: float
    expected_error_percent: float
    within_twice_share: float
    told_share: float


class Reading(NamedTuple):
    """One organ of one phantom: found and true, in voxels and g/mL."""

    overlap: float
    found: float
    truth: float
    suv_found: float
    suv_truth: float
    expected_error: float
    told: float


@torch.no_grad()
def segmenter_accuracy(
    cascade: Cascade, cache: PhantomCache, *, through_cascade: bool
) -> dict[str, OrganAccuracy]:
    """Accuracy of a cascade's segmenter on the cache's held-out phantoms.

    Parameters
    ----------
    cascade
        With its segmenter.
    cache
        Phantoms on the cascade's fine grid.
    through_cascade
        Noise each phantom's coarse volume to a middle σ, let the base stage denoise it
        and the fine stage sharpen it, before the segmenter sees it: images as the
        model makes them, whose labels are still known.

    Returns
    -------
    Organs, groups of organs and the body, by name; those that no phantom has are left
    out.

    Raises
    ------
    ModelError
        If the segmenter tells other organs apart than the phantoms do.
    """
    assert cascade.segmenter is not None
    organs = cascade.segmenter.organ_list
    if organs is not CURRENT_LIST:
        raise ModelError(
            f"the segmenter tells {len(organs.organs)} organs apart, the phantoms "
            f"{len(CURRENT_LIST.organs)}: train it anew before it is judged"
        )
    rng = torch.Generator(cascade.device)
    rng.manual_seed(0)
    readings: dict[str, list[Reading]] = {row: [] for row in organs.rows}
    for index in cache.held_out:
        fine = cache.encoded(index)[None].to(cascade.device).float()
        if through_cascade:
            condition = cache.condition(range(index, index + 1)).to(cascade.device)
            fine = passed_through(cascade, fine, condition, rng)
        truth = cache.labels(index).to(cascade.device)
        sex = person_of(cache.data.seed, index).sex
        for row, reading in read_phantom(cascade, fine, truth, sex).items():
            if reading.truth:
                readings[row].append(reading)
    return {
        row: accuracy_of(values, cache.grid.voxel_ml)
        for row, values in readings.items()
        if values
    }


def read_phantom(
    cascade: Cascade, fine: Tensor, truth: Tensor, sex: str
) -> dict[str, Reading]:
    """Segment one encoded volume (1, 2, k, j, i) and hold it against its labels."""
    segmenter = cascade.segmenter
    assert segmenter is not None
    organs, grid = segmenter.organ_list, cascade.grid
    hu, suv = (image[0] for image in decode(fine))
    found = cascade.segment(hu[None])
    labels = found.labels[0]
    sums = measure(hu, suv, labels, grid, organs=organs, doubt=found.doubt[0]).tolist()
    rows = organ_rows(
        sums,
        grid,
        organs=organs,
        sex=sex,
        error_per_doubt=segmenter.architecture.error_per_doubt,
    )
    true_sums = measure(hu, suv, truth, grid, organs=organs).tolist()
    overlaps = _overlaps(labels, truth, organs)
    return {
        row.organ: _reading(row, got, true, overlaps[row.organ], grid.voxel_ml)
        for row, got, true in zip(rows, sums, true_sums, strict=True)
        if row.organ in organs.rows
    }


def _overlaps(found: Tensor, truth: Tensor, organs: OrganList) -> dict[str, float]:
    """Voxels that both give to a row of the tables."""
    both = {}
    for row in organs.rows:
        mine, theirs = (voxels_of(row, labels, organs) for labels in (found, truth))
        both[row] = float((mine & theirs).sum())
    return both


def voxels_of(row: str, labels: Tensor, organs: OrganList) -> Tensor:
    """Voxels of an organ, a group of organs or the body, bool, as ``labels``."""
    values = [LABEL_OF[part] for part in organs.parts(row)]
    return torch.stack([labels == value for value in values]).any(dim=0)


def _reading(
    row: OrganMeasurement,
    got: list[float],
    true: list[float],
    overlap: float,
    voxel_ml: float,
) -> Reading:
    n, suv = COLUMNS.index("voxels"), COLUMNS.index("suv_sum")
    return Reading(
        overlap=overlap,
        found=got[n],
        truth=true[n],
        suv_found=got[suv] / got[n] if got[n] else math.nan,
        suv_truth=true[suv] / true[n] if true[n] else math.nan,
        expected_error=row.volume_error_ml / voxel_ml,
        told=float(row.status in (OK, IN_FIELD)),
    )


def _share_within(bounds: Tensor, errors: Tensor) -> float:
    """Share of errors that are at most their bounds; NaN where no bound is known."""
    known = bounds.isfinite()
    return float((errors <= bounds)[known].double().mean())


def accuracy_of(readings: list[Reading], voxel_ml: float) -> OrganAccuracy:
    """Accuracy of one organ over phantoms that have it."""
    table = torch.tensor(readings, dtype=torch.float64)
    overlap, found, truth, suv_found, suv_truth, expected, told = table.unbind(dim=1)
    mean = truth.mean()
    error = (found - truth).abs()
    seen = suv_found.isfinite()
    suv_bias = suv_found[seen].mean() / suv_truth[seen].mean() - 1
    return OrganAccuracy(
        dice=float((2 * overlap / (found + truth)).mean()),
        volume_bias_percent=float(100 * (found.mean() / mean - 1)),
        suv_bias_percent=float(100 * suv_bias),
        mean_volume_ml=float(mean * voxel_ml),
        actual_error_percent=float(100 * error.square().mean().sqrt() / mean),
        expected_error_percent=float(100 * expected.square().mean().sqrt() / mean),
        within_twice_share=_share_within(2 * expected, error),
        told_share=float(told.mean()),
    )


def held_out_metrics(cascade: Cascade, cache: PhantomCache) -> dict[str, Any]:
    """A card's ``metrics``: accuracy by organ, plain and through both stages."""
    return {
        "segmenter_on_held_out_phantoms": _rounded(cascade, cache, False),
        "segmenter_on_held_out_phantoms_through_cascade": _rounded(
            cascade, cache, True
        ),
        "held_out_phantoms": len(cache.held_out),
    }


def _rounded(cascade: Cascade, cache: PhantomCache, through: bool) -> dict[str, Any]:
    table = segmenter_accuracy(cascade, cache, through_cascade=through)
    return {
        organ: {key: round(value, 4) for key, value in asdict(row).items()}
        for organ, row in table.items()
    }


def need_voxels_of(cascade: Cascade, cache: PhantomCache) -> None:
    """Refuse a model that draws other voxels than the phantoms have.

    Raises
    ------
    ModelError
        In those words.
    """
    if cascade.grid != cache.grid:
        drawn, there = (grid.spacing_mm[0] for grid in (cascade.grid, cache.grid))
        raise ModelError(
            f"this model draws voxels of {drawn:g} mm and the config's phantoms have "
            f"{there:g} mm; take the config of its own fine stage"
        )


def remeasure(model: Path, cache: PhantomCache, *, device: str) -> None:
    """Measure a published model anew and rewrite its card's ``metrics``.

    Raises
    ------
    ModelError
        If the folder holds no model, or one without segmenter, of another grid than
        the phantoms' or of other organs.
    """
    cascade = Cascade.load(load_card(model), device=device)
    need_segmenter(cascade)
    need_voxels_of(cascade, cache)
    card = YAML(typ="safe", pure=True).load((model / CARD_NAME).read_text("utf-8"))
    card["metrics"] = {**card.get("metrics", {}), **held_out_metrics(cascade, cache)}
    write_card(card, model)


@told_in_one_line
def main() -> None:
    """Command line of this module: rewrites the card's metrics."""
    parser = argparse.ArgumentParser(description="Measure a model's segmenter anew.")
    parser.add_argument("config", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder of the data, as vct train")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    data = load_config(args.config, "superres", data=args.data).phantoms
    cache = build_cache(data, device=args.device, held_out_only=True)
    remeasure(args.model, cache, device=args.device)


if __name__ == "__main__":
    main()
