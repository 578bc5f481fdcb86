"""Training of the base stage: coarse residuals from the template."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from vct.cascade.checkpoint import architecture_from, load_stage
from vct.cascade.condition import condition_vector, template_features
from vct.cascade.resample import coarsen
from vct.cascade.stage import SIGMA_DATA, BaseArchitecture, BaseStage
from vct.diffusion.loss import denoising_loss, draw_sigma
from vct.diffusion.schedule import noise_levels
from vct.diffusion.unet import channels_last
from vct.training.cache import PhantomCache
from vct.training.config import TrainingConfig
from vct.training.picture import picture_people, repeatable_noise, save_picture

_FIT_BATCH = 16
SIGMA_MAX = 200.0  # the modes hold what varies more than this


def forget(condition: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """Height and BMI unknown in a random share of the rows."""
    unknown = torch.rand(len(condition), 2, generator=rng, device=condition.device)
    unknown = (unknown < share).to(condition.dtype)
    known = condition[:, 2:4] * (1 - unknown)
    return torch.cat([condition[:, :2], known, unknown], dim=1)


class CoarseVolumes:
    """The coarse side of the cache, in memory on the training device."""

    def __init__(self, cache: PhantomCache, factor: int, device: str) -> None:
        self.condition = cache.condition(cache.training).to(device)
        self.encoded = torch.stack(
            [
                coarsen(fine[None].to(device).float(), factor)[0].half()
                for fine in cache.volumes(cache.training)
            ]
        )

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for first in range(0, len(self.encoded), _FIT_BATCH):
            rows = slice(first, first + _FIT_BATCH)
            yield self.encoded[rows].float(), template_features(self.condition[rows])


class BaseTask:
    """Denoise coarse residuals at random noise levels."""

    def __init__(
        self, config: TrainingConfig, cache: PhantomCache, device: str
    ) -> None:
        self.config, self.device = config, device
        architecture = architecture_from(BaseArchitecture, config.architecture)
        factor = cache.grid.shape[0] // architecture.shape[0]
        self.spacing_mm = cache.grid.spacing_mm[0] * factor
        self.volumes = CoarseVolumes(cache, factor, device)
        self.stage = BaseStage(architecture).to(device)
        if config.initial_weights:
            load_stage(self.stage, config.initial_weights)
        else:
            self.stage.template.fit(self.volumes, ridge=1e-3)
            if self.stage.modes:
                self.stage.modes.fit(self._residuals())
        channels_last(self.stage.network)
        if config.optimization.compile:
            self.stage.network.compile()

    def _residuals(self) -> Iterator[Tensor]:
        for encoded, features in self.volumes:
            yield self.stage.template.to_residual(encoded, features)

    def loss(self, batch_size: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Loss (b,) and ln σ (b,) of random training subjects."""
        config, volumes = self.config, self.volumes
        rows = torch.randint(
            len(volumes.encoded), (batch_size,), generator=rng, device=rng.device
        )
        condition = forget(volumes.condition[rows], config.unknown_share, rng)
        features = template_features(condition)
        with torch.no_grad():
            template = self.stage.template(features)
            encoded = volumes.encoded[rows].float()
            clean = self.stage.template.to_residual(encoded, features)
        sigma = draw_sigma(
            batch_size, p_mean=config.p_mean, p_std=config.p_std, generator=rng
        )
        noise = torch.randn(clean.shape, generator=rng, device=rng.device)

        def denoise(x: Tensor, level: Tensor) -> Tensor:
            return self.stage.denoise(x, level, condition=condition, template=template)

        loss = denoising_loss(denoise, clean, sigma, noise, sigma_data=SIGMA_DATA)
        return loss, sigma.log()

    @torch.no_grad()
    def picture(self, stage: nn.Module, path: Path) -> None:
        """Six people sampled with twelve Heun steps."""
        assert isinstance(stage, BaseStage)
        condition = condition_vector(picture_people()).to(self.device)
        shape = stage.architecture.shape
        noise = repeatable_noise(len(condition), shape, self.device)
        levels = noise_levels(12, sigma_min=0.01, sigma_max=SIGMA_MAX)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16):
            start = stage.start(noise, levels[0])
            encoded = stage.sample(start, condition, levels, solver="heun")
        save_picture(encoded, path, spacing_mm=self.spacing_mm)
