"""One ruler for generated subjects and phantoms: what is measured of a volume."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vct.anatomy import OrganList
from vct.cascade import Cascade
from vct.cascade.encode import decode
from vct.cascade.quantize import CT_OFFSET_HU, quantize_ct, quantize_suv
from vct.grid import Grid
from vct.segment.measure import measure
from vct.segment.rows import organ_rows
from vct.training.agreement.embedding import embedded
from vct.training.agreement.members import Member

Rows = list[dict[str, Any]]
# Slices below and above which 2 % of an organ lie, so that stray voxels move no end.
_END_SHARE = 0.02


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
    hu, suv = _stored(encoded)
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
    size = int(max(organ.label for organ in organs.organs)) + 1
    k = labels.shape[0]
    slices = torch.arange(k, device=labels.device)[:, None, None] * size
    flat = (labels.long() + slices).flatten()
    counts = torch.bincount(flat, minlength=k * size).reshape(k, size).cpu().numpy()
    label_of = {organ.name: organ.label for organ in organs.organs}
    return {
        row: _ends(counts[:, [label_of[p] for p in organs.parts(row)]].sum(1), grid)
        for row in organs.rows
    }


def _ends(profile: np.ndarray, grid: Grid) -> dict[str, float]:
    total = profile.sum()
    if total == 0:
        return {"z_low_mm": math.nan, "z_high_mm": math.nan}
    edges = grid.origin_mm[0] + grid.spacing_mm[0] * (np.arange(len(profile) + 1) - 0.5)
    share = np.concatenate([[0.0], np.cumsum(profile) / total])
    low, high = np.interp([_END_SHARE, 1 - _END_SHARE], share, edges)
    return {"z_low_mm": float(low), "z_high_mm": float(high)}


def _stored(encoded: Tensor) -> tuple[Tensor, Tensor]:
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
