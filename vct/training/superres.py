"""Training of the super-resolution stage on slabs of the fine volumes."""

from pathlib import Path

import torch
from torch import Tensor, nn

from vct.cascade.architecture import SuperResolutionArchitecture
from vct.cascade.checkpoint import architecture_from, load_stage, read_architecture
from vct.cascade.condition import template_features
from vct.cascade.resample import coarsen
from vct.cascade.stage import SIGMA_DATA, BaseStage, SuperResolutionStage, load_base
from vct.diffusion.loss import denoising_loss, noise_level
from vct.diffusion.schedule import noise_levels
from vct.diffusion.unet import channels_last
from vct.errors import ModelError
from vct.training.cache import Images
from vct.training.config import TrainingConfig
from vct.training.draws import Draws
from vct.training.picture import repeatable_noise, save_picture
from vct.training.slabs import FineVolumes, Slabs, cut_slabs, on_fine_grid
from vct.training.units import coarse_sd, residual_sd

_STATISTICS_SUBJECTS = 32
_UNITS = {"residual_sd", "coarse_sd"}
_PASS_SIGMA = (0.3, 3.0)  # where the base stage is asked to repair the true coarse
_PASS_STEPS = 6
_PASS_BATCH = 8


class SuperResolutionTask:
    """Denoise fine residuals of axial slabs, given an imperfect coarse volume."""

    def __init__(self, config: TrainingConfig, images: Images, device: str) -> None:
        self.config, self.images, self.device = config, images, device
        architecture = architecture_from(
            SuperResolutionArchitecture, config.architecture
        )
        self.factor = architecture.factor
        self.stage = SuperResolutionStage(architecture).to(device)
        self.volumes = FineVolumes(images, self.factor, device)
        step = self.stage.slab_step
        self.starts = self.volumes.starts(config.patch_slices, step)
        window = config.patch_window or images.grid.shape[1:]
        self.rows, self.columns = self.volumes.windows(window, step)
        self.slab_shape = (config.patch_slices, *window)
        if not (config.initial_weights and self._go_on_from(config.initial_weights)):
            self._measure_statistics()
        self.passed = self._pass_through_base(config.base_weights)
        channels_last(self.stage.network)
        if config.optimization.compile:
            self.stage.network.compile()

    def _go_on_from(self, weights: Path) -> bool:
        """Take over a stage's weights; whether its units came with them.

        Those of a stage of another ``factor`` are of other volumes. Blocks that this
        one does without are left out: each adds to what passes it.
        """
        given = SuperResolutionStage(
            read_architecture(SuperResolutionArchitecture, weights)
        )
        same = given.architecture.factor == self.factor
        more = given.state_dict().keys() - self.stage.state_dict().keys()
        left_out = {name for name in more if "_blocks." in name}
        load_stage(self.stage, weights, without=left_out | (set() if same else _UNITS))
        return same

    def _measure_statistics(self) -> None:
        volumes = self.volumes
        count = min(_STATISTICS_SUBJECTS, len(volumes.coarse))
        self.stage.residual_sd.copy_(residual_sd(volumes, count))
        coverage = None if volumes.coverage is None else volumes.coverage[:count]
        self.stage.coarse_sd.copy_(coarse_sd(volumes.coarse[:count].float(), coverage))

    @torch.no_grad()
    def _pass_through_base(self, weights: Path | None) -> Tensor | None:
        """True coarse volumes noised to a middle σ and denoised by the base stage."""
        if not weights or not self.config.base_pass_share:
            return None
        base = load_base(weights).to(self.device).eval().requires_grad_(False)
        volumes = self.volumes
        shape = tuple(volumes.coarse.shape[2:])
        if base.architecture.shape != shape:
            raise ModelError(
                f"{weights}: the base stage makes {base.architecture.shape} voxels, "
                f"the data's coarse side has {shape}; train both on one grid"
            )
        channels_last(base.network)
        rng = torch.Generator(self.device)
        rng.manual_seed(self.config.optimization.seed)
        passed = []
        for first in range(0, len(volumes.coarse), _PASS_BATCH):
            rows = slice(first, first + _PASS_BATCH)
            coarse, condition = volumes.coarse[rows].float(), volumes.condition[rows]
            covered = volumes.coverage[rows] if volumes.coverage is not None else None
            passed.append(repaired(base, coarse, condition, rng, covered))
        return torch.cat(passed).half()

    def loss(self, draws: Draws) -> tuple[Tensor, Tensor]:
        """Loss (b,) and ln σ (b,) of random slabs of random subjects."""
        return slab_loss(self.stage, self.config, draws, self._slabs(draws))

    @torch.no_grad()
    def _slabs(self, draws: Draws) -> Slabs:
        """Random slabs, part of them above what the base stage made of the truth."""
        true, passed = self.volumes.coarse, self.passed
        picks, coarse = [], []
        for subject, place, source, row, column in draws.uniform(5).tolist():
            index = int(subject * len(true))
            where = (self.starts[index], self.rows, self.columns)
            k, j, i = (
                every[int(share * len(every))]
                for every, share in zip(where, (place, row, column), strict=True)
            )
            picks.append((index, (k, j, i)))
            if passed is not None and source < self.config.base_pass_share:
                coarse.append(passed[index])
            else:
                coarse.append(true[index])
        return cut_slabs(self.stage, self.volumes, picks, coarse, self.slab_shape)

    @torch.no_grad()
    def picture(self, stage: nn.Module, path: Path) -> None:
        """Held-out subjects: true coarse volumes made fine, beside the truth."""
        assert isinstance(stage, SuperResolutionStage)
        people = (self.images.held_out or self.images.training)[:3]
        truth = torch.stack([self.images.encoded(n) for n in people])
        truth = truth.to(self.device).float()
        condition = self.images.condition(people)
        coarse = coarsen(truth, self.factor)
        noise = repeatable_noise(len(people), self.images.grid.shape, self.device)
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
        save_picture(both, path, spacing_mm=self.images.grid.spacing_mm[0])


