"""What a body weighs in the field, and what it should, given the demographics.

Phantoms of one age, sex, height and weight agree in their mass within 1.1 % (SD); a
network that draws neighborhoods has no scales to stand on.
"""

import torch
from torch import Tensor, nn

from vct.cascade.condition import height_and_weight, size_unknown
from vct.cascade.encode import decode_ct

_FEWEST_PEOPLE = 20  # for five coefficients


class BodyMass(nn.Module):
    """``coefficients`` (5,) of a regression of ln ``mean_density``; 0 until ``fit``."""

    def __init__(self) -> None:
        super().__init__()
        count = _features(torch.zeros(1, 6)).shape[1]
        self.register_buffer("coefficients", torch.zeros(count))
        self.coefficients: Tensor

    def forward(
        self, encoded: Tensor, condition: Tensor, coverage: Tensor | None = None
    ) -> Tensor:
        """Overweight: ln of the mass in the field over what is predicted, (b,).

        0 where height or BMI is unknown, a scan covers a part of the field only, or
        nothing was fitted.

        Parameters
        ----------
        encoded
            (b, 2, k, j, i).
        condition
            (b, 6).
        coverage
            (b, 1, k, j, i); 1 everywhere if None.
        """
        predicted = _features(condition) @ self.coefficients.float()
        silent = size_unknown(condition) | (self.coefficients == 0).all()
        if coverage is not None:
            silent = silent | (coverage.amin(dim=(1, 2, 3, 4)) < 1)
        return torch.where(silent, 0.0, mean_density(encoded).log() - predicted)

    @torch.no_grad()
    def fit(self, density: Tensor, condition: Tensor) -> None:
        """Fit to people's ``mean_density`` (n,) and condition vectors (n, 6).

        Does nothing where fewer than 20 people's height and BMI are known.
        """
        known = ~size_unknown(condition)
        if known.sum() < _FEWEST_PEOPLE:
            return
        # By singular values, for people may be of one sex; a GPU's lstsq lacks them.
        x = _features(condition[known]).double().cpu()
        y = density[known].double().log()[:, None].cpu()
        solved = torch.linalg.lstsq(x, y, driver="gelsd").solution[:, 0]
        self.coefficients.copy_(solved.bfloat16())


def mean_density(encoded: Tensor) -> Tensor:
    """Mass in the field by its volume, (b,) [g/mL], of encoded volumes (b, 2, k, j, i).

    1 + HU / 1000 throughout, unlike ``vct.segment.measure``: what is too dense in bone
    goes into the coefficients, and noise in air averages out.
    """
    return decode_ct(encoded[:, 0]).mean(dim=(1, 2, 3)) / 1000 + 1


def _features(condition: Tensor) -> Tensor:
    """Regressors of the logarithm of mass, (n, 5)."""
    height_m, weight_kg = height_and_weight(condition)
    age, male = condition[:, :2].unbind(dim=1)
    size = [(weight_kg / 70).log(), (height_m / 1.7).log()]
    return torch.stack([torch.ones_like(age), *size, male, age], dim=1)
