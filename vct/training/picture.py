"""Volumes as one PNG, to look at while training: PET MIP and CT slice a subject."""

from pathlib import Path

import torch
from torch import Tensor

from vct.cascade.encode import decode
from vct.training.people import Person


def save_picture(encoded: Tensor, path: Path, *, spacing_mm: float) -> None:
    """Coronal MIP (inverted, SUV 0-7), coronal CT and axial CT of each volume.

    Parameters
    ----------
    encoded
        (b, 2, k, j, i).
    spacing_mm
        Voxel size, isotropic [mm]; pictures are drawn at 4 mm a pixel.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    hu, suv = (v.float().cpu().numpy() for v in decode(encoded))
    n = len(hu)
    figure = Figure(figsize=(2.4 * n, 8.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, n, squeeze=False, height_ratios=[4, 4, 1.5])
    for column, (h, s) in enumerate(zip(hu, suv, strict=True)):
        k, j, _ = h.shape
        views = [
            (s.max(axis=1)[::-1], "gray_r", 0, 7),
            (h[::-1, j // 2], "gray", -200, 300),
            (h[int(k * 0.56)], "gray", -200, 300),
        ]
        for ax, (image, colors, low, high) in zip(axes[:, column], views, strict=True):
            ax.imshow(image, cmap=colors, vmin=low, vmax=high, interpolation="nearest")
            ax.set_axis_off()
    figure.savefig(path, dpi=70)


def picture_people() -> list[Person]:
    """Six people across sex, age, height and BMI."""
    return [
        Person(30.0, "F", 1.65, 20.0),
        Person(30.0, "M", 1.80, 23.0),
        Person(60.0, "F", 1.60, 27.0),
        Person(60.0, "M", 1.76, 27.0),
        Person(75.0, "F", 1.58, 36.0),
        Person(50.0, "M", 1.85, 38.0),
    ]


def repeatable_noise(count: int, shape: tuple[int, ...], device: str) -> Tensor:
    """The same standard normal noise at every call, (count, 2, *shape)."""
    rng = torch.Generator(device)
    rng.manual_seed(0)
    return torch.randn(count, 2, *shape, generator=rng, device=device)
