"""How far the PET lies from its CT, on the device that made the images.

The PET is predicted from the CT's organs, each with its own mean SUV, and moved until
it fits: least squares for three displacements by Gauss and Newton (Lucas and Kanade,
IJCAI 1981). What breathes or fills takes no part: a PET is a mean over many breaths,
its CT one moment of one.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from vct.anatomy import LABEL_OF
from vct.grid import Grid

_FIT_MM = 8.0  # voxels of the fit: noise is averaged, three slices are still in reach
_ROUNDS = 2  # a second one takes the organs' levels where the first found the PET
_STEPS = 3  # of a round
_RIM = 2  # voxels of the fit at the field's faces, whose neighbors a shift needs
_SLICES_AT_ONCE = 8  # of the fit
# A voxel's error grows with its SUV, from this share of the body's mean SUV.
_BACKGROUND = 0.1
# Less curvature than this share of the steepest axis is rounding: a body that looks
# the same all along an axis tells nothing of a shift there.
_LEAST_CURVATURE = 1e-4
_RIDGE = 1e-6  # of that too: keeps such an axis from spoiling the others

_CODES = (0, *sorted(set(LABEL_OF.values())))
_UNSTEADY = (
    "liver", "spleen", "kidney_left", "kidney_right", "heart", "lung_left",
    "lung_right", "urinary_bladder", "stomach", "small_bowel", "colon", "bowel_gas",
    "bowel", "pancreas", "gallbladder",
)  # fmt: skip


def pet_ct_shift_mm(suv: Tensor, labels: Tensor, grid: Grid) -> Tensor:
    """Displacement of a PET relative to its CT, float64, (3,), z y x [mm].

    Positive where the PET lies too far superior, posterior, left. NaN along an axis of
    which nothing can be said, as without a body. A factor on the PET changes nothing.
    Nothing waits for the device.

    Parameters
    ----------
    suv
        Float32, (k, j, i).
    labels
        uint8, (k, j, i), ``vct.anatomy`` labels found in the CT alone.
    grid
        Where the voxels lie.
    """
    times = tuple(
        min(n, max(1, round(_FIT_MM / spacing)))
        for n, spacing in zip(grid.shape, grid.spacing_mm, strict=True)
    )
    unsteady = _looked_up(_unsteady(suv), labels, times)
    steady = (_smoothed(unsteady) == 0).to(suv.dtype)
    pet = _smoothed(_box_means(suv, times))
    shift = suv.new_zeros(3, dtype=torch.float64)
    for _ in range(_ROUNDS):
        suv_of_label, body_suv = _levels(suv, labels, times, shift)
        predicted = _smoothed(_looked_up(suv_of_label / body_suv, labels, times))
        shift, known = _fitted(pet / body_suv, predicted, steady, shift)
    voxel_mm = [n * mm for n, mm in zip(times, grid.spacing_mm, strict=True)]
    shift_mm = torch.stack([shift[axis] * voxel_mm[axis] for axis in range(3)])
    return torch.where(known, shift_mm, torch.nan)


def _levels(
    suv: Tensor, labels: Tensor, times: tuple[int, ...], shift: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean SUV of each label value, (256,), and of the body: of every nth voxel.

    The PET is read ``shift`` voxels of the fit off, at the nearest of its voxels.
    """
    for axis, n in enumerate(times):
        size = labels.shape[axis]
        at = torch.arange(0, size, n, device=suv.device) + (n * shift[axis]).round()
        suv = suv.index_select(axis, at.nan_to_num().clamp(0, size - 1).int())
    k, j, i = times
    columns = torch.stack([suv, torch.ones_like(suv)], dim=-1)
    sums = suv.new_zeros(len(_CODES), 2)
    for some, part in zip(
        columns.split(_SLICES_AT_ONCE),
        labels[::k, ::j, ::i].split(_SLICES_AT_ONCE),
        strict=True,
    ):
        flat = part.flatten()
        inside = torch.stack([flat == code for code in _CODES])
        sums += inside.to(suv.dtype) @ some.flatten(0, 2)
    table = suv.new_zeros(256)
    for code, (total, count) in zip(_CODES, sums, strict=True):
        table[code] = total / count.clamp_min(1)
    total, count = sums[1:].sum(dim=0)
    return table, total / count


def _unsteady(like: Tensor) -> Tensor:
    """1 at the label values of organs that take no part, (256,)."""
    table = like.new_zeros(256)
    for name in _UNSTEADY:
        table[LABEL_OF[name]] = 1
    return table


def _looked_up(table: Tensor, labels: Tensor, times: tuple[int, ...]) -> Tensor:
    """Box means of a table's values at the labels."""
    parts = [
        _box_means(table.index_select(0, part.flatten().int()).view(part.shape), times)
        for part in labels.split(_SLICES_AT_ONCE * times[0])
        if len(part) >= times[0]
    ]
    return torch.cat(parts)


def _box_means(x: Tensor, times: tuple[int, ...]) -> Tensor:
    return F.avg_pool3d(x[None], times)[0]


def _smoothed(x: Tensor) -> Tensor:
    """A quarter, a half, a quarter along each axis."""
    for axis in range(3):
        x = torch.lerp(x, (x.roll(1, axis) + x.roll(-1, axis)) / 2, 0.5)
    return x


def _fitted(
    pet: Tensor, predicted: Tensor, steady: Tensor, shift: Tensor
) -> tuple[Tensor, Tensor]:
    """Displacement in voxels from a first guess, and what is known of it, (3,) each."""
    inner = tuple(slice(_RIM, -_RIM) for _ in range(3))
    for _ in range(_STEPS):
        moved = _moved(predicted, shift)
        # The Laplacian takes up how much wider the PET is blurred than its prediction.
        columns = [*_gradient(moved), _laplacian(moved)]
        slopes = torch.stack([column[inner].flatten() for column in columns])
        weighted = slopes * (steady / (moved + _BACKGROUND) ** 2)[inner].flatten()
        normal = (weighted @ slopes.T).double()
        wanted = (weighted @ (pet - moved)[inner].flatten()).double()
        curvature = normal.diagonal()[:3]
        ridge = torch.eye(len(columns), device=normal.device) * curvature.amax()
        step, _ = torch.linalg.solve_ex(normal + _RIDGE * ridge, wanted)
        shift = shift - step[:3].nan_to_num().clamp(-1, 1)
    return shift, curvature > _LEAST_CURVATURE * curvature.amax()


def _moved(x: Tensor, shift: Tensor) -> Tensor:
    """``x`` displaced by ``shift`` voxels, linear between voxels, ends repeated."""
    for axis in range(3):
        n = x.shape[axis]
        at = torch.arange(n, device=x.device) - shift[axis]
        low = at.floor()
        share = (at - low).to(x.dtype).view([n if a == axis else 1 for a in range(3)])
        first, second = (
            x.index_select(axis, (low + step).clamp(0, n - 1).int()) for step in (0, 1)
        )
        x = torch.lerp(first, second, share)
    return x


def _gradient(x: Tensor) -> list[Tensor]:
    return [(x.roll(-1, axis) - x.roll(1, axis)) / 2 for axis in range(3)]


def _laplacian(x: Tensor) -> Tensor:
    sides = [x.roll(-1, axis) + x.roll(1, axis) for axis in range(3)]
    return torch.stack(sides).sum(dim=0) - 6 * x
