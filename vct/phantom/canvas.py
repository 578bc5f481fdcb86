"""Where structures are painted, one over the other, by fractional coverage."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from vct.grid import Grid
from vct.phantom.shapes import Points, Vector, capsule
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
        as_tensor = [
            torch.tensor(a, dtype=torch.float32, device=self.device) for a in self.axes
        ]
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
        v = torch.tensor(values[box[0]], dtype=torch.float32, device=self.device)
        return v.view(-1, 1, 1)

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
        k, j, i = box
        shape = (k.stop - k.start, j.stop - j.start, i.stop - i.start)
        a = (0.5 - distance / self.step_mm).clamp_(0.0, 1.0).expand(shape)
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
        k, j, i = box
        shape = (k.stop - k.start, j.stop - j.start, i.stop - i.start)
        field = torch.full(shape, FAR_MM, device=self.device)
        for points, radii in chains:
            for a, b, ra, rb in zip(
                points[:-1], points[1:], radii[:-1], radii[1:], strict=True
            ):
                reach = max(ra, rb) + self.step_mm
                near = self.box(np.minimum(a, b) - reach, np.maximum(a, b) + reach)
                shape_of = partial(capsule, a=a, b=b, ra=float(ra), rb=float(rb))
                self.lower(field, box, near, shape_of)
        return field

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
        at = tuple(
            slice(s.start - o.start, s.stop - o.start)
            for s, o in zip(inner, box, strict=True)
        )
        view = field[at]
        view.copy_(torch.minimum(view, shape(self.points(inner))))


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
    mine = tuple(
        slice(s.start - o.start, s.stop - o.start)
        for s, o in zip(inner, other, strict=True)
    )
    theirs = tuple(
        slice(s.start - o.start, s.stop - o.start)
        for s, o in zip(inner, box, strict=True)
    )
    cover[mine] *= 1.0 - a[theirs]
