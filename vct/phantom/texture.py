"""What tissue shows within itself: mottle, marbled muscle, the lungs' fine vessels.

Every field is drawn by millimeters, so that grids of any voxel over one field of view
get the same field from the same generator. Thin structures are as wide as a voxel and
as strong as what a voxel holds of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from vct.phantom.canvas import host_tensor
from vct.phantom.structures import STRUCTURES

# Slow variation within tissue, wide and fine: distance of nodes, and amplitudes.
MOTTLE_NODE_MM = (24.0, 8.0)
MOTTLE_SUV = (0.03, 0.04)  # of SUV
MOTTLE_SOFT_HU = (1.5, 4.0)
MOTTLE_LUNG_HU = (14.0, 22.0)
# Fat between bundles of muscle: sheets along the body, some 15 mm apart and on average
# of this thickness, in places none and in places twice that; 3 % of muscle, assumed.
STRAND_THICKNESS_MM = 0.27
STRAND_NODE_MM = (30.0, 6.0, 6.0)  # z, y, x
STRENGTH_NODE_MM = (40.0, 16.0, 16.0)
FAT_LESS_MUSCLE_HU = -160.0
# Vessels finer than those painted, some 12 mm apart.
VESSEL_RADIUS_MM = 0.8
VESSEL_NODE_MM = (8.0, 8.0, 8.0)
VESSEL_LESS_LUNG_HU = 830.0
HILUM_REACH_MM = 55.0
# SD of the slope of a field of unit SD along one axis, times its node distance.
_SLOPE = 1.18

_MUSCLES = [s.label for s in STRUCTURES if s.name.endswith("_muscle")]
_MUSCLES += [s.label for s in STRUCTURES if s.name == "muscle_wall"]
_LUNGS = [s.label for s in STRUCTURES if s.name in ("lung_left", "lung_right")]


def mottle_field(
    shape: tuple[int, int, int],
    step_mm: float,
    node_mm: float,
    generator: torch.Generator,
    device: torch.device,
) -> Tensor:
    """Random field of about unit SD, linear between nodes ``node_mm`` apart."""
    weights = [_linear_weights(n, round(n * step_mm / node_mm) + 1) for n in shape]
    return _between_nodes(weights, generator, device).mul_(1.5)


def smooth_field(
    shape: tuple[int, int, int],
    step_mm: float,
    node_mm: tuple[float, float, float],
    generator: torch.Generator,
    device: torch.device,
    slices: slice = slice(None),
) -> Tensor:
    """Random field of unit SD with smooth slopes: cubic B-splines on random nodes.

    Only the given slices are computed; what they hold does not depend on which.
    """
    weights = [
        _spline_weights(n, step_mm, node)
        for n, node in zip(shape, node_mm, strict=True)
    ]
    return _between_nodes(weights, generator, device, slices)


def _between_nodes(
    weights: Sequence[np.ndarray],
    generator: torch.Generator,
    device: torch.device,
    slices: slice = slice(None),
) -> Tensor:
    """Normal numbers at nodes, weighted along each axis: (voxels, nodes) z, y, x."""
    nodes = [w.shape[1] for w in weights]
    drawn = torch.randn(nodes, generator=generator, device=generator.device)
    z, y, x = (host_tensor(w, device) for w in (weights[0][slices], *weights[1:]))
    field = torch.matmul(y, torch.matmul(drawn.to(device), x.T))
    return torch.matmul(z, field.flatten(1)).unflatten(1, field.shape[1:])


def _linear_weights(voxels: int, nodes: int) -> np.ndarray:
    """Weight of each node (column) at each voxel (row), from first to last voxel."""
    at = np.linspace(0, nodes - 1, voxels)
    return np.clip(1 - np.abs(at[:, None] - np.arange(nodes)), 0, None)


def _spline_weights(voxels: int, step_mm: float, node_mm: float) -> np.ndarray:
    """Weight of each node (column) at each voxel (row); squares of a row sum to 1."""
    at = (np.arange(voxels) + 0.5) * step_mm / node_mm
    nodes = np.arange(-1, math.ceil(voxels * step_mm / node_mm) + 2)
    d = np.abs(at[:, None] - nodes)
    w = np.where(d < 1, 2 / 3 - d**2 + d**3 / 2, np.clip(2 - d, 0, None) ** 3 / 6)
    return w / np.sqrt((w**2).sum(1, keepdims=True))


def mottled(
    hu: Tensor, suv: Tensor, step_mm: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Slow variation within tissue: ±4 % of SUV, a few HU, more in the lungs.

    HU and SUV, each (k, j, i), come back changed; amplitudes are assumed.
    """
    shape = (hu.shape[0], hu.shape[1], hu.shape[2])
    wide, fine = (
        mottle_field(shape, step_mm, node_mm, generator, hu.device)
        for node_mm in MOTTLE_NODE_MM
    )
    suv = (MOTTLE_SUV[0] * wide).add_(fine, alpha=MOTTLE_SUV[1]).add_(1.0).mul_(suv)
    air = ((-850 - hu) / 100).clamp_(0, 1)
    lung = ((-400 - hu) / 200).clamp_(0, 1).mul_(1 - air)
    soft = ((hu + 200) / 100).clamp_(0, 1)
    change = (lung * MOTTLE_LUNG_HU[0]).add_(soft, alpha=MOTTLE_SOFT_HU[0]).mul_(wide)
    change += (lung * MOTTLE_LUNG_HU[1]).add_(soft, alpha=MOTTLE_SOFT_HU[1]).mul_(fine)
    return change.add_(hu), suv


