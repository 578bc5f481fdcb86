"""What the fine stage draws over true coarse volumes, beside the phantoms themselves.

    python -m vct.training.texture vct/training/configs/superres-4mm.yaml \
        --model trained_models/whole-body-4mm --phantoms 3

takes the first held-out phantoms of a fine stage's config (``--data`` is another folder
than it names, as of ``vct train``) and prints how far the CT is from theirs, and how
much CT and PET vary inside the coarse voxels of an organ: noise and fine structure,
which the coarse volume cannot tell. The base stage has no part in it.
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vct.anatomy import CURRENT_LIST, LABEL_OF
from vct.cascade import Cascade
from vct.cascade.encode import decode
from vct.cascade.resample import box_mean, coarsen
from vct.errors import ModelError
from vct.models import load_card
from vct.training.cache import PhantomCache, build_cache
from vct.training.command_line import told_in_one_line
from vct.training.config import load_config

ERROR_REGIONS = ("body", "bone")
SPREAD_REGIONS = ("liver", "gluteal_muscle", "subcutaneous_fat", "vertebrae")


@dataclass(frozen=True)
class Texture:
    """Figures of one phantom, by region.

    Attributes
    ----------
    ct_error_hu
        Mean absolute difference of drawn and true CT.
    ct_sd_hu, pet_cv
        ``spread_inside`` of true and drawn CT; of PET, over its mean.
    """

    ct_error_hu: dict[str, float]
    ct_sd_hu: dict[str, tuple[float, float]]
    pet_cv: dict[str, tuple[float, float]]


def spread_inside(image: Tensor, inside: Tensor, factor: int) -> float:
    """SD of voxels inside coarse voxels that lie wholly in a region.

    Parameters
    ----------
    image
        (k, j, i).
    inside
        The region, bool, (k, j, i).
    factor
        Voxels along the edge of a coarse one.

    Returns
    -------
    float
        Root of the mean variance, of n − 1 in n; NaN if no coarse voxel is inside.
    """
    mean, square, share = (
        box_mean(part[None].double(), factor)[0]
        for part in (image, image.double().square(), inside)
    )
    variance = (square - mean.square())[share == 1]
    count = factor**3
    return float((variance.mean().clamp_min(0) * count / (count - 1)).sqrt())


def texture_of(true: Tensor, drawn: Tensor, labels: Tensor, factor: int) -> Texture:
    """Figures of encoded volumes (2, k, j, i) and organ labels (k, j, i)."""
    (hu, suv), (drawn_hu, drawn_suv) = (
        (image[0] for image in decode(volume[None].float())) for volume in (true, drawn)
    )
    error = (drawn_hu - hu).abs()
    spread_hu, spread_suv = {}, {}
    for region in SPREAD_REGIONS:
        inside = _region(labels, region)
        spread_hu[region] = tuple(
            spread_inside(image, inside, factor) for image in (hu, drawn_hu)
        )
        spread_suv[region] = tuple(
            spread_inside(image, inside, factor) / float(image[inside].mean())
            for image in (suv, drawn_suv)
        )
    return Texture(
        {name: float(error[_region(labels, name)].mean()) for name in ERROR_REGIONS},
        spread_hu,  # type: ignore[arg-type]
        spread_suv,  # type: ignore[arg-type]
    )


def _region(labels: Tensor, name: str) -> Tensor:
    values = [LABEL_OF[part] for part in CURRENT_LIST.parts(name)]
    return torch.isin(labels, torch.tensor(values, device=labels.device))


@torch.no_grad()
def textures(
    cascade: Cascade, cache: PhantomCache, phantoms: Iterable[int]
) -> list[Texture]:
    """Phantoms of a cache, each drawn again from its coarse volume.

    Raises
    ------
    ModelError
        If the model draws other voxels than the phantoms have.
    """
    if cascade.grid != cache.grid:
        raise ModelError(
            f"the model draws voxels of {cascade.grid.spacing_mm[0]:g} mm and the "
            f"config's phantoms have {cache.grid.spacing_mm[0]:g} mm; take the config "
            "of its own fine stage"
        )
    factor = cascade.superres.architecture.factor
    figures = []
    for index in phantoms:
        true = cache.encoded(index)[None].to(cascade.device).float()
        condition = cache.condition(range(index, index + 1)).to(cascade.device)
        coarse = coarsen(true, factor)
        rng = torch.Generator(cascade.device)
        rng.manual_seed(index)
        coarse_noise, noise = (
            torch.randn(shape, generator=rng, device=rng.device)
            for shape in (coarse.shape, true.shape)
        )
        drawn = cascade.sample_superres(condition, coarse, coarse_noise, noise)
        labels = cache.labels(index).to(cascade.device)
        figures.append(texture_of(true[0], drawn[0], labels, factor))
    return figures


def table(figures: Sequence[Texture]) -> str:
    """The means over phantoms as Markdown: what, phantoms, drawn."""
    lines = ["| | phantoms | drawn |", "|---|---|---|"]
    for name in ERROR_REGIONS:
        error = _mean(f.ct_error_hu[name] for f in figures)
        lines.append(f"| mean error, CT, {name} [HU] | | {error:.1f} |")
    for name in SPREAD_REGIONS:
        true, drawn = (_mean(f.ct_sd_hu[name][n] for f in figures) for n in (0, 1))
        lines.append(f"| SD, CT, {name} [HU] | {true:.1f} | {drawn:.1f} |")
    for name in SPREAD_REGIONS:
        true, drawn = (_mean(f.pet_cv[name][n] for f in figures) for n in (0, 1))
        lines.append(f"| SD over mean, PET, {name} | {true:.3f} | {drawn:.3f} |")
    return "\n".join(lines).replace("_", " ")


def _mean(values: Iterable[float]) -> float:
    """Mean of those that are numbers."""
    return float(torch.tensor(list(values), dtype=torch.float64).nanmean())


@told_in_one_line
def main() -> None:
    """Command line of this module: prints the table."""
    parser = argparse.ArgumentParser(description="What a fine stage draws.")
    parser.add_argument("config", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--phantoms", type=int, default=3)
    parser.add_argument("--data", type=Path, help="folder of the data, as vct train")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    data = load_config(args.config, "superres", data=args.data).phantoms
    data = data.model_copy(update={"held_out": min(args.phantoms, data.held_out)})
    cache = build_cache(data, device=args.device, held_out_only=True)
    cascade = Cascade.load(load_card(args.model), device=args.device, segmenter=False)
    print(table(textures(cascade, cache, cache.held_out)))


if __name__ == "__main__":
    main()
