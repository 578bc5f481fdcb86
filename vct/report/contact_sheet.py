"""A cohort at a glance: one small tile per subject, in the order asked for."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vct.errors import CohortError
from vct.manifest import Cohort
from vct.report.preview import CORONAL_MIP, CT_SLICE, panels_of

if TYPE_CHECKING:
    from PIL.Image import Image

PANELS = (CORONAL_MIP, CT_SLICE)
SORT_KEYS = ("subject_id", "age_years", "bmi_kg_m2", "weight_kg", "height_m", "sex")
MOST_TILES = 400  # beyond, tiles are too many to look at, and the PNG to open

_TILE_PX = 300
_GAP_PX = 12
_LINE_PX = 20
_INK, _MUTED = "#20262e", "#5b6470"


def write_contact_sheet(
    cohort: Cohort, path: Path, *, sort_by: str = "subject_id", columns: int = 6
) -> int:
    """Write coronal PET projection and CT slice of every subject as one PNG.

    Parameters
    ----------
    cohort
        With previews; finished subjects are shown.
    path
        PNG to write, in a folder that exists.
    sort_by
        One of ``SORT_KEYS``; left to right, then down.
    columns
        Tiles in a row.

    Returns
    -------
    int
        Subjects shown.

    Raises
    ------
    CohortError
        If nobody is finished, there are more than ``MOST_TILES``, or a preview is
        missing.
    """
    from PIL import Image, ImageDraw

    subjects = cohort.finished.sort_values([sort_by, "subject_id"], kind="stable")
    if not 0 < len(subjects) <= MOST_TILES:
        raise CohortError(
            f"{cohort.path} has {len(subjects)} finished subjects; a contact sheet "
            f"shows 1 to {MOST_TILES}."
        )
    previews = cohort.path / "previews"
    tiles = [_tile(previews, row) for row in subjects.itertuples()]
    width, height = tiles[0].size
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    head = _GAP_PX + 3 * _LINE_PX
    size = (
        columns * (width + _GAP_PX) + _GAP_PX,
        head + rows * (height + _GAP_PX),
    )
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for line, (text, pixels, color) in enumerate(_head(cohort, len(subjects), sort_by)):
        place = (_GAP_PX, _GAP_PX // 2 + line * (_LINE_PX + 4))
        draw.text(place, text, fill=color, font=_font(pixels))
    for n, tile in enumerate(tiles):
        row, column = divmod(n, columns)
        x, y = _GAP_PX + column * (width + _GAP_PX), head + row * (height + _GAP_PX)
        sheet.paste(tile, (x, y))
    sheet.save(path, format="PNG", optimize=True)
    return len(subjects)


def _head(cohort: Cohort, n: int, sort_by: str) -> list[tuple[str, int, str]]:
    """Lines over the tiles: what it is, and that it is nobody."""
    model = cohort.run.get("model", {})
    order = sort_by.removesuffix("_kg_m2").removesuffix("_years").replace("_", " ")
    return [
        (f"{cohort.path.resolve().name}: {n} subjects by {order}", 17, _INK),
        (
            "synthetic, not real people; the model was trained on: "
            f"{model.get('trained_on', 'not recorded')}",
            13,
            _MUTED,
        ),
    ]


def _tile(previews: Path, subject: Any) -> "Image":
    """Panels of one subject side by side over two lines of words."""
    from PIL import Image, ImageDraw

    panels = panels_of(previews / f"{subject.subject_id}.png")
    chosen = [panels[name] for name in PANELS]
    width_px = _TILE_PX // len(chosen)
    height_px = round(width_px * chosen[0].height / chosen[0].width)
    tile = Image.new("RGB", (_TILE_PX, height_px + 2 * _LINE_PX), "white")
    for n, panel in enumerate(chosen):
        small = panel.resize((width_px, height_px), Image.Resampling.LANCZOS)
        tile.paste(small, (n * width_px, 0))
    draw = ImageDraw.Draw(tile)
    sex = {"F": "woman", "M": "man"}[subject.sex]
    lines = (
        (f"{subject.subject_id}  {sex}, {subject.age_years:.0f} years", _INK),
        (f"{subject.height_m:.2f} m, BMI {subject.bmi_kg_m2:.1f} kg/m²", _MUTED),
    )
    for n, (text, color) in enumerate(lines):
        draw.text((0, height_px + 3 + n * _LINE_PX), text, fill=color, font=_font(14))
    return tile


@cache
def _font(pixels: int) -> Any:
    """The font that matplotlib brings along: the same everywhere."""
    import matplotlib as mpl
    from PIL import ImageFont

    return ImageFont.truetype(f"{mpl.get_data_path()}/fonts/ttf/DejaVuSans.ttf", pixels)
