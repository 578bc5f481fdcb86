"""The picture of a prepared study: what a person looks at to trust it."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vct.autopet.prepared import StudyArrays
from vct.grid import Grid
from vct.partial import written_beside

if TYPE_CHECKING:
    from PIL.Image import Image

SUV_WINDOW = (0.0, 7.0)
CT_WINDOW_HU = (-1000.0, 400.0)  # air and table would show too
_PX_PER_MM = 0.5
_GAP_PX, _CAPTION_PX = 8, 34


def write_picture(arrays: StudyArrays, grid: Grid, caption: str, path: Path) -> None:
    """Write projections and slices of a study as PNG.

    From left to right: PET, coronal and sagittal maximum (inverted gray, SUV 0 to 7);
    CT, coronal and sagittal through the middle, and axial 150 mm below the lung top
    (-1000 to 400 HU). Head up, right on the left, face to the left in sagittal views;
    not covered is blue; the line is the lung top.
    """
    from PIL import Image, ImageDraw

    panels = [_scaled(image, sides) for image, sides in _views(arrays, grid)]
    width = sum(panel.width for panel in panels) + _GAP_PX * (len(panels) + 1)
    height = max(panel.height for panel in panels) + _CAPTION_PX
    sheet = Image.new("RGB", (width, height), "white")
    draw, left = ImageDraw.Draw(sheet), _GAP_PX
    top = round(grid.fov_mm[0] + grid.origin_mm[0] - grid.spacing_mm[0] / 2)
    for n, panel in enumerate(panels):
        sheet.paste(panel, (left, 0))
        if n < 4:
            line = round(top * _PX_PER_MM)
            draw.line((left, line, left + 12, line), fill=(220, 90, 0), width=2)
        left += panel.width + _GAP_PX
    draw.text((_GAP_PX, height - _CAPTION_PX + 10), caption, fill=(32, 38, 46))
    with written_beside(path) as partial:
        sheet.save(partial, format="PNG")


def _views(
    arrays: StudyArrays, grid: Grid
) -> list[tuple[np.ndarray, tuple[float, float]]]:
    """Pictures, bytes (rows, columns, 3), top row first, and their size [mm]."""
    ct_hu, suv, coverage = arrays
    height, depth, width = grid.fov_mm
    k = int(np.argmin(np.abs(grid.centers_mm(0) + 150.0)))
    j, i = (n // 2 for n in grid.shape[1:])
    return [
        (_colored(1 - _windowed(suv.max(1), SUV_WINDOW), None), (height, width)),
        (_colored(1 - _windowed(suv.max(2), SUV_WINDOW), None), (height, depth)),
        (
            _colored(_windowed(ct_hu[:, j], CT_WINDOW_HU), coverage[:, j]),
            (height, width),
        ),
        (
            _colored(_windowed(ct_hu[:, :, i], CT_WINDOW_HU), coverage[:, :, i]),
            (height, depth),
        ),
        (
            _colored(_windowed(ct_hu[k], CT_WINDOW_HU), coverage[k])[::-1],
            (depth, width),
        ),
    ]


def _windowed(values: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    low, high = window
    return np.clip((values.astype(np.float32) - low) / (high - low), 0.0, 1.0)


def _colored(gray: np.ndarray, covered: np.ndarray | None) -> np.ndarray:
    """Bytes (rows, columns, 3), the first row up."""
    rgb = np.repeat((gray * 255).astype(np.uint8)[..., None], 3, axis=-1)
    if covered is not None:
        rgb[~covered] = (40, 60, 130)
    return rgb[::-1]


def _scaled(rgb: np.ndarray, size_mm: tuple[float, float]) -> "Image":
    from PIL import Image

    height, width = (max(1, round(mm * _PX_PER_MM)) for mm in size_mm)
    image = Image.fromarray(np.ascontiguousarray(rgb))
    return image.resize((width, height), Image.Resampling.BILINEAR)
