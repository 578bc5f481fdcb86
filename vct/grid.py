"""Where voxels lie: shape, spacing and origin of an axis-aligned volume.

Index order is ``k j i`` (slice, row, column). The patient frame is LPS in
millimeters: x grows to the patient's left with i, y to posterior with j, z to
superior with k, so that k = 0 is the most inferior slice.
"""

from dataclasses import dataclass

import numpy as np

# The field of view of every bundled model [mm] (axial, front-back, left-right):
# an obese subject still fits. The lung top lies LUNG_TOP_BELOW_TOP_MM under its top.
FIELD_OF_VIEW_MM = (1152.0, 384.0, 512.0)
LUNG_TOP_BELOW_TOP_MM = 320.0


@dataclass(frozen=True)
class Grid:
    """An axis-aligned voxel grid in the patient frame.

    Parameters
    ----------
    shape
        Voxels along (k, j, i).
    spacing_mm
        Distance between voxel centers along (k, j, i) [mm].
    origin_mm
        Center of voxel (0, 0, 0) as (z, y, x) [mm], LPS.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]

    @property
    def fov_mm(self) -> tuple[float, float, float]:
        """Extent from edge to edge along (k, j, i) [mm]."""
        k, j, i = (n * s for n, s in zip(self.shape, self.spacing_mm, strict=True))
        return (k, j, i)

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel [mL]."""
        return float(np.prod(self.spacing_mm)) / 1000.0

    def centers_mm(self, axis: int) -> np.ndarray:
        """Voxel centers along an axis (0 = z, 1 = y, 2 = x) [mm], shape (n,)."""
        n = self.shape[axis]
        return self.origin_mm[axis] + self.spacing_mm[axis] * np.arange(n)

    def coarsened(self, factor: int) -> "Grid":
        """Grid whose voxels hold factor³ of ours; edges coincide.

        Raises
        ------
        ValueError
            If the factor does not divide the shape.
        """
        if any(n % factor for n in self.shape):
            raise ValueError(f"{factor} does not divide the shape {self.shape}")
        k, j, i = (n // factor for n in self.shape)
        dz, dy, dx = (s * factor for s in self.spacing_mm)
        shift = (factor - 1) / 2
        z, y, x = (
            o + shift * s for o, s in zip(self.origin_mm, self.spacing_mm, strict=True)
        )
        return Grid((k, j, i), (dz, dy, dx), (z, y, x))

    def window(
        self, edges_mm: tuple[tuple[float, float], ...]
    ) -> tuple[slice, slice, slice]:
        """Voxels between a low and a high edge along z, y and x [mm].

        Raises
        ------
        ValueError
            If an edge lies outside the grid, or inside a voxel.
        """
        parts = []
        axes = zip("zyx", edges_mm, self.shape, self.spacing_mm, strict=True)
        for axis, (name, edges, voxels, spacing) in enumerate(axes):
            first = self.origin_mm[axis] - spacing / 2
            low, high = ((edge - first) / spacing for edge in edges)
            whole = all(abs(n - round(n)) < 1e-6 for n in (low, high))
            if not (whole and 0 <= round(low) < round(high) <= voxels):
                raise ValueError(
                    f"{name} from {edges[0]:g} to {edges[1]:g} mm is no window of "
                    f"voxels; the grid goes from {first:g} to "
                    f"{first + voxels * spacing:g} mm in steps of {spacing:g} mm"
                )
            parts.append(slice(round(low), round(high)))
        k, j, i = parts
        return k, j, i

    def within(self, window: tuple[slice, slice, slice]) -> "Grid":
        """The grid of a window's voxels."""
        k, j, i = (part.stop - part.start for part in window)
        z, y, x = (
            origin + part.start * spacing
            for origin, part, spacing in zip(
                self.origin_mm, window, self.spacing_mm, strict=True
            )
        )
        return Grid((k, j, i), self.spacing_mm, (z, y, x))


def whole_body_grid(spacing_mm: float) -> Grid:
    """Isotropic grid over the whole-body field of view.

    z = 0 is the lung top, x = y = 0 the middle of the field.

    Examples
    --------
    >>> whole_body_grid(4.0).shape
    (288, 96, 128)
    >>> whole_body_grid(8.0) == whole_body_grid(4.0).coarsened(2)
    True
    """
    k, j, i = (round(extent / spacing_mm) for extent in FIELD_OF_VIEW_MM)
    low = (
        LUNG_TOP_BELOW_TOP_MM - FIELD_OF_VIEW_MM[0],
        -FIELD_OF_VIEW_MM[1] / 2,
        -FIELD_OF_VIEW_MM[2] / 2,
    )
    z, y, x = (edge + spacing_mm / 2 for edge in low)
    return Grid((k, j, i), (spacing_mm, spacing_mm, spacing_mm), (z, y, x))
