"""Training of the organ segmenter on phantoms, reading CT only."""

from pathlib import Path

import torch
from torch import Tensor, nn

from vct.anatomy import ORGANS
from vct.cascade.checkpoint import architecture_from, load_stage
from vct.cascade.encode import decode_ct, encode_ct
from vct.diffusion.unet import channels_last
from vct.segment.network import Segmenter, SegmenterArchitecture
from vct.training.cache import PhantomCache
from vct.training.config import TrainingConfig

_SHIFT_HU = 8.0
_EXTRA_NOISE_HU = 15.0


class SegmenterTask:
    """Cross-entropy and Dice on whole phantoms, their CT shifted, blurred, noised."""

    def __init__(
        self, config: TrainingConfig, cache: PhantomCache, device: str
    ) -> None:
        from monai.losses import DiceCELoss

        self.config, self.cache, self.device = config, cache, device
        self.stage = Segmenter(
            architecture_from(SegmenterArchitecture, config.architecture)
        ).to(device)
        if config.initial_weights:
            load_stage(self.stage, config.initial_weights)
        channels_last(self.stage.network)
        self._criterion = DiceCELoss(
            to_onehot_y=True, softmax=True, include_background=False, batch=True
        )

    def loss(self, batch_size: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Loss (b,), and zeros (b,): nothing here has a noise level."""
        pick = torch.randint(
            len(self.cache.training), (batch_size,), generator=rng, device=rng.device
        )
        members = [self._member(index, rng) for index in pick.tolist()]
        ct, labels = (torch.stack(parts) for parts in zip(*members, strict=True))
        logits = self.stage(ct).float()
        loss = self._criterion(logits, labels[:, None].long())
        return loss.expand(batch_size), torch.zeros(batch_size, device=self.device)

    def _member(self, index: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Encoded CT (k, j, i) with its degradation, and labels."""
        ct = self.cache.encoded(index)[0].to(self.device).float()
        labels = self.cache.labels(index).to(self.device)
        return degraded(ct, rng), labels

    @torch.no_grad()
    def picture(self, stage: nn.Module, path: Path) -> None:
        """Truth above segmentation on two held-out phantoms."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        assert isinstance(stage, Segmenter)
        figure = Figure(figsize=(8, 9), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(2, 2)
        for column, index in enumerate(list(self.cache.held_out)[:2]):
            ct = self.cache.encoded(index)[0].to(self.device).float()
            found = stage.labels(ct[None])[0].cpu()
            for ax, labels in zip(
                axes[:, column], [self.cache.labels(index), found], strict=True
            ):
                middle = labels.shape[1] // 2
                ax.imshow(
                    labels.numpy()[::-1, middle],
                    cmap="tab20",
                    vmin=0,
                    vmax=len(ORGANS),
                    interpolation="nearest",
                )
                ax.set_axis_off()
        figure.savefig(path, dpi=70)


def degraded(encoded_ct: Tensor, rng: torch.Generator) -> Tensor:
    """CT with a random shift and added noise in HU, and now and then a blur.

    What a generative model may do to a phantom, so that the segmenter has seen it.
    """
    shift, extra, blur = torch.rand(3, generator=rng, device=rng.device)
    hu = decode_ct(encoded_ct)
    noise = torch.randn(hu.shape, generator=rng, device=rng.device)
    hu = hu + (2 * shift - 1) * _SHIFT_HU + extra * _EXTRA_NOISE_HU * noise
    smooth = nn.functional.avg_pool3d(hu[None, None], 3, stride=1, padding=1)[0, 0]
    weight = (blur - 0.5).clamp_min(0)
    return encode_ct(hu * (1 - weight) + smooth * weight)