def marbled(
    hu: Tensor, labels: Tensor, step_mm: float, generator: torch.Generator
) -> Tensor:
    """Strands of fat between bundles of muscle, whose mean HU [HU] stays.

    HU and labels are (k, j, i), as is what comes back. The sheets lie where a smooth
    field crosses zero; a voxel's share of one is spread over the two beside it.
    """
    shape = (hu.shape[0], hu.shape[1], hu.shape[2])
    field = smooth_field(shape, step_mm, STRAND_NODE_MM, generator, hu.device)
    # |field| over its root mean square slope within the slice: distance to a sheet.
    per_voxel = STRAND_NODE_MM[1] / (_SLOPE * math.sqrt(2)) / step_mm
    share = field.abs_().mul_(-per_voxel).add_(1.0).clamp_min_(0.0)
    strength = smooth_field(shape, step_mm, STRENGTH_NODE_MM, generator, hu.device)
    share *= strength.add_(1.0).clamp_(0.0, 2.0)
    share *= FAT_LESS_MUSCLE_HU * min(STRAND_THICKNESS_MM / step_mm, 1.0)
    return hu + _centered(share, _mask(labels, _MUSCLES) * (hu / 40).clamp(0, 1))


def vesseled(
    hu: Tensor,
    labels: Tensor,
    axes_mm: Sequence[np.ndarray],
    hila_mm: Sequence[tuple[float, float, float]],
    generator: torch.Generator,
) -> Tensor:
    """Fine vessels of the lungs, whose mean HU stays [HU], (k, j, i).

    They run where two smooth fields cross zero, thicker towards the hila and the lungs'
    bottom. ``axes_mm`` are the voxels' centers (z, y, x), ``hila_mm`` points (z, y, x).
    """
    z, y, x = axes_mm
    step_mm = float(z[1] - z[0])
    heights = [hilum[0] for hilum in hila_mm]
    top_mm, bottom_mm = max(heights) + 150, min(heights) - 260
    low, high = np.searchsorted(z, (bottom_mm, top_mm))
    if high - low < 2:
        return hu
    part = slice(int(low), int(high))
    shape = (hu.shape[0], hu.shape[1], hu.shape[2])
    q = torch.zeros((), device=hu.device)
    for _ in range(2):
        f = smooth_field(shape, step_mm, VESSEL_NODE_MM, generator, hu.device, part)
        q = q + f.square_()
    spread_mm2 = 0.2 * step_mm**2 + 0.1  # of a vessel as a voxel's mean shows it
    share = (q * (-0.5 * (VESSEL_NODE_MM[0] / _SLOPE) ** 2 / spread_mm2)).exp_()
    near = _near(z[part], y, x, hila_mm, hu.device)
    share *= near * (VESSEL_RADIUS_MM**2 / (2 * spread_mm2))
    share = share.clamp_max_(1.0) * VESSEL_LESS_LUNG_HU
    inside = hu[part]
    lung = _mask(labels[part], _LUNGS) * ((-400 - inside) / 200).clamp(0, 1)
    out = hu.clone()
    out[part] += _centered(share, lung)
    return out


def _near(
    z: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    hila_mm: Sequence[tuple[float, float, float]],
    device: torch.device,
) -> Tensor:
    """Cross-section of vessels against that of ``VESSEL_RADIUS_MM``.

    2.5 at a hilum, 2.8 between them, 0.4 far above and 0.8 far below. Hila are taken
    to be at one height.
    """
    total = torch.zeros((), device=device)
    for at in hila_mm:
        parts = [
            host_tensor(np.exp(-0.5 * ((axis - a) / HILUM_REACH_MM) ** 2), device)
            for axis, a in zip((z, y, x), at, strict=True)
        ]
        plane = parts[1][:, None] * parts[2]
        total = total + parts[0].view(-1, 1, 1) * plane
    below = host_tensor(np.clip((hila_mm[0][0] - z) / 150, -1, 1), device)
    return (1.6 * total) + (0.6 + 0.2 * below).view(-1, 1, 1)


def _mask(labels: Tensor, wanted: Sequence[int]) -> Tensor:
    """1 where a label is wanted, float32."""
    held = torch.zeros(labels.shape, dtype=torch.bool, device=labels.device)
    # Runs of labels, not torch.isin, for speed: 5 ms against 15 for 1.8 M voxels.
    runs: list[list[int]] = []
    for label in sorted(wanted):
        if runs and runs[-1][1] == label - 1:
            runs[-1][1] = label
        else:
            runs.append([label, label])
    for first, last in runs:
        held |= (labels >= first) & (labels <= last)
    return held.float()


def _centered(change: Tensor, weight: Tensor) -> Tensor:
    """A change where weights are, less its weighted mean: the mean there stays."""
    mean = (change * weight).sum() / weight.sum().clamp_min(1.0)
    return (change - mean) * weight
