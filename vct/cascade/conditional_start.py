"""Where sampling starts, given the demographics.

The template is linear and people are not: at 200, the highest noise level, the leading
mode of the phantoms (girth, SD 256) still tells how far, since 0.88 of its variance
follows from age, sex, height and BMI by squares and products. A start that draws it
freely makes a body of the wrong weight, and no later step can know better. So the
modes' coefficients start at their mean given the demographics, with the spread that is
left beside it.
"""

import torch
from torch import Tensor, nn

from vct.cascade.condition import size_unknown

_RIDGE = 5.0  # as if five people had shown no slope


class ConditionalStart(nn.Module):
    """Mean and standard deviation of the modes' coefficients given the condition.

    ``means`` (modes, features) are a regression's coefficients, ``sd`` (modes,) what it
    leaves, ``sd_of_all`` (modes,) the SD over people of whom little is known.
    """

    def __init__(self, modes: int) -> None:
        super().__init__()
        width = start_features(torch.zeros(1, 6)).shape[1]
        self.register_buffer("means", torch.zeros(modes, width))
        self.register_buffer("sd", torch.ones(modes))
        self.register_buffer("sd_of_all", torch.ones(modes))
        self.means: Tensor
        self.sd: Tensor
        self.sd_of_all: Tensor

    def forward(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and SD, (b, modes) each, from condition vectors (b, 6).

        Whose height or BMI is unknown starts at 0 with the SD over all people.
        """
        mean = start_features(condition) @ self.means.float().T
        unknown = size_unknown(condition)[:, None]
        sd = torch.where(unknown, self.sd_of_all.float(), self.sd.float())
        return torch.where(unknown, 0.0, mean), sd

    @torch.no_grad()
    def fit(self, coefficients: Tensor, condition: Tensor) -> None:
        """Fit to the modes' coefficients (n, modes) of people (n, 6).

        People of whom height or BMI is unknown count for ``sd_of_all`` only.
        """
        self.sd_of_all.copy_(coefficients.square().mean(dim=0).sqrt().bfloat16())
        known = ~size_unknown(condition)
        x = start_features(condition[known]).double()
        y = coefficients[known].double()
        free = len(x) - x.shape[1]
        if free <= 0:
            self.means.zero_()
            self.sd.copy_(self.sd_of_all)
            return
        penalty = torch.full_like(x[0], _RIDGE)
        penalty[0] = 0
        means = torch.linalg.solve(x.T @ x + penalty.diag(), x.T @ y)
        # Rounded as they will be stored, so that the SD is of what sampling leaves.
        self.means.copy_(means.T.bfloat16())
        left = y - x @ self.means.double().T
        self.sd.copy_((left.square().sum(dim=0) / free).sqrt().bfloat16())


def start_features(condition: Tensor) -> Tensor:
    """Regressors of the modes, (n, 18): to the third order where bodies need it."""
    age, male, height, bmi = condition[:, :4].unbind(dim=1)
    one = torch.ones_like(age)
    return torch.stack(
        [
            *(one, age, male, height, bmi),
            *(age**2, height**2, bmi**2),
            *(age * male, age * height, age * bmi),
            *(height * bmi, male * height, male * bmi),
            *(male * bmi**2, male * age**2, height * bmi**2, bmi**3),
        ],
        dim=1,
    )
