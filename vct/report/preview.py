"""One picture per subject: PET projections, a CT slice and both together.

Views are radiological: head up, the patient's right on the left of coronal views, the
face to the left of the sagittal one. Millimeters are square.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vct.errors import CohortError
from vct.grid import Grid
from vct.report.words import sex_and_age, stature
from vct.volume import StoredImages, Volume

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.Image import Image

    from vct.subjects import Subject

WIDTH_PX = 1200
CAPTION_PX = 56  # at the bottom
SUV_WINDOW = (0.0, 7.0)
CT_WINDOW_HU = (-160.0, 240.0)  # soft tissue

# Titles of the panels, and the PNG text that says where they are.
CORONAL_MIP, SAGITTAL_MIP = "PET MIP, coronal", "PET MIP, sagittal"
CT_SLICE, FUSED_SLICE = "CT", "PET on CT"
_PANELS_KEY = "vct panels"

_DPI = 100
_GAP_PX = 10
_HEAD_PX = 24
_MUTED = "#5b6470"


def write_preview(images: StoredImages, subject: "Subject", path: Path) -> None:
    """Write the preview of one subject as PNG, about 1200 pixels wide.

    From left to right: PET maximum intensity projection, coronal and sagittal (inverted
    gray, SUV 0 to 7); CT, the coronal slice through the middle of the body (-160 to
    240 HU); the same slice of both. The same arguments give the same bytes.

    Parameters
    ----------
    images
        CT and PET of the subject.
    subject
        Row of the subjects table: the caption.
    path
        PNG to write, in a folder that exists.
    """
    # The step is one number per slice, so maxima are taken over integers.
    step, stored = images.pet_suv_per_step[:, None], images.pet_stored
    j = _middle_row(images.grid)
    views = _Views(
        coronal_suv=stored.max(axis=1) * step,
        sagittal_suv=stored.max(axis=2) * step,
        slice_hu=images.ct_stored[:, j].astype(np.float32) + images.CT_OFFSET_HU,
        slice_suv=stored[:, j] * step,
    )
    _draw(views, images.grid, subject, path)


def write_preview_of_volumes(
    ct: Volume, pet: Volume, subject: "Subject", path: Path
) -> None:
    """Write the preview of images read back from DICOM, CT [HU] and PET [SUV].

    Raises
    ------
    ValueError
        If they lie on two grids.
    """
    if ct.grid != pet.grid:
        raise ValueError("a preview needs CT and PET on one grid")
    j = _middle_row(ct.grid)
    views = _Views(
        coronal_suv=pet.voxels.max(axis=1),
        sagittal_suv=pet.voxels.max(axis=2),
        slice_hu=ct.voxels[:, j],
        slice_suv=pet.voxels[:, j],
    )
    _draw(views, ct.grid, subject, path)


def panels_of(preview: Path) -> dict[str, "Image"]:
    """Panels of a preview by their title, RGB, cut out where its metadata say.

    Raises
    ------
    CohortError
        If the file is no preview of this version of vct.
    """
    from PIL import Image

    try:
        with Image.open(preview) as image:
            boxes = json.loads(image.text[_PANELS_KEY])  # type: ignore[attr-defined]
            return {name: image.convert("RGB").crop(box) for name, box in boxes.items()}
    except (OSError, KeyError, AttributeError, ValueError) as error:
        raise CohortError(
            f"{preview} is missing, or no preview of this version of vct. Draw it "
            f"again: vct preview {preview.parent.parent}"
        ) from error


@dataclass(frozen=True)
class _Views:
    """What the panels show, (k, j or i) each."""

    coronal_suv: np.ndarray
    sagittal_suv: np.ndarray
    slice_hu: np.ndarray
    slice_suv: np.ndarray


def _middle_row(grid: Grid) -> int:
    """Row of the coronal slice through the middle of the body."""
    return int(np.argmin(np.abs(grid.centers_mm(1))))


def _draw(views: _Views, grid: Grid, subject: "Subject", path: Path) -> None:
    ct = _windowed(views.slice_hu, CT_WINDOW_HU)
    suv = _windowed(views.slice_suv, SUV_WINDOW)
    images = {
        CORONAL_MIP: 1 - _windowed(views.coronal_suv, SUV_WINDOW),
        SAGITTAL_MIP: 1 - _windowed(views.sagittal_suv, SUV_WINDOW),
        CT_SLICE: ct,
        FUSED_SLICE: _fused(ct, suv),
    }
    dz, dy, dx = grid.fov_mm
    widths = (dx, dy, dx, dx)
    figure, axes = _canvas(widths, dz)
    for ax, (title, image), width in zip(axes, images.items(), widths, strict=True):
        _show(ax, image, title, (width, dz))
    _sides(axes)
    _scale_bar(axes[0], dx)
    _caption(figure, subject)
    height_px = round(figure.bbox.height)
    boxes = {
        title: _box_px(ax, height_px) for title, ax in zip(images, axes, strict=True)
    }
    figure.savefig(
        path,
        dpi=_DPI,
        metadata={"Software": None, _PANELS_KEY: json.dumps(boxes)},
        format="png",
    )


def _box_px(ax: "Axes", height_px: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a panel in a PNG of this height."""
    box = ax.get_window_extent()
    left, right = round(box.x0), round(box.x1)
    return left, height_px - round(box.y1), right, height_px - round(box.y0)


