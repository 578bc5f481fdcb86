"""The conditional covariance, as far as a few directions carry it.

What is left over the template varies together: girth, breathing, how much tracer
muscle takes up. Along such directions the residual of a whole volume has a standard
deviation of hundreds, where each voxel has 1, so that noise of the largest level does
not hide it and a sampler that starts from noise alone loses that spread. The directions
are stored, the sampler starts with their variance, and the denoiser knows the best
linear estimate along them (for a normal y with variance λ: λ / (λ + σ²) of what is
seen; Wiener 1949). The network learns the rest.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class Modes(nn.Module):
    """Leading principal components of the residual, block-wise constant.

    ``directions`` (modes, 2, k, j, i) are orthonormal on a grid ``factor`` times
    coarser than the base grid; ``sd`` (modes,) is the standard deviation of the
    residual's coefficient along each, on the base grid.
    """

    def __init__(
        self, count: int, coarse_shape: tuple[int, int, int], factor: int
    ) -> None:
        super().__init__()
        self.factor = factor
        self.register_buffer("directions", torch.zeros(count, 2, *coarse_shape))
        self.register_buffer("sd", torch.ones(count))
        self.directions: Tensor
        self.sd: Tensor

    def coefficients(self, x: Tensor) -> Tensor:
        """Coefficients of a volume, (b, 2, k, j, i) → (b, modes)."""
        return self._coefficients(x, self._flat())

    def _coefficients(self, x: Tensor, flat: Tensor) -> Tensor:
        pooled = nn.functional.avg_pool3d(x.float(), self.factor).flatten(1)
        return (pooled.double() @ flat.T).float() * self.factor**1.5

    def volume(self, coefficients: Tensor) -> Tensor:
        """Volume of coefficients, one value a block: (b, modes) → (b, 2, k, j, i).

        On the coarse grid of the directions; ``spread`` carries it to the base grid.
        """
        return self._volume(coefficients, self._flat())

    def _volume(self, coefficients: Tensor, flat: Tensor) -> Tensor:
        blocks = (coefficients.double() @ flat).float() / self.factor**1.5
        return blocks.reshape(-1, *self.directions.shape[1:])

    def spread(self, volume: Tensor, times: int) -> Tensor:
        """Repeat every value along k, j and i: nearest-neighbor enlargement."""
        return nn.functional.interpolate(volume, scale_factor=times, mode="nearest")

    def start(
        self, noise: Tensor, sigma: float, given: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """Volume to start sampling from at level ``sigma``.

        Standard normal noise becomes noise of covariance σ²·1 plus the modes'.

        Parameters
        ----------
        noise
            (b, 2, k, j, i).
        sigma
            The highest noise level.
        given
            Mean and SD of the coefficients, (b, modes) each; 0 and ``sd`` if None.
        """
        sd = self.sd.float() if given is None else given[1]
        wider = (sigma**2 + sd**2).sqrt() - sigma
        coefficients = self.coefficients(noise) * wider
        if given is not None:
            coefficients = coefficients + given[0]
        added = self.volume(coefficients)
        return noise * sigma + self.spread(added, self.factor)

    def estimate(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Best linear estimate along the modes, and what EDM's skip leaves of it.

        Parameters
        ----------
        x
            Noisy residual, (b, 2, k, j, i), unit SD when clean.
        sigma
            (b,).

        Returns
        -------
        estimate
            Clean residual along the modes, on their coarse grid.
        correction
            What is to be added to c_skip · x so that it holds the estimate, likewise.
        """
        flat = self._flat()
        seen = self._coefficients(x, flat)
        s2 = sigma.float().reshape(-1, 1) ** 2
        variance = self.sd.float() ** 2
        gain = variance / (variance + s2)
        # λ / (λ + σ²) − 1 / (1 + σ²), without taking like from like.
        excess = s2 * (variance - 1) / ((variance + s2) * (1 + s2))
        both = self._volume(torch.cat([gain * seen, excess * seen]), flat)
        estimate, correction = both.chunk(2)
        return estimate, correction

    def _flat(self) -> Tensor:
        """Directions as rows, float64: autocast leaves such products alone."""
        return self.directions.double().flatten(1)

    @torch.no_grad()
    def fit(self, residuals: Iterable[Tensor]) -> None:
        """Fit directions and SDs to unit-SD residuals (b, 2, k, j, i).

        Raises
        ------
        ValueError
            If there are no more volumes than modes.
        """
        pooled = torch.cat(
            [nn.functional.avg_pool3d(r.float(), self.factor) for r in residuals]
        )
        count = len(self.sd)
        if len(pooled) <= count:
            raise ValueError(
                f"{count} modes need more than {count} volumes, got {len(pooled)}"
            )
        rows = pooled.flatten(1) * self.factor**1.5
        gram = (rows @ rows.T).double() / len(rows)
        values, vectors = torch.linalg.eigh(gram)
        values, vectors = values.flip(0)[:count], vectors.flip(1)[:, :count]
        scale = (values * len(rows)).clamp_min(1e-12).rsqrt()
        directions = (vectors * scale).float().T @ rows
        # Rounded as they will be stored, so that training sees what sampling sees.
        self.directions.copy_(directions.reshape(self.directions.shape).bfloat16())
        self.sd.copy_(values.clamp_min(0).sqrt().bfloat16())
