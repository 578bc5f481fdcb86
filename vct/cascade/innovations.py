"""What the base network's estimate leaves in the noise, tissue by tissue.

If D(x; σ) were the mean of y given x, what is left, x − D, would tell nothing more of
y. A network of convolutions sees a neighborhood, and its loss hardly pays for a small
shift that a whole organ has in common: at σ = 1 the uptake of somebody's fat is known
to 0.005 from its 46 000 voxels (unit: the residual's SD), and the network misses it by
0.025. A filter calls x − D the innovation (Kalman 1960). Its mean over one tissue, in
the neighborhood and in the whole body, goes into a linear regression of y − D, which is
fitted to people whom the network has not seen and added to D while sampling. So does
what the body of D weighs beyond the weight that was asked for.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vct.cascade.body_mass import BodyMass
from vct.cascade.encode import encode_ct, encode_suv
from vct.cascade.resample import upsample
from vct.diffusion.schedule import noise_levels

BLOCK = 4  # base voxels along the edge of a block, of which means are taken
# From 0.2 to 154, rising; beyond either end the gains stay as they are there.
LEVELS = noise_levels(18, sigma_min=0.2, sigma_max=200.0)[1:-1][::-1]

# Soft tissue also by SUV: muscle and blood, liver, brain and heart, urine.
_CT_TOPS = encode_ct(torch.tensor([-950.0, -500.0, -140.0, -30.0, 150.0])).tolist()
_SOFT, _BONE = 4, 5
_SUV_TOPS = encode_suv(torch.tensor([1.2, 3.5, 8.0])).tolist()
TISSUES = (
    *("air", "lung", "skin", "fat"),
    *("soft", "warm", "hot", "hottest"),
    "bone",
)

# Means shrink to zero as if a tissue's shift had this variance, by the size of the
# place it is shared in: its square root is what networks were seen to miss.
_VARIANCE = {"near": 0.1, "wide": 0.03, "body": 0.003}
_REACH = {"near": 2, "wide": 4}  # blocks, to where a neighbor no longer counts
FEATURES = (
    *("near CT", "near PET"),
    *("wide CT", "wide PET"),
    *("body CT", "body PET"),
    *("one", "overweight"),
)
_RIDGE = 10.0  # as if so many more people had shown no relation


class Innovations(nn.Module):
    """Linear estimate of y − D from the tissues' mean x − D and from the body's mass.

    ``gains`` (levels, tissues, 2, features) at the noise levels ``LEVELS``, between
    which they are interpolated in ln σ; zero until ``fit``, as ``mass`` is.
    """

    def __init__(self) -> None:
        super().__init__()
        size = (len(LEVELS), len(TISSUES), 2, len(FEATURES))
        self.register_buffer("gains", torch.zeros(size))
        self.gains: Tensor
        self.mass = BodyMass()

    def forward(
        self,
        innovation: Tensor,
        sigma: Tensor,
        *,
        encoded: Tensor,
        condition: Tensor,
        coverage: Tensor | None = None,
    ) -> Tensor:
        """What is to be added to D, (b, 2, k, j, i), where a scan covers.

        Parameters
        ----------
        innovation
            x − D, (b, 2, k, j, i), each axis a multiple of ``BLOCK``.
        sigma
            (b,).
        encoded
            D as an encoded volume, which tells the tissues.
        condition
            (b, 6).
        coverage
            (b, 1, k, j, i); 1 everywhere if None.
        """
        tissue = tissue_of(encoded)
        sums = block_sums(innovation, tissue, coverage)
        overweight = self.mass(encoded, condition, coverage)
        seen = features(sums, sigma, overweight)
        blocks = torch.einsum("btfkji,btcf->btckji", seen, self._gains_at(sigma))
        correction = _at_voxels(blocks, tissue)
        return correction if coverage is None else correction * coverage

    def _gains_at(self, sigma: Tensor) -> Tensor:
        """Gains interpolated in ln σ, (b, tissues, 2, features)."""
        knots = torch.tensor(LEVELS, dtype=torch.float64, device=sigma.device).log()
        at = sigma.double().log().clamp(knots[0], knots[-1])
        above = torch.searchsorted(knots, at).clamp_min(1)
        low, high = knots[above - 1], knots[above]
        share = ((at - low) / (high - low)).float()[:, None, None, None]
        gains = self.gains.float()
        return gains[above - 1] * (1 - share) + gains[above] * share

    @torch.no_grad()
    def fit(self, level: int, sums: "RegressionSums") -> None:
        """Gains of one of ``LEVELS``, by its number: a ridge regression a tissue."""
        for tissue, (normal, moment) in enumerate(zip(*sums.totals, strict=True)):
            scale = normal.diagonal().clamp_min(1e-12).rsqrt()
            unit = normal * scale[:, None] * scale
            penalty = torch.eye(len(unit), dtype=unit.dtype) * (_RIDGE / sums.people)
            solved = torch.linalg.solve(unit + penalty, moment * scale[:, None])
            self.gains[level, tissue] = (solved * scale[:, None]).T.bfloat16()


class RegressionSums:
    """What the regressions of one noise level need, summed over people."""

    def __init__(self) -> None:
        count, width = len(TISSUES), len(FEATURES)
        self.people = 0
        self.totals = (
            torch.zeros(count, width, width, dtype=torch.float64),
            torch.zeros(count, width, 2, dtype=torch.float64),
        )

    def add(self, seen: Tensor, missed: Tensor) -> None:
        """Add people: their ``features``, and ``block_sums`` of y − D."""
        rows = seen.double().movedim(2, -1).movedim(0, 1).flatten(1, -2)
        parts = missed.double().movedim(2, -1).movedim(0, 1).flatten(1, -2)
        count, error_sum = parts[..., 0], parts[..., 1:]
        normal, moment = self.totals
        normal += torch.einsum("tnf,tn,tng->tfg", rows, count, rows).cpu()
        moment += torch.einsum("tnf,tnc->tfc", rows, error_sum).cpu()
        self.people += len(seen)


def tissue_of(encoded: Tensor) -> Tensor:
    """Index into ``TISSUES`` of every voxel: (b, 2, k, j, i) → (b, k, j, i)."""
    ct, pet = encoded.unbind(dim=1)
    by_ct, by_suv = _count_below(ct, _CT_TOPS), _count_below(pet, _SUV_TOPS)
    beyond = by_ct + len(_SUV_TOPS) * (by_ct == _BONE)
    return torch.where(by_ct == _SOFT, _SOFT + by_suv, beyond).long()


def _count_below(values: Tensor, tops: list[float]) -> Tensor:
    """How many of the rising ``tops`` lie below: bucketize, which takes longer."""
    count = torch.zeros_like(values, dtype=torch.int32)
    for top in tops:
        count += values > top
    return count


def block_sums(
    values: Tensor, tissue: Tensor, coverage: Tensor | None = None
) -> Tensor:
    """Voxels of each tissue and sums of values over them, block by block.

    (b, 2, k, j, i), (b, k, j, i) and (b, 1, k, j, i) →
    (b, tissues, 3, k/4, j/4, i/4).
    """
    if coverage is None:
        coverage = torch.ones_like(values[:, :1])
    parts = _in_blocks(torch.cat([coverage, values * coverage], dim=1), BLOCK)
    each = torch.arange(len(TISSUES), device=tissue.device)[:, None]
    masks = (_in_blocks(tissue[:, None], BLOCK) == each).to(parts.dtype)
    return (masks @ parts.mT).movedim((-2, -1), (1, 2))


def _in_blocks(volume: Tensor, size: int) -> Tensor:
    """(b, c, k, j, i) → (b, k/size, j/size, i/size, c, size³)."""
    for axis in (2, 4, 6):
        volume = volume.unflatten(axis, (-1, size))
    return volume.permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(-3)


def _at_voxels(blocks: Tensor, tissue: Tensor) -> Tensor:
    """Every voxel's own tissue's value: (b, tissues, 2, k/4, ...) → (b, 2, k, j, i).

    Interpolated between blocks to cells of 2³ voxels, which hold one value each: for
    every voxel it took ten times as long on a CPU.
    """
    cells = upsample(blocks.flatten(1, 2), BLOCK // 2).unflatten(1, blocks.shape[1:3])
    size, shape = 2, cells.shape[3:]
    own = _in_blocks(tissue[:, None], size).flatten(1, 3)  # (b, cells, 1, size³)
    own = own.transpose(1, 3).expand(-1, -1, cells.shape[2], -1)
    values = cells.flatten(3).gather(1, own)
    values = values.unflatten(3, shape).unflatten(1, (size,) * 3)
    volume = values.permute(0, 4, 5, 1, 6, 2, 7, 3)
    return volume.reshape(*volume.shape[:2], *(n * size for n in shape))


def features(sums: Tensor, sigma: Tensor, overweight: Tensor) -> Tensor:
    """Regressors of every block, in the order of ``FEATURES``.

    Sums of ``block_sums``, (b, tissues, 3, ...), σ and overweight (``BodyMass``), (b,)
    each → (b, tissues, 8, ...).
    """
    variance = sigma.float().reshape(-1, 1, 1, 1, 1, 1) ** 2
    near, wide = (
        _shrunk_mean(_smoothed(sums, reach), variance / _VARIANCE[name])
        for name, reach in _REACH.items()
    )
    body = sums.sum(dim=(3, 4, 5), keepdim=True)
    body = _shrunk_mean(body, variance / _VARIANCE["body"]).expand_as(near)
    one = torch.ones_like(near[:, :, :1])
    heavy = overweight.reshape(-1, 1, 1, 1, 1, 1).expand_as(one)
    return torch.cat([near, wide, body, one, heavy], dim=2)


def _shrunk_mean(sums: Tensor, prior_count: Tensor) -> Tensor:
    return sums[:, :, 1:] / (sums[:, :, :1] + prior_count)


def _smoothed(sums: Tensor, reach: int) -> Tensor:
    """Sums over neighboring blocks, whose weights fall linearly to ``reach``."""
    ramp = 1 - torch.arange(1 - reach, reach, device=sums.device).abs() / reach
    smooth = sums.flatten(0, 2)[:, None]
    for axis in range(3):
        shape, padding = [1, 1, 1], [0, 0, 0]
        shape[axis], padding[axis] = len(ramp), reach - 1
        smooth = F.conv3d(smooth, ramp.reshape(1, 1, *shape), padding=padding)
    return smooth[:, 0].unflatten(0, sums.shape[:3])
