"""Phantoms as the model would draw them: noised, denoised and sharpened again.

The true coarse volume is noised to a middle σ, the base stage denoises it, and the fine
stage draws a fine volume over it: the labels still hold, up to what the base stage
moved.
"""

import torch
from torch import Tensor

from vct.cascade import Cascade
from vct.cascade.cascade import best_precision
from vct.cascade.resample import coarsen
from vct.cascade.stage import load_base, load_superres
from vct.training.cache import PhantomCache
from vct.training.card import AUGMENTATION, BASE_SAMPLER, superres_sampler
from vct.training.config import TrainingConfig
from vct.training.superres import repaired


@torch.no_grad()
def passed_through(
    cascade: Cascade, fine: Tensor, condition: Tensor, rng: torch.Generator
) -> Tensor:
    """Encoded fine volumes (b, 2, k, j, i) after both stages had them."""
    coarse = coarsen(fine, cascade.superres.architecture.factor)
    coarse = repaired(cascade.base, coarse, condition, rng)
    return drawn_over(cascade, coarse, condition, rng)


@torch.no_grad()
def drawn_over(
    cascade: Cascade, coarse: Tensor, condition: Tensor, rng: torch.Generator
) -> Tensor:
    """Encoded fine volumes that the fine stage draws over given coarse ones.

    Parameters
    ----------
    cascade
        Its fine stage and that one's sampler draw.
    coarse
        Encoded, (b, 2, k, j, i) on the coarse grid.
    condition
        (b, 6).
    rng
        Of the augmentation's noise, then of the fine noise.

    Returns
    -------
    Tensor
        (b, 2, k, j, i) on the fine grid.
    """
    coarse_noise, fine_noise = (
        torch.randn((len(coarse), 2, *shape), generator=rng, device=rng.device)
        for shape in (coarse.shape[2:], cascade.grid.shape)
    )
    return cascade.sample_superres(condition, coarse, coarse_noise, fine_noise)


def passed_ct(
    config: TrainingConfig, cache: PhantomCache, phantoms: range, *, device: str
) -> list[Tensor]:
    """Encoded CT, float16, of phantoms passed once through the config's stages.

    Empty unless the config names ``base_weights`` and ``superres_weights`` and gives a
    ``base_pass_share``.
    """
    if not (config.base_weights and config.superres_weights and config.base_pass_share):
        return []
    where = torch.device(device)
    superres = load_superres(config.superres_weights)
    cascade = Cascade(
        load_base(config.base_weights),
        superres,
        None,
        base_sampler=BASE_SAMPLER,
        superres_sampler=superres_sampler(superres.architecture),
        augmentation=AUGMENTATION,
        plan=None,
        grid=cache.grid,
        device=where,
        precision=best_precision(where),
    )
    rng = torch.Generator(where)
    rng.manual_seed(config.optimization.seed)
    passed = []
    for index in phantoms:
        fine = cache.encoded(index)[None].to(where).float()
        condition = cache.condition(range(index, index + 1)).to(where)
        passed.append(passed_through(cascade, fine, condition, rng)[0, 0].half())
    return passed
