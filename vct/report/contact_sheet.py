"""A cohort at a glance: one small tile per subject, in the order asked for."""

from functools import cache
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from vct.errors import CohortError
from vct.manifest import Cohort
from vct.report.preview import CORONAL_MIP, CT_SLICE, panels_of
from vct.report.words import sex_and_age, stature

if TYPE_CHECKING:
    from PIL.Image import Image

PANELS = (CORONAL_MIP, CT_SLICE)
MOST_TILES = 400  # beyond, tiles are too many to look at, and the PNG to open

_TILE_PX = 300
_GAP_PX = 12
_LINE_PX, _FONT_PX = 20, 14
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
        Column of the subjects table; left to right, then down.
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
    sheet_px = columns * (width + _GAP_PX) + _GAP_PX
    head = _head(cohort, len(subjects), sort_by, sheet_px)
    top = _GAP_PX + len(head) * _LINE_PX + _GAP_PX // 2
    sheet = Image.new("RGB", (sheet_px, top + rows * (height + _GAP_PX)), "white")
    draw = ImageDraw.Draw(sheet)
    for n, (text, color) in enumerate(head):
        place = (_GAP_PX, _GAP_PX // 2 + n * _LINE_PX)
        draw.text(place, text, fill=color, font=_font())
    for n, tile in enumerate(tiles):
        row, column = divmod(n, columns)
        x, y = _GAP_PX + column * (width + _GAP_PX), top + row * (height + _GAP_PX)
        sheet.paste(tile, (x, y))
    sheet.save(path, format="PNG", optimize=True)
    return len(subjects)


def _head(cohort: Cohort, n: int, sort_by: str, width_px: int) -> list[tuple[str, str]]:
    """Lines over the tiles: what it is, and that it is nobody."""
    order = sort_by.removesuffix("_kg_m2").removesuffix("_years").replace("_", " ")
    trained_on = cohort.run.get("model", {}).get("trained_on", "not recorded")
    words = f"Synthetic, not real people. The model was trained on: {trained_on}"
    letters = (width_px - 2 * _GAP_PX) / _font().getlength(words) * len(words)
    return [
        (f"{cohort.path.resolve().name}: {n} subjects by {order}", _INK),
        *((line, _MUTED) for line in wrap(words, int(0.95 * letters))),
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
    lines = (
        (f"{subject.subject_id}  {sex_and_age(subject)}", _INK),
        (stature(subject), _MUTED),
    )
    for n, (text, color) in enumerate(lines):
        draw.text((0, height_px + 3 + n * _LINE_PX), text, fill=color, font=_font())
    return tile


@cache
def _font() -> Any:
    """The font that matplotlib brings along: the same everywhere."""
    import matplotlib as mpl
    from PIL import ImageFont

    return ImageFont.truetype(
        f"{mpl.get_data_path()}/fonts/ttf/DejaVuSans.ttf", _FONT_PX
    )
