"""Organs by TotalSegmentator, for those who have installed it and its weights.

Wasserthal et al., Radiology: Artificial Intelligence 5 (2023) e230024. Its Python
interface: ``totalsegmentator.python_api.totalsegmentator``.
"""

from importlib import metadata, util

import numpy as np

from vct.autopet.refusal import ScanError
from vct.errors import VctError
from vct.grid import Grid

TASK = "total"


def require_totalsegmentator() -> str:
    """The instrument's name, with its version.

    Raises
    ------
    VctError
        If TotalSegmentator or nibabel is not installed.
    """
    for module in ("totalsegmentator", "nibabel"):
        if util.find_spec(module) is None:
            raise VctError(
                f"--totalsegmentator needs {module}, which is not installed. Install "
                "it with: pip install 'vct[totalsegmentator]', and fetch its weights "
                "with: totalseg_download_weights -t total"
            )
    try:
        version = metadata.version("TotalSegmentator")
    except metadata.PackageNotFoundError:
        version = "of unknown version"
    return f"TotalSegmentator {version}, task {TASK}"


def totalsegmentator_labels(ct_hu: np.ndarray, grid: Grid, device: str) -> np.ndarray:
    """Numbers of TotalSegmentator's classes, (k, j, i), for a CT [HU] on a grid.

    Parameters
    ----------
    device
        ``cpu``, ``cuda`` or ``cuda:N``.

    Raises
    ------
    ScanError
        If it gives back another grid than it was given.
    """
    import nibabel
    from totalsegmentator.python_api import totalsegmentator

    # RAS+ i j k on the way out: x and y change their sign and their direction.
    affine = np.diag([grid.spacing_mm[2], grid.spacing_mm[1], grid.spacing_mm[0], 1.0])
    high_y, high_x = (float(grid.centers_mm(axis)[-1]) for axis in (1, 2))
    affine[:3, 3] = -high_x, -high_y, grid.origin_mm[0]
    image = nibabel.Nifti1Image(
        np.asarray(ct_hu, np.int16).transpose(2, 1, 0)[::-1, ::-1], affine
    )
    found = totalsegmentator(
        image, None, ml=True, task=TASK, quiet=True, device=_named(device)
    )
    labels = np.asarray(found.dataobj)
    if labels.shape != image.shape or not np.allclose(found.affine, affine, atol=1e-3):
        raise ScanError(
            f"TotalSegmentator gave back {labels.shape} voxels at another place than "
            f"the {image.shape} it was given"
        )
    return np.ascontiguousarray(labels[::-1, ::-1].transpose(2, 1, 0))


def _named(device: str) -> str:
    """TotalSegmentator calls CUDA devices ``gpu`` and ``gpu:N``."""
    return device.replace("cuda", "gpu")
