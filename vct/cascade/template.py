"""The conditional mean: a linear regression of encoded volumes on the demographics.

The base stage diffuses what is left over this template, so that a network starts
at the mean body of the subject's age, sex, height and BMI.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from vct.cascade.condition import TEMPLATE_FEATURES
from vct.cascade.resample import upsample
from vct.diffusion.own_precision import own_precision

_AIR = -1.0  # encoded, CT and PET


class Template(nn.Module):
    """Regression coefficients, stored ``factor`` times coarser than the base grid.

    ``coefficients`` is (features, 2, k, j, i); ``residual_sd`` (2,) scales CT and PET
    residuals to unit standard deviation.
    """

    def __init__(self, coarse_shape: tuple[int, int, int], factor: int) -> None:
        super().__init__()
        self.factor = factor
        shape = (len(TEMPLATE_FEATURES), 2, *coarse_shape)
        self.register_buffer("coefficients", torch.zeros(shape))
        self.register_buffer("residual_sd", torch.ones(2))
        self.coefficients: Tensor
        self.residual_sd: Tensor

    def forward(self, features: Tensor) -> Tensor:
        """Conditional mean, (b, features) → (b, 2, k, j, i) on the base grid.

        Float32 also under autocast: training sees what sampling sees.
        """
        with own_precision(features):
            mean = torch.einsum("bf,fckji->bckji", features, self.coefficients.float())
        return upsample(mean, self.factor)

    def to_residual(self, encoded: Tensor, features: Tensor) -> Tensor:
        """Encoded volumes → unit-SD residuals, both (b, 2, k, j, i)."""
        return (encoded - self(features)) / self._sd()

    def to_encoded(self, residual: Tensor, features: Tensor) -> Tensor:
        """Inverse of ``to_residual``."""
        return self(features) + residual * self._sd()

    def _sd(self) -> Tensor:
        return self.residual_sd.reshape(1, 2, 1, 1, 1)

    @torch.no_grad()
    def fit(self, batches: Iterable[tuple[Tensor, Tensor]], *, ridge: float) -> None:
        """Fit coefficients and residual SD, reading ``batches`` twice.

        Parameters
        ----------
        batches
            Re-iterable pairs of encoded volumes (b, 2, k, j, i) on the base grid and
            template features (b, 7).
        ridge
            Added to the normal matrix per subject; shrinks all but the mean.
        """
        normal = None
        for encoded, features in batches:
            pooled = nn.functional.avg_pool3d(encoded.float(), self.factor)
            x, y = features.double(), pooled.flatten(1).double()
            if normal is None:
                normal, moment = x.T @ x, x.T @ y
            else:
                normal, moment = normal + x.T @ x, moment + x.T @ y
        if normal is None:
            raise ValueError("a template needs at least one subject")
        penalty = torch.full_like(normal.diagonal(), ridge) * normal[0, 0]
        penalty[0] = 0
        solved = torch.linalg.solve(normal + penalty.diag(), moment)
        # Rounded as they will be stored, so that training sees what sampling sees.
        self.coefficients.copy_(solved.reshape(self.coefficients.shape).bfloat16())
        total, count = torch.zeros_like(self.residual_sd, dtype=torch.float64), 0
        for encoded, features in batches:
            residual = encoded.float() - self(features)
            total += residual.double().square().mean(dim=(2, 3, 4)).sum(dim=0)
            count += len(encoded)
        self.residual_sd.copy_((total / count).sqrt())

    @torch.no_grad()
    def fit_covered(
        self, batches: Iterable[tuple[Tensor, Tensor, Tensor]], *, ridge: float
    ) -> None:
        """``fit`` to scans that cover parts of the field: a regression a voxel.

        Parameters
        ----------
        batches
            As of ``fit``, with the coverage of each volume, (b, 1, k, j, i), 0 or 1.
        ridge
            Per subject, those included that do not cover a voxel: where few do, little
            but the mean is learned. What nobody covers is air.
        """
        subjects, normal, moment = 0, None, None
        for encoded, features, coverage in batches:
            share = nn.functional.avg_pool3d(coverage.float(), self.factor)
            sums = nn.functional.avg_pool3d(encoded.float() * coverage, self.factor)
            x, c = features.double(), share.flatten(1).double()
            pairs = (x[:, :, None] * x[:, None, :]).flatten(1)
            new = c.T @ pairs, x.T @ sums.flatten(1).double()
            if normal is None or moment is None:
                normal, moment = new
            else:
                normal, moment = normal + new[0], moment + new[1]
            subjects += len(encoded)
        if normal is None or moment is None:
            raise ValueError("a template needs at least one subject")
        count = len(TEMPLATE_FEATURES)
        left = normal.reshape(-1, count, count)
        right = moment.reshape(count, 2, -1).permute(2, 0, 1).clone()
        unseen = left[:, 0, 0] == 0
        left[unseen, 0, 0], right[unseen, 0] = 1.0, _AIR
        penalty = torch.full_like(left[0].diagonal(), ridge * subjects)
        penalty[0] = 0
        solved = torch.linalg.solve(left + penalty.diag(), right).permute(1, 2, 0)
        self.coefficients.copy_(solved.reshape(self.coefficients.shape).bfloat16())
        total, voxels = torch.zeros_like(self.residual_sd, dtype=torch.float64), 0.0
        for encoded, features, coverage in batches:
            residual = (encoded.float() - self(features)) * coverage
            total += residual.double().square().sum(dim=(0, 2, 3, 4))
            voxels += float(coverage.sum())
        self.residual_sd.copy_((total / voxels).sqrt())
