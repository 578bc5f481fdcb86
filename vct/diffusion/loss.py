"""Weighted denoising loss of Karras et al. 2022, equation 8."""

from collections.abc import Callable

from torch import Tensor

Denoise = Callable[[Tensor, Tensor], Tensor]  # (x, σ) → D(x; σ)


def noise_level(normal: Tensor, *, p_mean: float, p_std: float) -> Tensor:
    """Noise levels with ln σ ~ N(p_mean, p_std²), from standard normal draws."""
    return (normal * p_std + p_mean).exp()


def denoising_loss(
    denoise: Denoise,
    clean: Tensor,
    sigma: Tensor,
    noise: Tensor,
    *,
    sigma_data: float,
    weight: Tensor | None = None,
) -> Tensor:
    """λ(σ) ‖D(y + n; σ) − y‖², averaged over voxels: one value a batch member.

    Parameters
    ----------
    denoise
        D(x; σ).
    clean
        y, (b, c, k, j, i).
    sigma
        (b,).
    noise
        Standard normal, shape of y.
    weight
        Voxels that count (coverage), broadcastable to y; all when None. A member in
        which none counts has loss 0.

    Returns
    -------
    Tensor
        (b,); 1 for a network that knows nothing.
    """
    s = sigma.reshape(-1, 1, 1, 1, 1)
    error = (denoise(clean + s * noise, sigma) - clean) ** 2
    if weight is not None:
        share = weight.mean(dim=(1, 2, 3, 4), keepdim=True)
        error = error * weight / share.clamp_min(1e-9)
    scale = (sigma**2 + sigma_data**2) / (sigma * sigma_data) ** 2
    return scale * error.mean(dim=(1, 2, 3, 4))
