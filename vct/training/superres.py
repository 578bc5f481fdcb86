"""Training of the super-resolution stage on slabs of the fine volumes."""

from pathlib import Path

import torch
from torch import Tensor, nn

from vct.cascade.checkpoint import architecture_from, load_stage
from vct.cascade.condition import template_features
from vct.cascade.resample import coarsen, upsample
from vct.cascade.stage import (
    SIGMA_DATA,
    BaseStage,
    SuperResolutionArchitecture,
    SuperResolutionStage,
    load_base,
)
from vct.diffusion.loss import denoising_loss, draw_sigma
from vct.diffusion.schedule import noise_levels
from vct.diffusion.tokens import position_maps, to_tokens
from vct.diffusion.unet import channels_last
from vct.training.cache import PhantomCache
from vct.training.config import TrainingConfig
from vct.training.picture import repeatable_noise, save_picture

_STATISTICS_SUBJECTS = 32
_PASS_SIGMA = (0.3, 3.0)  # where the base stage is asked to repair the true coarse
_PASS_STEPS = 6
_PASS_BATCH = 8


class SuperResolutionTask:
    """Denoise fine residuals of axial slabs, given an imperfect coarse volume."""

    def __init__(
        self, config: TrainingConfig, cache: PhantomCache, device: str
    ) -> None:
        self.config, self.cache, self.device = config, cache, device
        architecture = architecture_from(
            SuperResolutionArchitecture, config.architecture
        )
        self.factor = architecture.factor
        self.stage = SuperResolutionStage(architecture).to(device)
        self.condition = cache.condition(cache.training).to(device)
        self.fine = self._fine_in_memory()
        self.coarse = torch.stack(
            [self._coarse_of(n) for n in range(len(self.condition))]
        )
        if config.initial_weights:
            load_stage(self.stage, config.initial_weights)
        else:
            self._measure_statistics()
        self.passed = self._pass_through_base(config.base_weights)
        channels_last(self.stage.network)
        if config.optimization.compile:
            self.stage.network.compile()

    def _fine_in_memory(self) -> list[Tensor] | None:
        """All fine volumes where the device's memory is large, else read on demand."""
        if not self.device.startswith("cuda"):
            return None
        return [v.to(self.device) for v in self.cache.volumes(self.cache.training)]

    def _fine_of(self, index: int) -> Tensor:
        volume = self.fine[index] if self.fine else self.cache.encoded(index)
        return volume.to(self.device).float()

    def _coarse_of(self, index: int) -> Tensor:
        return coarsen(self._fine_of(index)[None], self.factor)[0].half()

    @torch.no_grad()
    def _measure_statistics(self) -> None:
        count = min(_STATISTICS_SUBJECTS, len(self.coarse))
        squares = torch.zeros(2, device=self.device)
        for n in range(count):
            coarse = self.coarse[n][None].float()
            residual = self._fine_of(n)[None] - upsample(coarse, self.factor)
            squares += residual.square().mean(dim=(0, 2, 3, 4)) / count
        self.stage.residual_sd.copy_(squares.sqrt())
        spread = self.coarse[:count].float().std(dim=0).square().mean(dim=(1, 2, 3))
        self.stage.coarse_sd.copy_(spread.sqrt())

    @torch.no_grad()
    def _pass_through_base(self, weights: Path | None) -> Tensor | None:
        """True coarse volumes noised to a middle σ and denoised by the base stage."""
        if not weights or not self.config.base_pass_share:
            return None
        base = load_base(weights).to(self.device).eval().requires_grad_(False)
        channels_last(base.network)
        rng = torch.Generator(self.device)
        rng.manual_seed(self.config.optimization.seed)
        passed = []
        for first in range(0, len(self.coarse), _PASS_BATCH):
            rows = slice(first, first + _PASS_BATCH)
            passed.append(
                repaired(base, self.coarse[rows].float(), self.condition[rows], rng)
            )
        return torch.cat(passed).half()

    def loss(self, batch_size: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Loss (b,) and ln σ (b,) of random slabs of random subjects."""
        config = self.config
        members = [self._slab(rng) for _ in range(batch_size)]
        clean, coarse, position, condition = (
            torch.stack(parts) for parts in zip(*members, strict=True)
        )
        return slab_loss(
            self.stage,
            config,
            rng,
            clean=clean,
            coarse=coarse,
            position=position,
            condition=condition,
        )

    @torch.no_grad()
    def _slab(self, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Clean residual, coarse, token positions and condition of one slab."""
        patch = self.stage.architecture.patch
        total, length = self.cache.grid.shape[0], self.config.patch_slices
        step = patch * self.stage.network.stride
        pick = torch.rand(3, generator=rng, device=rng.device).tolist()
        index = int(pick[0] * len(self.coarse))
        start = int(pick[1] * ((total - length) // step + 1)) * step
        use_passed = self.passed is not None and pick[2] < self.config.base_pass_share
        source = self.passed if use_passed and self.passed is not None else self.coarse
        coarse = source[index][None].float()
        f = self.factor
        low, high = max(start // f - 1, 0), min((start + length) // f + 1, total // f)
        raised = upsample(coarse[:, :, low:high], f)
        raised = raised[:, :, start - low * f : start - low * f + length]
        fine = self._fine_slab(index, start, length)[None]
        sd = self.stage.residual_sd.reshape(1, 2, 1, 1, 1)
        position = position_maps(to_tokens(coarse[:, :1], patch // f))
        return (
            ((fine - raised) / sd)[0],
            coarse[0, :, start // f : (start + length) // f],
            position[0, :, start // patch : (start + length) // patch],
            self.condition[index],
        )

    def _fine_slab(self, index: int, start: int, length: int) -> Tensor:
        volume = self.fine[index] if self.fine else self.cache.encoded(index)
        return volume[:, start : start + length].to(self.device).float()

    @torch.no_grad()
    def picture(self, stage: nn.Module, path: Path) -> None:
        """Held-out phantoms: true coarse volumes made fine, beside the truth."""
        assert isinstance(stage, SuperResolutionStage)
        people = list(self.cache.held_out)[:3]
        truth = torch.stack([self.cache.encoded(n) for n in people])
        truth = truth.to(self.device).float()
        condition = self.cache.condition(range(people[0], people[-1] + 1))
        coarse = coarsen(truth, self.factor)
        noise = repeatable_noise(len(people), self.cache.grid.shape, self.device)
        levels = noise_levels(6, sigma_min=0.02, sigma_max=15.0)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16):
            made = stage.sample(
                noise,
                levels,
                solver="dpmpp2m",
                coarse=coarse,
                augmentation=torch.zeros(len(people), device=self.device),
                augmentation_noise=torch.zeros_like(coarse),
                condition=condition.to(self.device),
            )
        both = torch.stack([truth, made], dim=1).flatten(0, 1)
        save_picture(both, path, spacing_mm=self.cache.grid.spacing_mm[0])


def slab_loss(
    stage: SuperResolutionStage,
    config: TrainingConfig,
    rng: torch.Generator,
    *,
    clean: Tensor,
    coarse: Tensor,
    position: Tensor,
    condition: Tensor,
) -> tuple[Tensor, Tensor]:
    """Loss (b,) and ln σ (b,) of slabs at random σ and random augmentation.

    Parameters
    ----------
    clean
        Unit-SD residual, (b, 2, k, j, i) on the fine grid.
    coarse
        Encoded coarse slab, without augmentation noise.
    position
        Position of each token in the field, (b, 3, ...).
    condition
        (b, 6).
    """
    count = len(clean)
    level = torch.rand(count, generator=rng, device=rng.device)
    level = level * config.augmentation_max
    coarse_noise = torch.randn(coarse.shape, generator=rng, device=rng.device)
    augmented = stage.augment(coarse, level, coarse_noise)
    sigma = draw_sigma(count, p_mean=config.p_mean, p_std=config.p_std, generator=rng)
    noise = torch.randn(clean.shape, generator=rng, device=rng.device)

    def denoise(x: Tensor, s: Tensor) -> Tensor:
        return stage.denoise(
            x,
            s,
            coarse=augmented,
            augmentation=level,
            condition=condition,
            position=position,
        )

    loss = denoising_loss(denoise, clean, sigma, noise, sigma_data=SIGMA_DATA)
    return loss, sigma.log()


@torch.no_grad()
def repaired(
    base: BaseStage, coarse: Tensor, condition: Tensor, rng: torch.Generator
) -> Tensor:
    """Coarse volumes noised to a random middle σ and denoised by the base stage."""
    low, high = _PASS_SIGMA
    draw = torch.rand(1, generator=rng, device=rng.device).item()
    sigma = low * (high / low) ** draw
    residual = base.template.to_residual(coarse, template_features(condition))
    noise = torch.randn(residual.shape, generator=rng, device=rng.device)
    levels = noise_levels(_PASS_STEPS, sigma_min=0.01, sigma_max=sigma)
    with torch.autocast(coarse.device.type, torch.bfloat16):
        start = residual + sigma * noise
        return base.sample(start, condition, levels, solver="dpmpp2m")
