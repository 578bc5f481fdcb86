"""One ruler for generated subjects and phantoms: what is measured of a volume."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from vct.anatomy import OrganList
from vct.cascade import Cascade
from vct.cascade.encode import decode
from vct.cascade.quantize import CT_OFFSET_HU, quantize_ct, quantize_suv
from vct.errors import ModelError
from vct.grid import Grid
from vct.segment.extent import ends_mm, voxels_by_slice
from vct.segment.measure import measure
from vct.segment.rows import organ_rows
from vct.training.agreement.embedding import embedded
from vct.training.agreement.members import Member

Rows = list[dict[str, Any]]


def need_segmenter(cascade: Cascade) -> None:
    """Raise ``ModelError`` where no organ can be measured."""
    if cascade.segmenter is None:
        raise ModelError(
            "this model has no segmenter, so no organ can be measured; name one in its "
            "card"
        )


@torch.inference_mode()
def read_batch(
    cascade: Cascade, encoded: Tensor, batch: Sequence[Member], *, organs: bool = True
) -> tuple[Rows, Rows]:
    """Rows of subjects and rows of their organs.

    Parameters
    ----------
    cascade
        Its grid and its segmenter measure.
    encoded
        (b, 2, k, j, i) on any device, as ``vct.cascade.encode`` encodes.
    batch
        Whose volumes these are.
    organs
        False measures nothing but the embedding.
    """
    encoded = encoded.to(cascade.device).float()
    grid = cascade.grid
    tokens = embedded(encoded, grid.spacing_mm[0]).numpy()
    subjects = [
        {**described(member), "embedding": row.tobytes()}
        for member, row in zip(batch, tokens, strict=True)
    ]
    if not organs or cascade.segmenter is None:
        return subjects, []
    hu, suv = stored(encoded)
    found = cascade.segment(hu)
    found_rows: Rows = []
    architecture = cascade.segmenter.architecture
    every = cascade.segmenter.organ_list
    for n, subject in enumerate(subjects):
        labels = found.labels[n]
        sums = measure(hu[n], suv[n], labels, grid, organs=every, doubt=found.doubt[n])
        rows = organ_rows(
            sums.cpu().tolist(),
            grid,
            organs=every,
            sex=batch[n].person.sex,
            error_per_doubt=architecture.error_per_doubt,
        )
        ends = organ_ends_mm(labels, grid, every)
        found_rows += [
            {
                "subject_id": subject["subject_id"],
                **asdict(row),
                **ends.get(row.organ, {"z_low_mm": math.nan, "z_high_mm": math.nan}),
            }
            for row in rows
        ]
        subject.update(_whole_field(hu[n], suv[n], grid))
    return subjects, found_rows


def described(member: Member) -> dict[str, Any]:
    """Demographics of a member, with its set."""
    person = member.person
    return {
        "subject_id": member.subject_id,
        "set": member.set,
        "number": member.number,
        "condition": member.condition,
        "age_years": person.age_years,
        "sex": person.sex,
        "height_m": person.height_m,
        "bmi_kg_m2": person.bmi_kg_m2,
        "weight_kg": person.weight_kg,
    }


def organ_ends_mm(
    labels: Tensor, grid: Grid, organs: OrganList
) -> dict[str, dict[str, float]]:
    """Lower and upper end of each organ and group along the body axis [mm].

    Ends are where 2 % of the voxels lie beyond, to a fraction of a slice.
    """
    profiles = voxels_by_slice(labels, organs=organs).cpu().numpy()
    names = [organ.name for organ in organs.organs]
    found = {}
    for row in organs.rows:
        parts = [names.index(part) for part in organs.parts(row)]
        low, high = ends_mm(profiles[parts].sum(axis=0), grid)
        found[row] = {"z_low_mm": low, "z_high_mm": high}
    return found


def stored(encoded: Tensor) -> tuple[Tensor, Tensor]:
    """HU and SUV after the integers that DICOM stores, as the cascade measures them."""
    hu, suv = decode(encoded)
    pet, step = quantize_suv(suv)
    stored_suv = (pet.double() * step[:, :, None, None]).float()
    return quantize_ct(hu).float() + CT_OFFSET_HU, stored_suv


def _whole_field(hu: Tensor, suv: Tensor, grid: Grid) -> dict[str, float]:
    """Sum of SUV over the field [mL · SUV], and its largest value."""
    total = float(suv.sum(dtype=torch.float64)) * grid.voxel_ml
    return {
        "suv_ml_field": total,
        "suv_max_field": float(suv.max()),
        "hu_mean_field": float(hu.mean(dtype=torch.float64)),
    }
