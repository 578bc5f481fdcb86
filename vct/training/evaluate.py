"""The instrument's accuracy, on phantoms whose labels are known."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vct.anatomy import ORGANS
from vct.cascade import Cascade
from vct.cascade.encode import decode_suv
from vct.cascade.resample import coarsen
from vct.training.cache import PhantomCache
from vct.training.superres import repaired


@dataclass(frozen=True)
class OrganAccuracy:
    """One organ over a set of phantoms.

    ``dice`` is the mean over subjects that have the organ; biases compare the means
    over subjects, in percent, of volume and of SUV mean inside the labels.
    """

    dice: float
    volume_bias_percent: float
    suv_bias_percent: float
    mean_volume_ml: float


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
    """
    assert cascade.segmenter is not None
    rng = torch.Generator(cascade.device)
    rng.manual_seed(0)
    rows: dict[str, list[list[float]]] = {organ.name: [] for organ in ORGANS}
    for index in cache.held_out:
        truth = cache.labels(index).to(cascade.device)
        fine = cache.encoded(index)[None].to(cascade.device).float()
        if through_cascade:
            condition = cache.condition(range(index, index + 1)).to(cascade.device)
            fine = _through(cascade, fine, condition, rng)
        found = cascade.segmenter.labels(fine[:, 0])[0]
        suv = fine[0, 1]
        for organ in ORGANS:
            a, b = found == organ.label, truth == organ.label
            if b.any():
                rows[organ.name].append(_overlap(a, b, suv))
    return {
        name: _accuracy(torch.tensor(values), cache.grid.voxel_ml)
        for name, values in rows.items()
        if values
    }


def _through(
    cascade: Cascade, fine: Tensor, condition: Tensor, rng: torch.Generator
) -> Tensor:
    coarse = coarsen(fine, cascade.superres.architecture.factor)
    coarse = repaired(cascade.base, coarse, condition, rng)
    coarse_noise, fine_noise = (
        torch.randn(shape, generator=rng, device=rng.device)
        for shape in (coarse.shape, fine.shape)
    )
    return cascade.sample_superres(condition, coarse, coarse_noise, fine_noise)


def _overlap(found: Tensor, truth: Tensor, encoded_suv: Tensor) -> list[float]:
    suv = decode_suv(encoded_suv)
    return [
        float((found & truth).sum()),
        float(found.sum()),
        float(truth.sum()),
        float(suv[found].mean()) if found.any() else float("nan"),
        float(suv[truth].mean()),
    ]


def _accuracy(rows: Tensor, voxel_ml: float) -> OrganAccuracy:
    overlap, found, truth, suv_found, suv_truth = rows.unbind(dim=1)
    return OrganAccuracy(
        dice=float((2 * overlap / (found + truth)).mean()),
        volume_bias_percent=float(100 * (found.mean() / truth.mean() - 1)),
        suv_bias_percent=float(100 * (suv_found.nanmean() / suv_truth.mean() - 1)),
        mean_volume_ml=float(truth.mean() * voxel_ml),
    )