def slab_loss(
    stage: SuperResolutionStage, config: TrainingConfig, draws: Draws, slabs: Slabs
) -> tuple[Tensor, Tensor]:
    """Loss (b,) and ln σ (b,) of slabs at random σ and random augmentation."""
    level = draws.uniform() * config.augmentation_max
    coarse_noise = draws.normal(*slabs.coarse.shape[1:])
    augmented = stage.augment(slabs.coarse, level, coarse_noise)
    sigma = noise_level(draws.normal(), p_mean=config.p_mean, p_std=config.p_std)
    noise = draws.normal(*slabs.clean.shape[1:])
    weight = None
    if slabs.coverage is not None:
        weight = on_fine_grid(slabs.coverage, stage.architecture.factor)

    def denoise(x: Tensor, s: Tensor) -> Tensor:
        return stage.denoise(
            x,
            s,
            coarse=augmented,
            augmentation=level,
            condition=slabs.condition,
            position=slabs.position,
            coverage=slabs.coverage,
        )

    loss = denoising_loss(
        denoise, slabs.clean, sigma, noise, sigma_data=SIGMA_DATA, weight=weight
    )
    return loss, sigma.log()


@torch.no_grad()
def repaired(
    base: BaseStage,
    coarse: Tensor,
    condition: Tensor,
    rng: torch.Generator,
    coverage: Tensor | None = None,
) -> Tensor:
    """Coarse volumes noised to a random middle σ and denoised by the base stage.

    Where a scan does not cover, (b, 1, k, j, i) bool, the base stage starts from its
    template.
    """
    low, high = _PASS_SIGMA
    draw = torch.rand(1, generator=rng, device=rng.device).item()
    sigma = low * (high / low) ** draw
    residual = base.template.to_residual(coarse, template_features(condition))
    if coverage is not None:
        coverage = coverage.to(residual.dtype)
        residual = residual * coverage
    noise = torch.randn(residual.shape, generator=rng, device=rng.device)
    levels = noise_levels(_PASS_STEPS, sigma_min=0.01, sigma_max=sigma)
    with torch.autocast(coarse.device.type, torch.bfloat16):
        start = residual + sigma * noise
        return base.sample(
            start, condition, levels, solver="dpmpp2m", coverage=coverage
        )
