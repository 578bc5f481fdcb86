"""Preconditioning of Karras et al. 2022 (Table 1, column "Ours (EDM)")."""

from collections.abc import Callable

import torch
from torch import Tensor

from vct.diffusion.in_place import plus, times

Network = Callable[[Tensor, Tensor], Tensor]  # (c_in · x, c_noise) → F


def denoise(network: Network, x: Tensor, sigma: Tensor, *, sigma_data: float) -> Tensor:
    """D(x; σ) = c_skip x + c_out F(c_in x; c_noise), equation 7.

    Parameters
    ----------
    network
        F; takes the scaled input and c_noise, shape (b,). What it returns is
        overwritten where no gradient is wanted.
    x
        Noisy volume, (b, c, k, j, i), float32.
    sigma
        Noise level of each batch member, (b,), in the units of x.
    sigma_data
        Standard deviation of clean data.

    Returns
    -------
    Tensor
        The clean estimate, float32, shape of x.
    """
    s = sigma.to(torch.float32).reshape(-1, 1, 1, 1, 1)
    total = (s**2 + sigma_data**2).sqrt()
    c_skip = sigma_data**2 / total**2
    c_out = s * sigma_data / total
    c_noise = sigma.to(torch.float32).log() / 4
    out = network(x / total, c_noise).to(torch.float32)
    return plus(times(out, c_out), c_skip * x)
