"""Training of the organ segmenter on phantoms, reading CT only."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from vct.anatomy import CURRENT_LIST, ORGANS
from vct.cascade.checkpoint import architecture_from, load_stage
from vct.cascade.encode import decode_ct, encode_ct
from vct.cascade.instrument import read_segmenter
from vct.cascade.resample import upsample
from vct.diffusion.tokens import to_tokens
from vct.diffusion.unet import channels_last
from vct.seeds import torch_seed
from vct.segment.network import Segmenter, SegmenterArchitecture
from vct.training.cache import PhantomCache
from vct.training.config import TrainingConfig
from vct.training.draws import Draws
from vct.training.passed import passed_ct
from vct.training.segmentation_loss import segmentation_loss
from vct.training.widen import load_widened

_SHIFT_HU = 8.0
_EXTRA_NOISE_HU = 15.0
_COARSE_NOISE_HU = 12.0
_DICE_WEIGHT = 0.5
_CALIBRATION_SHARE, _CALIBRATION_MOST = 0.08, 96


def calibration_phantoms(cache: PhantomCache) -> range:
    """The last training phantoms: the segmenter never sees them, see calibration."""
    count = min(_CALIBRATION_MOST, int(_CALIBRATION_SHARE * len(cache.training)))
    return cache.training[len(cache.training) - count :]


class SegmenterTask:
    """Whole phantoms, their CT shifted, blurred, noised, or passed through a model."""

    def __init__(
        self, config: TrainingConfig, cache: PhantomCache, device: str
    ) -> None:
        self.config, self.cache, self.device = config, cache, device
        architecture = architecture_from(SegmenterArchitecture, config.architecture)
        architecture.check_shape(cache.grid.shape)
        self.stage = Segmenter(replace(architecture, organs=CURRENT_LIST.names))
        self.stage.to(device)
        if config.initial_weights:
            load_initial(self.stage, config.initial_weights, config.optimization.seed)
        channels_last(self.stage.network)
        aside = len(calibration_phantoms(cache))
        self.phantoms = cache.training[: len(cache.training) - aside]
        self.memory = self._in_memory()
        self.passed = passed_ct(
            config, cache, self.phantoms[: config.base_pass_phantoms], device=device
        )

    def _in_memory(self) -> list[tuple[Tensor, Tensor]] | None:
        """CT and labels of all phantoms where memory is large, else on demand."""
        if not self.device.startswith("cuda"):
            return None
        return [self._read(index) for index in self.phantoms]

    def _read(self, index: int) -> tuple[Tensor, Tensor]:
        ct = self.cache.encoded(index)[0].to(self.device)
        return ct, self.cache.labels(index).to(self.device)

    def loss(self, draws: Draws) -> tuple[Tensor, Tensor]:
        """Loss (b,), and zeros (b,): nothing here has a noise level."""
        members = [
            self._member(which, source, rng)
            for (which, source), rng in zip(
                draws.uniform(2).tolist(), draws, strict=True
            )
        ]
        ct, labels = (torch.stack(parts) for parts in zip(*members, strict=True))
        classes = to_tokens(labels[:, None], self.stage.architecture.patch).flatten(2)
        tokens = self._tokens(classes.shape[2], draws)
        logits = self.stage.logits_at(ct, tokens)
        seen = classes.gather(2, tokens[:, None].expand(-1, classes.shape[1], -1))
        loss = segmentation_loss(logits, seen, dice_weight=_DICE_WEIGHT)
        return loss.expand(len(draws)), torch.zeros(len(draws), device=self.device)

    def _tokens(self, count: int, draws: Draws) -> Tensor:
        """Numbers of the tokens whose voxels the loss reads, (b, n)."""
        share = max(1, round(self.config.loss_share * count))
        rows = [torch.randperm(count, generator=g, device=g.device) for g in draws]
        return torch.stack(rows)[:, :share]

    def _member(
        self, which: float, source: float, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Encoded CT (k, j, i) with its degradation, and labels."""
        use_passed = len(self.passed) and source < self.config.base_pass_share
        pool = len(self.passed) if use_passed else len(self.phantoms)
        index = int(which * pool)
        ct, labels = self.memory[index] if self.memory else self._read(index)
        if use_passed:
            ct = self.passed[index]
        return degraded(ct.float(), rng), labels

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
                    cmap="nipy_spectral",
                    vmin=0,
                    vmax=len(ORGANS),
                    interpolation="nearest",
                )
                ax.set_axis_off()
        figure.savefig(path, dpi=70)


def load_initial(stage: Segmenter, path: Path, seed: int) -> None:
    """Begin with other weights, whose last layers may have fewer channels.

    Raises
    ------
    ModelError
        If they do not fit.
    """
    before = read_segmenter(path)
    if before.architecture.features == stage.architecture.features:
        load_stage(stage, path)
        return
    rng = torch.Generator()
    rng.manual_seed(torch_seed(seed, "training/widen"))
    load_widened(stage, before, rng)


def degraded(encoded_ct: Tensor, rng: torch.Generator) -> Tensor:
    """CT with a random shift, fine and coarse noise in HU, and now and then a blur.

    What a generative model may do to a phantom, so that the segmenter has seen it:
    the coarse noise and the blur are those of a fine stage on a coarse one.
    """
    draws = torch.rand(4, generator=rng, device=rng.device)
    shift, extra, blur, coarse_extra = draws
    hu = decode_ct(encoded_ct)
    noise = torch.randn(hu.shape, generator=rng, device=rng.device)
    hu = hu + (2 * shift - 1) * _SHIFT_HU + extra * _EXTRA_NOISE_HU * noise
    coarse = nn.functional.avg_pool3d(hu[None, None], 2)
    smooth = upsample(coarse, 2)[0, 0]
    grain = torch.randn(coarse.shape, generator=rng, device=rng.device)
    grain = upsample(grain, 2)[0, 0] * _COARSE_NOISE_HU * coarse_extra.square()
    weight = 1.4 * (blur - 0.5).clamp_min(0)
    return encode_ct(hu * (1 - weight) + smooth * weight + grain)
