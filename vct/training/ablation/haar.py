"""Haar tokens: an orthonormal mix of the patch channels around a network.

Space to depth gives a token its voxels one a channel; the Haar mix gives it their
mean, differences of halves, and so on. A fixed linear mix is absorbed by the weights of
the first and the last layer: both networks can compute the same functions, and only
where they start and how the optimizer moves differ.
"""

import torch
from torch import Tensor, nn


def haar_matrix(patch: int) -> Tensor:
    """Orthonormal Haar transform of patch³ voxels, (patch³, patch³), float64.

    Rows are the Haar functions (Haar 1910), columns the voxels in the order of
    ``to_tokens``; the first row is the mean times patch^1.5.

    Raises
    ------
    ValueError
        If the patch is no power of two.
    """
    if patch < 1 or patch & (patch - 1):
        raise ValueError(
            f"Haar tokens need a patch that is a power of two, not {patch}"
        )
    line = torch.ones(1, 1, dtype=torch.float64)
    while len(line) < patch:
        means = torch.kron(line, torch.tensor([[1.0, 1.0]], dtype=torch.float64))
        steps = torch.kron(
            torch.eye(len(line), dtype=torch.float64),
            torch.tensor([[1.0, -1.0]], dtype=torch.float64),
        )
        line = torch.cat([means, steps]) / 2**0.5
    return torch.kron(line, torch.kron(line, line))


def mixed(tokens: Tensor, matrix: Tensor) -> Tensor:
    """Apply ``matrix`` (n, n) to each group of n channels, (b, c·n, k, j, i)."""
    groups = tokens.unflatten(1, (-1, len(matrix)))
    return torch.einsum("mn,bcnkji->bcmkji", matrix.to(tokens.dtype), groups).flatten(
        1, 2
    )


class HaarNetwork(nn.Module):
    """A token network that sees and answers in Haar coefficients.

    Parameters
    ----------
    network
        Called with (tokens, c_noise, condition).
    patch
        Voxels of a token along each axis.
    volumes
        How many volumes the leading channels hold, patch³ channels each; what comes
        after them (position maps, modes) is passed on as it is.
    """

    def __init__(self, network: nn.Module, *, patch: int, volumes: int) -> None:
        super().__init__()
        self.network = network
        self.mixed_channels = volumes * patch**3
        # Derived from the patch: not part of the weights.
        self.register_buffer("matrix", haar_matrix(patch).float(), persistent=False)
        self.matrix: Tensor

    def forward(self, tokens: Tensor, c_noise: Tensor, condition: Tensor) -> Tensor:
        folded, rest = tokens.tensor_split([self.mixed_channels], dim=1)
        seen = torch.cat([mixed(folded, self.matrix), rest.to(folded.dtype)], dim=1)
        return mixed(self.network(seen, c_noise, condition), self.matrix.T)
