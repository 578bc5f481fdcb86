"""The bundled organ segmenter: a MONAI U-Net on a token grid, reading CT only."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from vct.anatomy import LABEL_OF, ORGAN_LISTS, ORGAN_NAMES, OrganList
from vct.diffusion.tokens import from_tokens, position_maps, to_tokens
from vct.errors import ModelError

# Tokens whose classes are told apart at once: what fits a CPU's cache; a GPU takes all.
_CPU_TOKENS = 2048
NORM_GROUPS = 8  # of channels, by which every layer is normalized
_STRIDE = 16  # tokens of the coarsest layer, along each axis


@dataclass(frozen=True)
class SegmenterArchitecture:
    """What a segmenter's weights file says beside its numbers.

    ``organs`` names the classes in their order, air before them. ``logit_offsets``
    (one a class, air first) and ``error_per_doubt`` (by row of the tables) are what
    ``vct.training.calibrate_segmenter`` measured; empty is uncalibrated.
    """

    patch: int = 2
    features: tuple[int, ...] = (32, 96, 160, 224, 256, 64)
    organs: tuple[str, ...] = ORGAN_NAMES
    logit_offsets: tuple[float, ...] = ()
    error_per_doubt: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what makes no network.

        Raises
        ------
        ModelError
            With what would be right.
        """
        widths = self.features
        six = len(widths) == 6 and not any(n < 1 or n % NORM_GROUPS for n in widths)
        if self.patch < 1 or not six:
            raise ModelError(
                f"architecture: patch {self.patch} must be at least 1, and features "
                f"{list(widths)} six multiples of {NORM_GROUPS}"
            )

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse volumes, (k, j, i) voxels, that the network cannot halve four times.

        Raises
        ------
        ModelError
            If ``patch`` does not divide them, or leaves fewer than 16 tokens.
        """
        if any(n % self.patch or n // self.patch < _STRIDE for n in shape):
            raise ModelError(
                f"architecture.patch {self.patch} must divide the volume {list(shape)} "
                f"into {_STRIDE} tokens or more along each axis"
            )

    @property
    def organ_list(self) -> OrganList:
        """The organs behind the classes.

        Raises
        ------
        ModelError
            If vct knows no such list: its labels would be read wrongly.
        """
        for known in ORGAN_LISTS:
            if known.names == tuple(self.organs):
                return known
        strange = [name for name in self.organs if name not in LABEL_OF]
        what = f"organ {strange[0]!r}" if strange else "this choice or order of organs"
        raise ModelError(
            f"the segmenter tells {len(self.organs)} organs apart, and this vct does "
            f"not know {what}; it knows lists of "
            f"{' and '.join(str(len(known.organs)) for known in ORGAN_LISTS)}. "
            "Install the vct that trained the model, or train its segmenter anew."
        )


@dataclass(frozen=True)
class Segmentation:
    """Organs of a batch, and how sure the network is of them.

    ``labels`` uint8 (b, k, j, i), of ``vct.anatomy``. ``doubt`` float32 (b, organs):
    the sum of p (1 − p) over voxels, p the probability of the organ; about two thirds
    of the voxels by which its volume answers to one logit more.
    """

    labels: Tensor
    doubt: Tensor


class Segmenter(nn.Module):
    """CT on the model's own grid → organ labels.

    The network sees HU windowed as the cascade encodes it, −1..1, in ``patch``³
    tokens, and the position of each token in the field of view.
    """

    offsets: Tensor
    label_of_class: Tensor

    def __init__(self, architecture: SegmenterArchitecture) -> None:
        super().__init__()
        from monai.networks.nets import BasicUNet

        self.architecture = architecture
        self.organ_list = architecture.organ_list
        patch = architecture.patch
        self.classes = len(self.organ_list.organs) + 1
        self.network = BasicUNet(
            spatial_dims=3,
            in_channels=patch**3 + 3,
            out_channels=self.classes * patch**3,
            features=architecture.features,
            norm=("group", {"num_groups": NORM_GROUPS}),
        )
        offsets = architecture.logit_offsets or (0.0,) * self.classes
        if len(offsets) != self.classes:
            raise ModelError(
                f"the segmenter has {self.classes} classes and {len(offsets)} "
                "logit_offsets; calibrate it again"
            )
        labels = [0, *(organ.label for organ in self.organ_list.organs)]
        self.register_buffer("offsets", torch.tensor(offsets), persistent=False)
        self.register_buffer(
            "label_of_class",
            torch.tensor(labels, dtype=torch.uint8),
            persistent=False,
        )

    def forward(self, encoded_ct: Tensor) -> Tensor:
        """(b, k, j, i) in −1..1 → logits (b, classes, k, j, i), without offsets."""
        patch = self.architecture.patch
        return from_tokens(self.network(self._tokens(encoded_ct)), patch)

    def logits_at(self, encoded_ct: Tensor, tokens: Tensor) -> Tensor:
        """Logits of the voxels of a few tokens, without offsets.

        Full-size logits are most of what a step of training moves through memory.

        Parameters
        ----------
        encoded_ct
            (b, k, j, i) in −1..1.
        tokens
            Their numbers in the flattened grid of tokens, (b, n).

        Returns
        -------
        Tensor
            (b, classes, patch³, n), voxels in the order of ``to_tokens``.
        """
        features = self._features(self._tokens(encoded_ct)).movedim(1, -1)
        rows = features.flatten(1, 3)  # a view: channels come last in memory
        chosen = torch.stack([r[n] for r, n in zip(rows, tokens, strict=True)])
        head = self.network.final_conv
        logits = nn.functional.linear(chosen, head.weight.flatten(1), head.bias)
        return logits.unflatten(2, (self.classes, -1)).permute(0, 2, 3, 1)

    def labels(self, encoded_ct: Tensor) -> Tensor:
        """(b, k, j, i) in −1..1 → uint8 labels of ``vct.anatomy``."""
        return self.segment(encoded_ct).labels

    def segment(self, encoded_ct: Tensor) -> Segmentation:
        """(b, k, j, i) in −1..1 → labels and doubt, without full-size logits."""
        patch = self.architecture.patch
        features = self._features(self._tokens(encoded_ct))
        shape = features.shape[2:]
        labels, doubts = [], []
        for member in features:
            found, doubt = self._classes_of(member.flatten(1))
            tokens = found.reshape(1, patch**3, *shape)
            labels.append(from_tokens(tokens, patch)[0, 0])
            doubts.append(doubt)
        return Segmentation(torch.stack(labels), torch.stack(doubts))

    def _classes_of(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features (c, tokens) → labels (patch³, tokens), and doubt (organs,)."""
        found, doubts = [], []
        for part in _parts(features):
            share = self._probabilities(part)
            chosen = share.max(dim=1).indices  # on CPUs much faster than argmax
            found.append(self.label_of_class[chosen])
            doubts.append(share.sum(dim=(0, 2)) - share.square().sum(dim=(0, 2)))
        return torch.cat(found, dim=1), torch.stack(doubts).sum(dim=0)[1:]

    def _probabilities(self, features: Tensor) -> Tensor:
        """Features (c, n) → float32 probabilities (patch³, classes, n)."""
        head = self.network.final_conv
        weight = head.weight.flatten(1)
        logits = torch.addmm(head.bias[:, None], weight, features)
        logits = logits.reshape(self.classes, -1, features.shape[1]).transpose(0, 1)
        return (logits.float() + self.offsets[:, None]).softmax(dim=1)

    def _tokens(self, encoded_ct: Tensor) -> Tensor:
        tokens = to_tokens(encoded_ct[:, None], self.architecture.patch)
        tokens = torch.cat([tokens, position_maps(tokens)], dim=1)
        dtype = next(self.network.parameters()).dtype
        return tokens.to(dtype, memory_format=torch.channels_last_3d)

    def _features(self, tokens: Tensor) -> Tensor:
        """The network up to its last, voxel-wise layer: as MONAI's own forward."""
        net = self.network
        x0 = net.conv_0(tokens)
        x1 = net.down_1(x0)
        x2 = net.down_2(x1)
        x3 = net.down_3(x2)
        x = net.upcat_4(net.down_4(x3), x3)
        x = net.upcat_3(x, x2)
        x = net.upcat_2(x, x1)
        return net.upcat_1(x, x0)


def _parts(features: Tensor) -> Iterator[Tensor]:
    """Columns of (c, tokens), as many at once as the device likes."""
    at_once = _CPU_TOKENS if features.device.type == "cpu" else features.shape[1]
    yield from features.split(at_once, dim=1)
