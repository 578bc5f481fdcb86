"""Where structures are painted, one over the other, by fractional coverage."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from vct.grid import Grid
from vct.phantom.shapes import Points, Vector
from vct.phantom.structures import STRUCTURE_LABEL, STRUCTURES

Slices = tuple[slice, slice, slice]
FAR_MM = 1000.0
AIR_HU = -1000.0


class Canvas:
    """HU, SUV and labels on a grid, and the coverage of tracked structures.

    A later structure replaces what lies under it in proportion to its coverage,
    so that no two structures overlap and edges carry partial volume.

    Parameters
    ----------
    tracked
        Groups of structures whose volume is wanted: name → names of structures.
        Their coverage, less what later structures take, is kept.
    images
        False paints coverage only (a rehearsal that measures volumes).
    """

    def __init__(
        self,
        grid: Grid,
        device: torch.device | str = "cpu",
        hu: dict[str, float] | None = None,
        suv: dict[str, float] | None = None,
        tracked: Sequence[str] = (),
        images: bool = True,
    ) -> None:
        self.grid = grid
        self.device = torch.device(device)
        self.step_mm = float(np.mean(grid.spacing_mm))
        self.axes = [grid.centers_mm(axis) for axis in range(3)]
        as_tensor = [host_tensor(a, self.device) for a in self.axes]
        self.z = as_tensor[0].view(-1, 1, 1)
        self.y = as_tensor[1].view(1, -1, 1)
        self.x = as_tensor[2].view(1, 1, -1)
        self.hu_of = hu or {s.name: s.hu for s in STRUCTURES}
        self.suv_of = suv or {s.name: s.suv for s in STRUCTURES}
        self.images = images
        if images:
            self.hu = torch.full(grid.shape, AIR_HU, device=self.device)
            self.suv = torch.zeros(grid.shape, device=self.device)
            self.labels = torch.zeros(grid.shape, dtype=torch.uint8, device=self.device)
        self.tracked = set(tracked)
        self.coverage: dict[str, list[tuple[Slices, Tensor]]] = {}

    def box(self, low: Vector, high: Vector) -> Slices:
        """Slices that hold (x, y, z) from low to high [mm] and one voxel more."""
        out = []
        for axis, xyz in ((0, 2), (1, 1), (2, 0)):
            o, s = self.grid.origin_mm[axis], self.grid.spacing_mm[axis]
            n = self.grid.shape[axis]
            first = math.floor((float(low[xyz]) - o) / s) - 1
            last = math.ceil((float(high[xyz]) - o) / s) + 2
            out.append(slice(min(max(first, 0), n), max(min(last, n), 0)))
        return out[0], out[1], out[2]

    def around(self, center: Vector, reach: Vector | float) -> Slices:
        """Box of half widths ``reach`` about a point (x, y, z) [mm]."""
        r = [float(v) for v in np.broadcast_to(np.asarray(reach, float), 3)]
        low = [c - d for c, d in zip(center, r, strict=True)]
        return self.box(low, [c + d for c, d in zip(center, r, strict=True)])

    def points(self, box: Slices) -> Points:
        """Coordinates (x, y, z) in a box, ready to broadcast."""
        k, j, i = box
        return self.x[:, :, i], self.y[:, j], self.z[k]

    def per_slice(self, values: np.ndarray, box: Slices) -> Tensor:
        """A host profile over z, (n_k,), as a tensor for the slices of a box."""
        return host_tensor(values[box[0]], self.device).view(-1, 1, 1)

    def empty(self, box: Slices) -> bool:
        """Whether a box lies outside the field."""
        return any(s.stop <= s.start for s in box)

    def paint(
        self,
        name: str,
        distance: Tensor,
        box: Slices,
        suv: Tensor | float | None = None,
        hu: Tensor | float | None = None,
        opacity: float = 1.0,
    ) -> None:
        """Paint a structure over what is there; ``distance`` [mm] fills the box."""
        if self.empty(box):
            return
        a = (0.5 - distance / self.step_mm).clamp_(0.0, 1.0).expand(_size(box))
        if opacity != 1.0:
            a = a * opacity
        for pieces in self.coverage.values():
            for other, cover in pieces:
                _multiply_overlap(cover, other, a, box)
        if name in self.tracked:
            pieces = self.coverage.setdefault(name, [])
            pieces.append((box, a.clone()))
        if not self.images:
            return
        for image, value in (
            (self.hu, self.hu_of[name] if hu is None else hu),
            (self.suv, self.suv_of[name] if suv is None else suv),
        ):
            view = image[box]
            view += a * (value - view)
        self.labels[box].masked_fill_(a >= 0.5, STRUCTURE_LABEL[name])

    def volume_ml(self, names: Sequence[str]) -> float:
        """Volume of tracked structures, by fractional coverage [mL]."""
        total = sum(
            float(cover.sum(dtype=torch.float64))
            for name in names
            for _, cover in self.coverage.get(name, [])
        )
        return total * self.grid.voxel_ml

    def tubes(
        self, box: Slices, chains: Sequence[tuple[np.ndarray, np.ndarray]]
    ) -> Tensor:
        """Distance to tubes along polylines, each evaluated near itself only.

        Each chain is (points (n, 3), radii (n,)) [mm]. Far from them the distance
        is ``FAR_MM``.
        """
        field = torch.full(_size(box), FAR_MM, device=self.device)
        for points, radii in chains:
            self._lower_chain(field, box, np.asarray(points, float), np.asarray(radii))
        return field

    def _lower_chain(
        self, field: Tensor, box: Slices, points: np.ndarray, radii: np.ndarray
    ) -> None:
        """Unite a chain's segments with the field, all evaluated at once.

        Each has a block of its own about it, all of one size.
        """
        a, b = points[:-1], points[1:]
        reach = np.maximum(radii[:-1], radii[1:])[:, None] + self.step_mm
        origin = np.array(self.grid.origin_mm)
        spacing = np.array(self.grid.spacing_mm)
        low = (np.minimum(a, b) - reach)[:, ::-1]
        high = (np.maximum(a, b) + reach)[:, ::-1]
        first = np.floor((low - origin) / spacing).astype(int) - 1
        last = np.ceil((high - origin) / spacing).astype(int) + 2
        blocks = [
            _slices(start, stop)
            for start, stop in zip(first.tolist(), last.tolist(), strict=True)
        ]
        inside = [_intersection(block, box) for block in blocks]
        kept = [n for n, part in enumerate(inside) if not self.empty(part)]
        if not kept:
            return
        size = (last - first)[kept].max(axis=0)
        numbers = np.concatenate(
            [origin + first * spacing, a, b - a, radii[:-1, None], radii[1:, None]], 1
        )[kept]
        distance = _segment_distances(numbers, size, spacing, self.device)
        for row, n in enumerate(kept):
            view = field[_within(inside[n], box)]
            near = distance[row][_within(inside[n], blocks[n])]
            torch.minimum(view, near, out=view)

    def lower(
        self,
        field: Tensor,
        box: Slices,
        part: Slices,
        shape: Callable[[Points], Tensor],
    ) -> None:
        """Unite a shape, evaluated in ``part``, with the field that fills ``box``."""
        inner = _intersection(box, part)
        if self.empty(inner):
            return
        view = field[_within(inner, box)]
        torch.minimum(view, shape(self.points(inner)), out=view)


def _segment_distances(
    numbers: np.ndarray, size: np.ndarray, spacing: np.ndarray, device: torch.device
) -> Tensor:
    """Distance to each segment [mm] in a block of its own, (n, k, j, i).

    ``numbers`` (n, 11): first voxel of the block (z, y, x), start of the segment
    (x, y, z), its direction (x, y, z), its radius at either end.
    """
    given = host_tensor(numbers, device)[..., None, None, None]
    steps = [
        torch.arange(n, device=device, dtype=torch.float32) * s
        for n, s in zip(size.tolist(), spacing.tolist(), strict=True)
    ]
    z = given[:, 0] + steps[0].view(-1, 1, 1) - given[:, 5]
    y = given[:, 1] + steps[1].view(1, -1, 1) - given[:, 4]
    x = given[:, 2] + steps[2].view(1, 1, -1) - given[:, 3]
    dx, dy, dz = given[:, 6], given[:, 7], given[:, 8]
    length2 = dx.square() + dy.square() + dz.square() + 1e-9
    t = (x * (dx / length2) + y * (dy / length2) + z * (dz / length2)).clamp_(0, 1)
    d2 = (x - t * dx).square_()
    d2 += (y - t * dy).square_()
    d2 += (z - t * dz).square_()
    ra, rb = given[:, 9], given[:, 10]
    return d2.sqrt_() - (ra + (rb - ra) * t)


def host_tensor(values: np.ndarray, device: torch.device) -> Tensor:
    """Host numbers as a float32 tensor on the device, which nothing waits for."""
    tensor = torch.from_numpy(np.ascontiguousarray(values, np.float32))
    return tensor.to(device, non_blocking=True)


def _size(box: Slices) -> tuple[int, int, int]:
    k, j, i = (s.stop - s.start for s in box)
    return k, j, i


def _slices(start: Sequence[int], stop: Sequence[int]) -> Slices:
    k, j, i = (slice(a, b) for a, b in zip(start, stop, strict=True))
    return k, j, i


def _within(part: Slices, whole: Slices) -> Slices:
    """Slices of a part, counted from the start of the whole."""
    k, j, i = (
        slice(s.start - o.start, s.stop - o.start)
        for s, o in zip(part, whole, strict=True)
    )
    return k, j, i


def _intersection(a: Slices, b: Slices) -> Slices:
    k, j, i = (
        slice(max(s.start, t.start), min(s.stop, t.stop))
        for s, t in zip(a, b, strict=True)
    )
    return k, j, i


def _multiply_overlap(cover: Tensor, other: Slices, a: Tensor, box: Slices) -> None:
    inner = _intersection(other, box)
    if any(s.stop <= s.start for s in inner):
        return
    cover[_within(inner, other)] *= 1.0 - a[_within(inner, box)]
