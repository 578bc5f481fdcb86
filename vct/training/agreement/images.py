"""Generated subjects and phantoms of the same people, as files of images.

``vct.validation.image_plot`` holds them against each other, and against scans.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vct.cascade import Cascade
from vct.partial import written_beside
from vct.training.agreement.members import drawn_people, members
from vct.training.agreement.reading import need_segmenter, stored
from vct.training.agreement.sources import Rendered, Sampled, Source, rendering_pool


def write_images(
    cascade: Cascade,
    out: Path,
    subjects: int,
    seed: int,
    *,
    workers: int = 1,
    log: Callable[[str], None] = print,
) -> None:
    """Write ``out/generated`` and ``out/phantom``, one ``.npz`` a subject and set.

    A file holds ``ct_hu`` [HU] and ``suv`` [g/mL] as DICOM would store them, float32
    (k, j, i), ``labels`` of ``vct.anatomy`` by the model's segmenter, and
    ``spacing_mm``. Files that are there are kept.

    Parameters
    ----------
    cascade
        With its segmenter.
    subjects
        Of each set; subject n of both is the same person.
    seed
        Of people, noise and phantoms.
    workers
        Processes that render phantoms.

    Raises
    ------
    ModelError
        If the model has no segmenter.
    """
    need_segmenter(cascade)
    people = drawn_people(seed, subjects)
    with (
        tempfile.TemporaryDirectory("-images") as scratch,
        rendering_pool(workers) as pool,
    ):
        spacing_mm = cascade.grid.spacing_mm[0]
        sets: list[tuple[str, Source, list]] = [
            ("generated", Sampled(cascade, seed), members("generated", people)),
            (
                "phantom",
                Rendered(pool, Path(scratch), seed, spacing_mm),
                members("fresh", people),
            ),
        ]
        for name, source, every in sets:
            for member in every:
                path = out / name / f"{member.number:06d}.npz"
                if path.exists():
                    continue
                _write(path, cascade, source.volumes([member]))
                log(str(path))


@torch.inference_mode()
def _write(path: Path, cascade: Cascade, encoded: Tensor) -> None:
    hu, suv = stored(encoded.to(cascade.device).float())
    labels = cascade.segment(hu).labels
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_beside(path) as partial, partial.open("wb") as stream:
        np.savez_compressed(
            stream,
            ct_hu=hu[0].cpu().numpy(),
            suv=suv[0].cpu().numpy(),
            labels=labels[0].cpu().numpy(),
            spacing_mm=np.array(cascade.grid.spacing_mm),
        )
