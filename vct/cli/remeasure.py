"""``vct validate --remeasure``: organs measured anew, from the DICOM files alone."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vct.errors import ModelError
from vct.manifest import (
    collect,
    load_cohort,
    read_subject_record,
    write_subject_record,
)

if TYPE_CHECKING:
    from vct.measured import Measured
    from vct.models import ModelCard
    from vct.segment.network import Segmenter


def remeasure_organs(out: Path, notify: Callable[[str], None]) -> None:
    """Segment every subject's CT again and rewrite ``organs.parquet``.

    Raises
    ------
    CohortError
        If the folder is no cohort.
    ModelError
        If the model that built it is not here, or is another by now.
    """
    import torch

    from vct.cascade.instrument import load_segmenter, segmenter_factor

    cohort = load_cohort(out)
    card = _model_of(out, cohort.run)
    segmenter = load_segmenter(card)
    segmenter.eval().requires_grad_(False)
    if cohort.run["precision"] == "bf16":  # the instrument as it was when it measured
        segmenter.network.to(torch.bfloat16)
    times = segmenter_factor(card)
    sexes = dict(
        zip(cohort.finished["subject_id"], cohort.finished["sex"], strict=True)
    )
    for number, (name, sex) in enumerate(sexes.items(), start=1):
        notify(f"{number}/{len(sexes)} {name}")
        folder = out / "dicom" / name
        record = read_subject_record(folder)
        _replace_record(folder, record, _measured(folder, segmenter, times, sex))
    collect(out)


def _model_of(out: Path, run: dict[str, Any]) -> "ModelCard":
    """Card of the model that built the cohort, its files checked."""
    from vct.models import find_model
    from vct.spec import load_spec

    card = find_model(load_spec(out / "cohort.yaml").model.name)
    if card.sha256 != run["model"]["sha256"]:
        raise ModelError(
            f"{card.folder}: this is not the model that built {out} "
            f"({card.sha256[:12]} here, {run['model']['sha256'][:12]} there), and two "
            "instruments are not compared. Install the vct named in run.json."
        )
    card.check_files()
    return card


def _measured(folder: Path, segmenter: "Segmenter", times: int, sex: str) -> "Measured":
    """Measures of one subject."""
    import torch

    from vct.cascade.instrument import segmented
    from vct.dicom import read_series
    from vct.segment.examine import examine, told

    ct, pet = read_series(folder, "CT"), read_series(folder, "PT")
    hu = torch.as_tensor(ct.voxels, dtype=torch.float32)
    suv = torch.as_tensor(pet.voxels, dtype=torch.float32)
    organs = segmenter.organ_list
    with torch.inference_mode():
        found = segmented(segmenter, hu[None], times)
        examined = examine(
            hu, suv, found.labels[0], ct.grid, organs=organs, doubt=found.doubt[0]
        )
    return told(
        [tensor.numpy() for tensor in examined],
        ct.grid,
        organs=organs,
        sex=sex,
        error_per_doubt=segmenter.architecture.error_per_doubt,
    )


def _replace_record(folder: Path, record: dict[str, Any], measured: "Measured") -> None:
    """Write a subject's record beside its place, then rename."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".record") as beside:
        path = write_subject_record(
            Path(beside),
            subject_id=record["subject_id"],
            series=record["series"],
            instances=record["instances"],
            measured=measured,
        )
        path.replace(folder / path.name)
