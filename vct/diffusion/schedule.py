"""Noise levels of Karras et al. 2022."""

import torch
from torch import Tensor


def noise_levels(
    steps: int, *, sigma_min: float, sigma_max: float, rho: float = 7.0
) -> Tensor:
    """Decreasing noise levels and a final 0, shape (steps + 1,), float64.

    Karras et al. 2022, equation 5.

    Examples
    --------
    >>> noise_levels(3, sigma_min=0.1, sigma_max=10.0, rho=1.0).tolist()
    [10.0, 5.05, 0.1, 0.0]
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if not 0 < sigma_min < sigma_max:
        raise ValueError(
            f"need 0 < sigma_min < sigma_max, got {sigma_min}, {sigma_max}"
        )
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    ramp = torch.linspace(0, 1, steps, dtype=torch.float64)
    levels = (high + ramp * (low - high)) ** rho
    levels[-1] = sigma_min if steps > 1 else levels[-1]
    return torch.cat([levels, levels.new_zeros(1)])
