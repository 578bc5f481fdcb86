"""NIfTI images as AutoPET holds them: RAS on disk, ``Volume`` in LPS and k j i."""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vct.autopet.dicom_series import LOWEST_HU, whole_hu
from vct.autopet.refusal import ScanError
from vct.errors import VctError
from vct.grid import Grid
from vct.volume import Quantity, Volume

_DIRECTION_TOLERANCE = 1e-3  # of a cosine


@dataclass(frozen=True)
class NiftiImage:
    """A NIfTI file whose header was checked."""

    path: Path
    quantity: Quantity
    grid: Grid

    def read(self) -> Volume:
        """Read the voxels.

        Returns
        -------
        Volume
            float32, k j i, inferior first; LPS.

        Raises
        ------
        ScanError
            If the file is truncated or damaged.
        """
        voxels = np.ascontiguousarray(self._turned())
        if self.quantity == "HU":
            np.maximum(voxels, LOWEST_HU, out=voxels)
        return Volume(voxels, self.grid, self.quantity)

    def read_padded(self) -> Volume:
        """Read a CT as ``Series.read_padded`` does: int16, padding below -1024 HU."""
        turned = self._turned()
        voxels = np.empty(turned.shape, np.int16)
        for k, image in enumerate(turned):
            voxels[k] = whole_hu(_finite(image, self.path))
        return Volume(voxels, self.grid, self.quantity)

    def _turned(self) -> np.ndarray:
        """Voxels in the grid's order, float32, a view of the file's order."""
        image = _load(self.path)
        try:
            array = np.asarray(image.dataobj, np.float32)
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise ScanError(f"{self.path} is truncated or damaged ({error})") from error
        order, flips = _turn(image.affine)
        array = array.reshape(array.shape[:3]).transpose(order)
        return array[tuple(slice(None, None, step) for step in flips)]


def _finite(image: np.ndarray, path: Path) -> np.ndarray:
    if not np.isfinite(image).all():
        raise ScanError(f"{path}: the HU image holds values that are not finite")
    return image


def nifti_image(path: Path, quantity: Quantity) -> NiftiImage:
    """Check the header of a NIfTI file.

    Raises
    ------
    ScanError
        If it is no NIfTI, not three-dimensional, in color, oblique, without
        orientation, or shorter than its header says.
    """
    image = _load(path)
    shape = image.shape
    if len(shape) > 3 and all(n == 1 for n in shape[3:]):
        shape = shape[:3]
    if len(shape) != 3 or min(shape) < 1:
        raise ScanError(f"{path.name}: shape {image.shape}, not a volume")
    if image.get_data_dtype().kind not in "iuf":
        raise ScanError(f"{path.name}: its voxels are no real numbers (colors?)")
    if not int(image.header["qform_code"]) and not int(image.header["sform_code"]):
        raise ScanError(f"{path.name}: neither qform nor sform says how it lies")
    unit = _unit_of_length(image)
    if unit not in ("mm", "unknown"):
        raise ScanError(f"{path.name}: its unit of length is {unit}, not mm")
    try:
        order, flips = _turn(image.affine)
    except ScanError as error:
        raise ScanError(f"{path.name}: {error}") from error
    _check_length(path, image, int(np.prod(shape)))
    return NiftiImage(path, quantity, _grid(shape, image.affine, order, flips))


def _load(path: Path) -> Any:
    try:
        import nibabel
    except ImportError as error:
        raise VctError(
            "Reading NIfTI needs nibabel. Install it with: pip install 'vct[nifti]'"
        ) from error
    try:
        return nibabel.load(path)
    except Exception as error:  # a damaged header raises whatever it likes
        raise ScanError(f"{path.name} is no NIfTI file ({error})") from error


def _unit_of_length(image: Any) -> str:
    try:
        return str(image.header.get_xyzt_units()[0])
    except KeyError:
        return f"of code {int(image.header['xyzt_units']) % 8}"


def _turn(
    affine: np.ndarray,
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Axes of the array that run along z, y, x; and steps that make them grow in LPS.

    RAS to LPS: x and y change their sign.
    """
    lps = np.diag([-1.0, -1.0, 1.0]) @ np.asarray(affine)[:3, :3]
    lengths = np.linalg.norm(lps, axis=0)
    if not np.all(lengths > 0) or not np.all(np.isfinite(lengths)):
        raise ScanError("its affine is not invertible")
    cosines = lps / lengths
    axes = [int(np.argmax(np.abs(cosines[row]))) for row in range(3)]
    along = [float(cosines[row, axis]) for row, axis in enumerate(axes)]
    if len(set(axes)) < 3 or min(map(abs, along)) < 1 - _DIRECTION_TOLERANCE:
        raise ScanError("it lies oblique to the patient's axes")
    x, y, z = axes
    signs = [1 if cosine > 0 else -1 for cosine in along]
    return (z, y, x), (signs[2], signs[1], signs[0])


def _grid(
    shape: tuple[int, ...],
    affine: np.ndarray,
    order: tuple[int, int, int],
    flips: tuple[int, int, int],
) -> Grid:
    """Grid of the turned array."""
    affine = np.asarray(affine, float)
    first = np.zeros(3)
    for axis, flip in zip(order, flips, strict=True):
        if flip < 0:
            first[axis] = shape[axis] - 1
    x, y, z = np.array([-1.0, -1.0, 1.0]) * (affine[:3, :3] @ first + affine[:3, 3])
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    dz, dy, dx = (float(spacing[axis]) for axis in order)
    k, j, i = (int(shape[axis]) for axis in order)
    return Grid((k, j, i), (dz, dy, dx), (float(z), float(y), float(x)))


def _check_length(path: Path, image: Any, voxels: int) -> None:
    """The file holds all its voxels, as far as that is told without reading them.

    The last four bytes of a gzip file are its unpacked length modulo 2^32 (RFC 1952);
    of one that was packed in parts, those of its last part.
    """
    needed = int(image.dataobj.offset) + voxels * image.get_data_dtype().itemsize
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if path.suffix == ".gz":
            file.seek(max(0, size - 4))
            told = int.from_bytes(file.read(4), "little")
            complete = told == needed % 2**32 or _unpacked_bytes(path) >= needed
        else:
            complete = size >= needed
    if not complete:
        raise ScanError(f"{path.name} is truncated: its voxels are not all there")


def _unpacked_bytes(path: Path) -> int:
    count = 0
    try:
        with gzip.open(path) as file:
            while block := file.read(1 << 20):
                count += len(block)
    except (OSError, EOFError, zlib.error):
        return 0
    return count
