"""Space-to-depth and back: a fine grid seen as a coarse grid of wide tokens."""

import torch
from torch import Tensor


def to_tokens(volume: Tensor, patch: int) -> Tensor:
    """Fold patch³ blocks into channels: (b, c, k, j, i) → (b, c·patch³, k/p, j/p, i/p).

    Raises
    ------
    ValueError
        If the patch does not divide the volume.
    """
    batch, channels, k, j, i = volume.shape
    if k % patch or j % patch or i % patch:
        raise ValueError(f"patch {patch} does not divide the volume {(k, j, i)}")
    blocks = volume.reshape(
        batch, channels, k // patch, patch, j // patch, patch, i // patch, patch
    )
    return blocks.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(
        batch, channels * patch**3, k // patch, j // patch, i // patch
    )


def from_tokens(tokens: Tensor, patch: int) -> Tensor:
    """Inverse of ``to_tokens``: (b, c·patch³, k, j, i) → (b, c, k·p, j·p, i·p)."""
    batch, wide, k, j, i = tokens.shape
    channels = wide // patch**3
    blocks = tokens.reshape(batch, channels, patch, patch, patch, k, j, i)
    return blocks.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(
        batch, channels, k * patch, j * patch, i * patch
    )


def position_maps(tokens: Tensor) -> Tensor:
    """Position of each token in the field, −1..1 along k, j, i: (b, 3, k, j, i)."""
    axes = [
        torch.linspace(-1, 1, n, device=tokens.device, dtype=tokens.dtype)
        for n in tokens.shape[2:]
    ]
    maps = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    return maps.expand(tokens.shape[0], -1, -1, -1, -1)
