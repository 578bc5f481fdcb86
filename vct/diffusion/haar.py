"""Haar tokens: an orthonormal mix of the patch channels of a token.

Space to depth gives a token its voxels one a channel; the Haar mix gives it their
mean, differences of halves, and so on. A fixed linear mix is absorbed by the weights of
the first and the last layer: both networks can compute the same functions, and only
where they start and how the optimizer moves differ.
"""

import torch
from torch import Tensor, nn

from vct.diffusion.own_precision import own_precision
from vct.diffusion.tokens import from_tokens, to_tokens
from vct.diffusion.unet import TokenUNet


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
    """Apply ``matrix`` (n, n) to each group of n channels, (b, c·n, k, j, i).

    In the tokens' own precision, also where autocast would lower it.
    """
    groups = tokens.unflatten(1, (-1, len(matrix)))
    with own_precision(tokens):
        turned = torch.einsum("mn,bcnkji->bcmkji", matrix.to(tokens.dtype), groups)
    return turned.flatten(1, 2)


class Patchify(nn.Module):
    """Volumes to tokens of patch³ voxels and back.

    With ``haar`` a token holds the Haar coefficients of its voxels instead of them;
    the patch must then be a power of two (``ValueError``).
    """

    def __init__(self, patch: int, *, haar: bool) -> None:
        super().__init__()
        self.patch = patch
        # Derived from the patch: not part of the weights.
        matrix = haar_matrix(patch).float() if haar else None
        self.register_buffer("matrix", matrix, persistent=False)
        self.matrix: Tensor | None

    def forward(self, volume: Tensor) -> Tensor:
        """(b, c, k, j, i) → (b, c·patch³, k/p, j/p, i/p)."""
        tokens = to_tokens(volume, self.patch)
        return tokens if self.matrix is None else mixed(tokens, self.matrix)

    def inverse(self, tokens: Tensor) -> Tensor:
        """Inverse of ``forward``; coefficients are added up in float32."""
        if self.matrix is not None:
            tokens = mixed(tokens.float(), self.matrix.T)
        return from_tokens(tokens, self.patch)


@torch.no_grad()
def remix(network: TokenUNet, matrix: Tensor, *, volumes: int) -> None:
    """Let a network that sees and answers in tokens t do the same in ``matrix`` · t.

    Changes the first and the last layer in place.

    Parameters
    ----------
    network
        With n · m output channels for some m.
    matrix
        Orthonormal mix of a token's values, (n, n).
    volumes
        How many volumes the leading input channels hold, n each; what comes after them
        is seen as before.
    """
    stem, head = network.stem.weight, network.head.weight
    seen = volumes * len(matrix)
    stem[:, :seen] = mixed(stem[:, :seen], matrix)
    head.copy_(mixed(head.transpose(0, 1), matrix).transpose(0, 1))
    bias = network.head.bias
    assert bias is not None
    bias.copy_(mixed(bias.reshape(1, -1, 1, 1, 1), matrix).flatten())
