"""What an instrument with perfect labels reads on rendered phantoms.

Volumes and mean SUVs by structure, and by fitted quantity, of one phantom per draw.
"""

from dataclasses import dataclass

import numpy as np
import torch

from vct.grid import Grid
from vct.phantom.demographics import Person
from vct.phantom.painted_uptake import corrected, structures_read
from vct.phantom.population import draw_anatomy, draw_quantities, fitted_table
from vct.phantom.render import render
from vct.phantom.structures import NAMES, STRUCTURE_LABEL
from vct.seeds import generator, torch_seed

_BONE_PARTS = ("_cortex", "_marrow", "rib", "sternum", "clavicles", "scapulae", "bone")
_CUT_BY_SCANS: dict[str, tuple[str, ...]] = {
    "body": NAMES,
    "muscle": tuple(n for n in NAMES if "muscle" in n),
    "subcutaneous_fat": ("subcutaneous_fat",),
    "visceral_fat": ("visceral_fat",),
    "bone": tuple(n for n in NAMES if n.endswith(_BONE_PARTS)),
}


@dataclass(frozen=True)
class Reading:
    """One rendered phantom: what was drawn, painted and read.

    ``drawn`` by quantity (``suv/liver``), ``painted`` mean SUV by organ (``liver``);
    ``volume_ml`` and ``suv`` by structure, of the voxels labeled so; ``hu`` likewise.
    """

    person: Person
    drawn: dict[str, float]
    painted: dict[str, float]
    volume_ml: dict[str, float]
    suv: dict[str, float]
    hu: dict[str, float]
    myocardium_pattern: str
    activity_share: float  # SUV × volume over the field, over the weight
    scan_volume_ml: dict[str, float]  # body, muscle, … in the range of a scan

    def read(self) -> dict[str, float]:
        """Volume and mean SUV of every fitted quantity that has labels."""
        found = {}
        for quantity, structures in structures_read().items():
            volumes = np.array([self.volume_ml[s] for s in structures])
            suvs = np.array([self.suv[s] for s in structures])
            total = float(volumes.sum())
            if total > 0:
                found[f"volume_ml/{quantity}"] = total
                found[f"suv/{quantity}"] = float(volumes @ suvs) / total
        return found


def read_phantom(
    person: Person, grid: Grid, seed: int, *path: str | int, scan_mm: float = np.inf
) -> Reading:
    """Draw, render and read one phantom of the stream ``seed``, ``path``.

    ``scan_volume_ml`` counts what lies within ``scan_mm`` below the vertex.
    """
    drawn = draw_quantities(person, generator(seed, *path))
    anatomy = draw_anatomy(person, generator(seed, *path))
    noise = torch.Generator().manual_seed(torch_seed(seed, *path))
    phantom = render(anatomy, grid, generator=noise)
    labels = phantom.labels.flatten().long()
    count = _sums(labels, torch.ones_like(phantom.suv))
    suv = _sums(labels, phantom.suv) / np.maximum(count, 1)
    hu = _sums(labels, phantom.ct_hu) / np.maximum(count, 1)
    whole = {k[4:]: v for k, v in drawn.items() if k.startswith("suv/")}
    painted = corrected(whole, person.sex, fitted_table()["reading_correction"])
    total_ml = float(phantom.suv.double().sum()) * grid.voxel_ml
    weight_kg = person.bmi_kg_m2 * person.height_m**2
    return Reading(
        person=person,
        drawn=drawn,
        painted=painted,
        volume_ml=_by_name(count * grid.voxel_ml),
        suv=_by_name(suv),
        hu=_by_name(hu),
        myocardium_pattern=anatomy.myocardium_pattern,
        activity_share=total_ml / (1000.0 * weight_kg),
        scan_volume_ml=_scan_volumes(phantom.labels, grid, scan_mm),
    )


def _sums(labels: torch.Tensor, image: torch.Tensor) -> np.ndarray:
    sums = torch.bincount(
        labels, weights=image.flatten().double(), minlength=len(NAMES) + 1
    )
    return sums.numpy()


def _scan_volumes(labels: torch.Tensor, grid: Grid, scan_mm: float) -> dict[str, float]:
    """Volumes within ``scan_mm`` below the uppermost voxel of the body [mL]."""
    top = int(torch.nonzero(labels.flatten(1).any(dim=1)).max())
    slices = min(scan_mm / grid.spacing_mm[0], top + 1)
    inside = labels[top + 1 - round(slices) : top + 1].flatten().long()
    count = torch.bincount(inside, minlength=len(NAMES) + 1)
    return {
        name: float(sum(count[STRUCTURE_LABEL[p]] for p in parts)) * grid.voxel_ml
        for name, parts in _CUT_BY_SCANS.items()
    }


def _by_name(values: np.ndarray) -> dict[str, float]:
    return {name: float(values[label]) for name, label in STRUCTURE_LABEL.items()}
