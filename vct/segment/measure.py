"""Volumes, SUVs and HUs of organs, computed on the device that made the images.

One table of numbers a subject, float64, rows as ``MEASURED`` and columns as
``COLUMNS``: it travels to the host with the images, in the same copy.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from vct.anatomy import LABEL_OF, ORGAN_GROUPS, ORGANS
from vct.grid import Grid

COLUMNS = (
    "voxels", "suv_sum", "suv_square_sum", "suv_max", "hu_sum", "hu_square_sum",
    "edge_voxels", "density_g_ml_sum",
)  # fmt: skip
THRESHOLD_ORGANS = (
    "body_hu", "lungs_hu", "fat_hu", "bone_hu", "brain_suv", "bladder_suv",
)  # fmt: skip
MEASURED = (
    *(organ.name for organ in ORGANS), *ORGAN_GROUPS, "body", *THRESHOLD_ORGANS
)  # fmt: skip


def measure(hu: Tensor, suv: Tensor, labels: Tensor, grid: Grid) -> Tensor:
    """Sums over every organ of one subject, float64, (len(MEASURED), len(COLUMNS)).

    Parameters
    ----------
    hu, suv
        Float32, (k, j, i).
    labels
        uint8, (k, j, i), ``vct.anatomy`` labels.
    grid
        Where the voxels lie.
    """
    density = _density_g_ml(hu)
    masks = [labels == organ.label for organ in ORGANS]
    masks += [
        torch.stack([labels == LABEL_OF[part] for part in parts]).any(dim=0)
        for parts in ORGAN_GROUPS.values()
    ]
    masks.append(labels > 0)
    masks += list(_threshold_masks(hu, suv, grid))
    return torch.stack([_sums(mask, hu, suv, density) for mask in masks])


def _sums(mask: Tensor, hu: Tensor, suv: Tensor, density: Tensor) -> Tensor:
    weight = mask.to(hu.dtype)
    s, h = suv * weight, hu * weight
    edge = mask.clone()
    edge[1:-1, 1:-1, 1:-1] = False

    def total(values: Tensor) -> Tensor:
        return values.sum(dtype=torch.float64)

    return torch.stack(
        [
            total(weight), total(s), total(s * suv), s.amax().double(),
            total(h), total(h * hu), total(edge), total(density * weight),
        ]
    )  # fmt: skip


def _density_g_ml(hu: Tensor) -> Tensor:
    """Mass density from HU: two straight lines through air, water and bone.

    Slope above water after Schneider et al. 2000 (Phys Med Biol 45:459), rounded.
    """
    return torch.where(hu <= 0, 1 + hu / 1000, 1 + 0.0006 * hu).clamp_min(0)


def _threshold_masks(hu: Tensor, suv: Tensor, grid: Grid) -> list[Tensor]:
    """Body, lungs, fat, bone by HU; brain and bladder by SUV: no network.

    Lungs are air-like voxels opened by about 10 mm, so that airways, skin and bowel
    gas vanish; body is tissue and lungs; brain is hot above the lung top, bladder hot
    in the lowest third of the field.
    """
    slices = torch.arange(grid.shape[0], device=hu.device)[:, None, None]
    z = grid.origin_mm[0] + grid.spacing_mm[0] * slices
    lungs = _opened((hu > -950) & (hu < -450), grid)
    tissue = hu > -300
    return [
        tissue | lungs,
        lungs,
        (hu > -190) & (hu < -30),
        hu > 250,
        (suv > 3.0) & (z > 100.0),
        (suv > 4.0) & (z < grid.origin_mm[0] + grid.fov_mm[0] / 3),
    ]


def _opened(mask: Tensor, grid: Grid, by_mm: float = 10.0) -> Tensor:
    """Morphological opening with a box of about ``by_mm``."""
    size = [2 * max(1, round(by_mm / 2 / s)) + 1 for s in grid.spacing_mm]
    padding = [n // 2 for n in size]
    x = mask[None, None].float()
    eroded = -F.max_pool3d(-x, size, stride=1, padding=padding)
    return F.max_pool3d(eroded, size, stride=1, padding=padding)[0, 0] > 0.5


@dataclass(frozen=True)
class OrganMeasurement:
    """One row of organs.parquet, without its subject."""

    organ: str
    source: str
    volume_ml: float
    suv_mean: float
    suv_sd: float
    suv_max: float
    hu_mean: float
    hu_sd: float
    mass_kg: float
    touches_edge: bool


def organ_rows(sums: list[list[float]], grid: Grid) -> list[OrganMeasurement]:
    """Rows from the table of ``measure``, on the host; empty organs have NaN means."""
    rows = []
    for organ, values in zip(MEASURED, sums, strict=True):
        n, suv, suv2, suv_max, hu, hu2, edge, mass = values
        suv_mean, suv_sd = _mean_sd(n, suv, suv2)
        hu_mean, hu_sd = _mean_sd(n, hu, hu2)
        rows.append(
            OrganMeasurement(
                organ=organ,
                source="threshold" if organ in THRESHOLD_ORGANS else "segmenter",
                volume_ml=n * grid.voxel_ml,
                suv_mean=suv_mean,
                suv_sd=suv_sd,
                suv_max=suv_max if n else float("nan"),
                hu_mean=hu_mean,
                hu_sd=hu_sd,
                mass_kg=mass * grid.voxel_ml / 1000,
                touches_edge=edge > 0,
            )
        )
    return rows


def _mean_sd(n: float, total: float, squares: float) -> tuple[float, float]:
    if not n:
        return float("nan"), float("nan")
    mean = total / n
    return mean, max(squares / n - mean**2, 0.0) ** 0.5
