"""Phantoms as scans: shifted, headless, on a table, arms down, as files."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nibabel
import numpy as np
import torch

from vct.autopet.body import working_grid
from vct.autopet.resample import Resampler
from vct.grid import Grid, whole_body_grid
from vct.phantom.population import Anatomy, draw_anatomy
from vct.phantom.render import render
from vct.volume import Volume


@dataclass
class _Person:
    sex: str
    age_years: float
    height_m: float
    bmi_kg_m2: float


@dataclass(frozen=True)
class Scan:
    """CT [HU] and SUV on one grid."""

    ct_hu: np.ndarray
    suv: np.ndarray
    labels: np.ndarray
    grid: Grid

    @property
    def ct(self) -> Volume:
        """The CT as a volume of its own."""
        return Volume(self.ct_hu.copy(), self.grid, "HU")

    @property
    def pet(self) -> Volume:
        """The PET as a volume of its own."""
        return Volume(self.suv.copy(), self.grid, "SUV")

    def moved(self, z_mm: float, y_mm: float, x_mm: float) -> "Scan":
        """The same person elsewhere in the scanner."""
        z, y, x = self.grid.origin_mm
        grid = Grid(
            self.grid.shape, self.grid.spacing_mm, (z + z_mm, y + y_mm, x + x_mm)
        )
        return Scan(self.ct_hu, self.suv, self.labels, grid)

    def cut(self, low_mm: float, high_mm: float) -> "Scan":
        """Only the slices between two heights."""
        z = self.grid.centers_mm(0)
        kept = np.flatnonzero((z >= low_mm) & (z <= high_mm))
        _, y, x = self.grid.origin_mm
        ks = slice(int(kept[0]), int(kept[-1]) + 1)
        grid = Grid(
            (len(kept), *self.grid.shape[1:]),
            self.grid.spacing_mm,
            (float(z[kept[0]]), y, x),
        )
        return Scan(self.ct_hu[ks], self.suv[ks], self.labels[ks], grid)

    def with_hu(self, where: np.ndarray, hu: float) -> "Scan":
        """Something else where a mask says so."""
        return Scan(
            np.where(where, np.float32(hu), self.ct_hu),
            self.suv,
            self.labels,
            self.grid,
        )

    def axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Coordinates z, y, x [mm], to broadcast."""
        z, y, x = (self.grid.centers_mm(axis) for axis in range(3))
        return z[:, None, None], y[:, None], x


@cache
def anatomy(seed: int) -> Anatomy:
    """A man or a woman."""
    rng = np.random.default_rng(seed)
    sex = "M" if seed % 2 else "F"
    height = 1.77 if sex == "M" else 1.65
    bmi = float(np.clip(26 + 4 * rng.standard_normal(), 20, 34))
    return draw_anatomy(_Person(sex, 40.0 + seed, height, bmi), rng)  # type: ignore[arg-type]


@cache
def person(seed: int, spacing_mm: float = 8.0) -> Scan:
    """A phantom with noise; its lung top is at z = 0."""
    grid = whole_body_grid(spacing_mm)
    generator = torch.Generator().manual_seed(seed)
    phantom = render(anatomy(seed), grid, generator=generator)
    return Scan(
        phantom.ct_hu.numpy(), phantom.suv.numpy(), phantom.labels.numpy(), grid
    )


def defaced(scan: Scan) -> Scan:
    """As the open copy of AutoPET: nothing above the base of the neck."""
    z, _, _ = scan.axes()
    above = np.broadcast_to(z > 60.0, scan.ct_hu.shape)
    return Scan(
        np.where(above, np.float32(-1024), scan.ct_hu),
        np.where(above, np.float32(0), scan.suv),
        scan.labels,
        scan.grid,
    )


def arms_down(scan: Scan) -> Scan:
    """Raised arms gone, arms of 8 cm beside the trunk, which they touch in places."""
    z, y, x = scan.axes()
    trunk = scan.ct_hu > -500
    half = np.ptp(np.nonzero(trunk[(z < -150).ravel() & (z > -350).ravel()])[2]) / 2
    out = half * scan.grid.spacing_mm[2] + 44.0
    along = (z < -20) & (z > -500)
    arm = (np.hypot(y, np.abs(x) - out) < 40.0) & along
    return scan.with_hu(arm, 40.0)


def on_a_table(scan: Scan, gap_mm: float = 0.0) -> tuple[Scan, np.ndarray]:
    """Two carbon shells, foam between them, under the back; and where they lie."""
    z, y, x = scan.axes()
    back = float(y.ravel()[np.nonzero(scan.ct_hu > -500)[1].max()])
    y = y + 0 * z + 0 * x
    step = scan.grid.spacing_mm[1]
    low = back + step + gap_mm
    wide = np.abs(x) < 200
    shells = (
        ((y >= low) & (y < low + step)) | ((y >= low + 4 * step) & (y < low + 5 * step))
    ) & wide
    foam = (y >= low) & (y < low + 5 * step) & wide & ~shells
    return scan.with_hu(foam, -950.0).with_hu(shells, -300.0), shells | foam


def finer(scan: Scan, spacing_mm: tuple[float, float, float]) -> Scan:
    """The scan on a finer grid of the same place: what a scanner's files hold."""
    shape, origin = [], []
    for n, d, o, s in zip(
        scan.grid.shape,
        scan.grid.spacing_mm,
        scan.grid.origin_mm,
        spacing_mm,
        strict=True,
    ):
        count = int(n * d / s)
        shape.append(count)
        origin.append(o + (n - 1) * d / 2 - (count - 1) * s / 2)
    k, j, i = shape
    z, y, x = origin
    grid = Grid((k, j, i), spacing_mm, (z, y, x))
    resampler = Resampler.between(scan.grid, grid)
    labels = np.zeros(grid.shape, np.uint8)
    return Scan(resampler.apply(scan.ct_hu), resampler.apply(scan.suv), labels, grid)


def working(scan: Scan) -> tuple[np.ndarray, Grid]:
    """CT on the working grid of body and alignment."""
    grid = working_grid(scan.grid)
    return Resampler.between(scan.grid, grid).apply(scan.ct_hu), grid


def save(volume: Volume, path: Path) -> Path:
    """Write NIfTI as dicom2nifti does: RAS+, i j k."""
    path.parent.mkdir(parents=True, exist_ok=True)
    (dz, dy, dx), (z, y, x) = volume.grid.spacing_mm, volume.grid.origin_mm
    _, rows, columns = volume.grid.shape
    ras = volume.voxels.transpose(2, 1, 0)[::-1, ::-1]
    affine = np.diag([dx, dy, dz, 1.0])
    affine[:3, 3] = -(x + (columns - 1) * dx), -(y + (rows - 1) * dy), z
    nibabel.save(nibabel.Nifti1Image(ras.astype(np.float32), affine), path)  # type: ignore[attr-defined]
    return path


def converted(root: Path, subject: str, number: int, scan: Scan) -> Path:
    """A study of the official conversion."""
    return written(root, subject, number, scan.ct, scan.pet)


def written(root: Path, subject: str, number: int, ct: Volume, pet: Volume) -> Path:
    """The same of two images on grids of their own."""
    name = f"01-01-2025-NA-PET-CT Ganzkoerper  primaer mit KM-{number:05d}"
    folder = root / "FDG-PET-CT-Lesions" / subject / name
    save(ct, folder / "CT.nii.gz")
    save(pet, folder / "SUV.nii.gz")
    return folder
