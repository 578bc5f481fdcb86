"""Previews of subjects, small enough to travel inside the page."""

import base64
import io
from pathlib import Path

from vct.manifest import Cohort
from vct.report.preview import CAPTION_PX, WIDTH_PX
from vct.report.words import sex_and_age, stature

GALLERY_SIZE = 24  # embedded previews: a report of a thousand subjects stays mailable
GALLERY_WIDTH_PX = 760


def gallery(cohort: Cohort) -> tuple[list[dict[str, str]], int]:
    """Previews, evenly spaced in the subjects table, and how many there are."""
    paths = {
        subject_id: cohort.path / "previews" / f"{subject_id}.png"
        for subject_id in cohort.finished["subject_id"]
    }
    present = {name: path for name, path in paths.items() if path.is_file()}
    names = list(present)
    if len(names) > GALLERY_SIZE:
        last = len(names) - 1
        names = [names[i * last // (GALLERY_SIZE - 1)] for i in range(GALLERY_SIZE)]
    rows = cohort.finished.set_index("subject_id").loc[names]
    items = [
        {
            "id": str(row.Index),
            "words": f"{sex_and_age(row)}, {stature(row)}",
            "address": _thumbnail(present[row.Index]),
        }
        for row in rows.itertuples()
    ]
    return items, len(present)


def _thumbnail(path: Path) -> str:
    """Preview made smaller and without its caption, as a data address."""
    from PIL import Image

    with Image.open(path) as image:
        scale = GALLERY_WIDTH_PX / image.width
        bottom = image.height - round(CAPTION_PX * image.width / WIDTH_PX)
        small = (
            image.convert("RGB")
            .crop((0, 0, image.width, bottom))
            .resize((GALLERY_WIDTH_PX, round(bottom * scale)), Image.Resampling.LANCZOS)
        )
    buffer = io.BytesIO()
    small.save(buffer, format="JPEG", quality=84)
    return data_address("image/jpeg", buffer.getvalue())


def data_address(kind: str, data: bytes) -> str:
    """Bytes as an address that loads nothing."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
