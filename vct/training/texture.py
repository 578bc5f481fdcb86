"""What the fine stage draws over true coarse volumes, beside the phantoms themselves.

    python -m vct.training.texture vct/training/configs/superres-4mm.yaml \
        --model trained_models/whole-body-4mm --phantoms 3

takes the first held-out phantoms of a fine stage's config (``--data`` is another folder
than it names, as of ``vct train``) and prints how far CT and PET are from theirs, and
how much they vary inside the coarse voxels of an organ: noise and fine structure, which
the coarse volume cannot tell. The base stage has no part in it. ``--picture
FILE`` shows the first of them: CT of the coarse volume, as drawn, and of the phantom.
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from vct.anatomy import CURRENT_LIST, LABEL_OF
from vct.cascade import Cascade
from vct.cascade.encode import decode
from vct.cascade.resample import box_mean, coarsen
from vct.models import load_card
from vct.training.cache import PhantomCache, build_cache
from vct.training.command_line import told_in_one_line
from vct.training.config import load_config
from vct.training.evaluate import need_voxels_of, voxels_of
from vct.training.passed import drawn_over

CT_ERROR_REGIONS = ("body", "bone")
PET_ERROR_REGIONS = ("body", "kidneys", "heart", "brain")
SPREAD_REGIONS = ("liver", "gluteal_muscle", "subcutaneous_fat", "vertebrae")


class DrawnAgain(NamedTuple):
    """A phantom and what a model draws over its coarse volume.

    Encoded volumes (2, k, j, i), ``coarse`` on the coarse grid; labels (k, j, i).
    """

    coarse: Tensor
    drawn: Tensor
    true: Tensor
    labels: Tensor

    @property
    def factor(self) -> int:
        """Voxels along the edge of a coarse one."""
        return self.labels.shape[0] // self.coarse.shape[1]


@torch.no_grad()
def drawn_again(
    cascade: Cascade, cache: PhantomCache, phantoms: Iterable[int]
) -> Iterator[DrawnAgain]:
    """Phantoms of a cache, each drawn again from its coarse volume.

    Raises
    ------
    ModelError
        If the model draws other voxels than the phantoms have.
    """
    need_voxels_of(cascade, cache)
    for index in phantoms:
        true = cache.encoded(index)[None].to(cascade.device).float()
        condition = cache.condition(range(index, index + 1)).to(cascade.device)
        coarse = coarsen(true, cascade.superres.architecture.factor)
        rng = torch.Generator(cascade.device)
        rng.manual_seed(index)
        drawn = drawn_over(cascade, coarse, condition, rng)
        labels = cache.labels(index).to(cascade.device)
        yield DrawnAgain(coarse[0], drawn[0], true[0], labels)


@dataclass(frozen=True)
class Texture:
    """Figures of one phantom, by region.

    Attributes
    ----------
    ct_error_hu, pet_error
        Mean absolute difference of drawn and true CT [HU]; of PET, over its true mean.
    ct_sd_hu, pet_cv
        ``spread_inside`` of CT [HU], true and drawn; of PET, over the mean of each.
    """

    ct_error_hu: dict[str, float]
    pet_error: dict[str, float]
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


def texture_of(pair: DrawnAgain) -> Texture:
    """Figures of one phantom."""
    (hu, suv), (drawn_hu, drawn_suv) = (
        (image[0] for image in decode(volume[None].float()))
        for volume in (pair.true, pair.drawn)
    )
    names = {*CT_ERROR_REGIONS, *PET_ERROR_REGIONS, *SPREAD_REGIONS}
    inside = {name: voxels_of(name, pair.labels, CURRENT_LIST) for name in names}

    def mean(image: Tensor, name: str) -> float:
        return float(image[inside[name]].mean())

    def sd(image: Tensor, name: str) -> float:
        return spread_inside(image, inside[name], pair.factor)

    def cv(image: Tensor, name: str) -> float:
        return sd(image, name) / mean(image, name)

    error_hu, error_suv = (drawn_hu - hu).abs(), (drawn_suv - suv).abs()
    return Texture(
        ct_error_hu={name: mean(error_hu, name) for name in CT_ERROR_REGIONS},
        pet_error={
            name: mean(error_suv, name) / mean(suv, name) for name in PET_ERROR_REGIONS
        },
        ct_sd_hu={name: (sd(hu, name), sd(drawn_hu, name)) for name in SPREAD_REGIONS},
        pet_cv={name: (cv(suv, name), cv(drawn_suv, name)) for name in SPREAD_REGIONS},
    )


def table(figures: Sequence[Texture]) -> str:
    """The means over phantoms as Markdown: what, phantoms, drawn."""
    lines = ["| | phantoms | drawn |", "|---|---|---|"]
    for name in CT_ERROR_REGIONS:
        error = _mean(f.ct_error_hu[name] for f in figures)
        lines.append(f"| mean error, CT, {name} [HU] | | {error:.1f} |")
    for name in PET_ERROR_REGIONS:
        error = _mean(f.pet_error[name] for f in figures)
        lines.append(f"| mean error over mean, PET, {name} | | {error:.3f} |")
    for name in SPREAD_REGIONS:
        true, drawn = (_mean(f.ct_sd_hu[name][n] for f in figures) for n in (0, 1))
        lines.append(f"| SD, CT, {name} [HU] | {true:.1f} | {drawn:.1f} |")
    for name in SPREAD_REGIONS:
        true, drawn = (_mean(f.pet_cv[name][n] for f in figures) for n in (0, 1))
        lines.append(f"| SD over mean, PET, {name} | {true:.3f} | {drawn:.3f} |")
    return "\n".join(lines).replace("_", " ")


def save_views(pair: DrawnAgain, path: Path, spacing_mm: float) -> None:
    """Coronal and axial CT, -200 to 300 HU, as PNG: coarse, drawn, phantom.

    The axial slice is the liver's middle one, the coronal one the body's.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    k = int((pair.labels == LABEL_OF["liver"]).nonzero()[:, 0].float().median())
    body = voxels_of("body", pair.labels, CURRENT_LIST)
    j = int(body.nonzero()[:, 1].float().median())
    figure = Figure(figsize=(12, 8.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3, height_ratios=[5, 3])
    named = [
        ("coarse volume", pair.coarse, pair.factor),
        ("drawn", pair.drawn, 1),
        ("phantom", pair.true, 1),
    ]
    for column, (name, volume, size) in enumerate(named):
        hu = decode(volume[None].float())[0][0].cpu().numpy()
        trunk = slice(len(hu) // 5, len(hu) * 3 // 4)
        views = (hu[trunk, j // size][::-1], hu[k // size])
        axes[0, column].set_title(f"{name}, {size * spacing_mm:g} mm")
        for ax, view in zip(axes[:, column], views, strict=True):
            ax.imshow(view, cmap="gray", vmin=-200, vmax=300, interpolation="nearest")
            ax.set_axis_off()
    figure.savefig(path, dpi=80)


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
    parser.add_argument("--picture", type=Path, help="PNG of the first phantom")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    data = load_config(args.config, "superres", data=args.data).phantoms
    data = data.model_copy(update={"held_out": min(args.phantoms, data.held_out)})
    cache = build_cache(data, device=args.device, held_out_only=True)
    cascade = Cascade.load(load_card(args.model), device=args.device, segmenter=False)
    figures: list[Texture] = []
    for pair in drawn_again(cascade, cache, cache.held_out):
        if args.picture and not figures:
            save_views(pair, args.picture, cache.grid.spacing_mm[0])
        figures.append(texture_of(pair))
    print(table(figures))


if __name__ == "__main__":
    main()
