"""The bundled organ segmenter: a MONAI U-Net on a token grid, reading CT only."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vct.anatomy import ORGANS
from vct.diffusion.tokens import from_tokens, position_maps, to_tokens

CLASSES = len(ORGANS) + 1


@dataclass(frozen=True)
class SegmenterArchitecture:
    """Everything that fixes the shapes of the segmenter's weights."""

    patch: int = 2
    features: tuple[int, ...] = (32, 48, 64, 96, 128, 32)


class Segmenter(nn.Module):
    """CT on the model's own grid → organ labels.

    The network sees HU windowed as the cascade encodes it, −1..1, in ``patch``³
    tokens, and the position of each token in the field of view.
    """

    def __init__(self, architecture: SegmenterArchitecture) -> None:
        super().__init__()
        from monai.networks.nets import BasicUNet

        self.architecture = architecture
        patch = architecture.patch
        self.network = BasicUNet(
            spatial_dims=3,
            in_channels=patch**3 + 3,
            out_channels=CLASSES * patch**3,
            features=architecture.features,
            norm=("group", {"num_groups": 8}),
        )

    def forward(self, encoded_ct: Tensor) -> Tensor:
        """(b, k, j, i) in −1..1 → logits (b, classes, k, j, i)."""
        patch = self.architecture.patch
        tokens = to_tokens(encoded_ct[:, None], patch)
        tokens = torch.cat([tokens, position_maps(tokens)], dim=1)
        dtype = next(self.network.parameters()).dtype
        tokens = tokens.to(dtype, memory_format=torch.channels_last_3d)
        return from_tokens(self.network(tokens), patch)

    def labels(self, encoded_ct: Tensor) -> Tensor:
        """(b, k, j, i) in −1..1 → uint8 labels of ``vct.anatomy``."""
        return self(encoded_ct).argmax(dim=1).to(torch.uint8)
