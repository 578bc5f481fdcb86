"""Noise levels of Karras et al. 2022."""


def noise_levels(
    steps: int, *, sigma_min: float, sigma_max: float, rho: float = 7.0
) -> list[float]:
    """Decreasing noise levels and a final 0, steps + 1 numbers on the host.

    Karras et al. 2022, equation 5.

    Examples
    --------
    >>> noise_levels(3, sigma_min=1.0, sigma_max=9.0, rho=1.0)
    [9.0, 5.0, 1.0, 0.0]
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if not 0 < sigma_min < sigma_max:
        raise ValueError(
            f"need 0 < sigma_min < sigma_max, got {sigma_min} and {sigma_max}"
        )
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    last = max(steps - 1, 1)
    levels = [(high + i / last * (low - high)) ** rho for i in range(steps)]
    return [*levels, 0.0]