def _windowed(values: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Values mapped from the window to 0..1, clipped."""
    low, high = window
    return np.clip((values - low) / (high - low), 0.0, 1.0)


def _fused(ct: np.ndarray, suv: np.ndarray) -> np.ndarray:
    """PET in color over gray CT, RGB (k, i, 3); opacity grows with uptake."""
    import matplotlib as mpl

    color = mpl.colormaps["inferno"](suv)[..., :3]
    opacity = np.clip(suv * 2.2, 0.0, 0.85)[..., None]
    return ct[..., None] * (1 - opacity) + color * opacity


def _canvas(widths_mm: Sequence[float], height_mm: float) -> tuple["Figure", list[Any]]:
    """Figure with one axes per panel, all at one scale."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    free = WIDTH_PX - _GAP_PX * (len(widths_mm) + 1)
    px_per_mm = free / sum(widths_mm)
    panel_px = round(height_mm * px_per_mm)
    height_px = _HEAD_PX + panel_px + CAPTION_PX
    figure = Figure(figsize=(WIDTH_PX / _DPI, height_px / _DPI), dpi=_DPI)
    FigureCanvasAgg(figure)

    axes, left = [], float(_GAP_PX)
    for width_mm in widths_mm:
        width = width_mm * px_per_mm
        box = (
            left / WIDTH_PX,
            CAPTION_PX / height_px,
            width / WIDTH_PX,
            panel_px / height_px,
        )
        axes.append(figure.add_axes(box))
        left += width + _GAP_PX
    return figure, axes


def _show(
    ax: "Axes", image: np.ndarray, title: str, size_mm: tuple[float, float]
) -> None:
    """One panel: k upward, gray unless RGB."""
    width, height = size_mm
    ax.imshow(
        image,
        cmap="gray",
        vmin=0.0,
        vmax=1.0,
        origin="lower",
        extent=(0.0, width, 0.0, height),
        interpolation="bilinear",
        aspect="auto",
    )
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(color="#c9ced6", linewidth=0.6)
    ax.set_title(title, fontsize=8.5, color=_MUTED, pad=4, loc="left")


def _sides(axes: Sequence["Axes"]) -> None:
    """R, L, A and P at the edges of the panels."""
    letters = (("R", "L"), ("A", "P"), ("R", "L"), ("R", "L"))
    for ax, pair, color in zip(
        axes, letters, (_MUTED, _MUTED, "white", "white"), strict=True
    ):
        for x, letter, side in ((0.02, pair[0], "left"), (0.98, pair[1], "right")):
            ax.text(
                x, 0.5, letter, transform=ax.transAxes, ha=side, fontsize=8, color=color
            )


def _scale_bar(ax: "Axes", width_mm: float) -> None:
    """Ten centimeters."""
    x, y = 0.04 * width_mm, 22.0
    ax.plot([x, x + 100.0], [y, y], color="#20262e", linewidth=1.5)
    ax.text(x + 50.0, y + 8.0, "10 cm", ha="center", fontsize=7, color="#20262e")


def _caption(figure: "Figure", subject: "Subject") -> None:
    """Who it is, and that it is nobody."""
    words = f"{subject.subject_id}    {sex_and_age(subject)}, {stature(subject)}"
    scan = (
        f"synthetic, not a real person    [18F]FDG, {subject.injected_mbq:.0f} MBq, "
        f"{subject.uptake_min:.0f} min    PET: SUV "
        f"{SUV_WINDOW[0]:.0f}–{SUV_WINDOW[1]:.0f}    "
        f"CT: {CT_WINDOW_HU[0]:.0f} to {CT_WINDOW_HU[1]:.0f} HU".replace("-", "−")
    )
    height_px = figure.get_figheight() * _DPI
    left = _GAP_PX / WIDTH_PX
    figure.text(
        left, 32 / height_px, words, fontsize=12, color="#20262e", fontweight="bold"
    )
    figure.text(left, 12 / height_px, scan, fontsize=9, color=_MUTED)
