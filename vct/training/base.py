"""Training of the base stage: coarse residuals from the template."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from vct.cascade.architecture import BaseArchitecture
from vct.cascade.checkpoint import (
    architecture_from,
    load_stage,
    read_architecture,
)
from vct.cascade.condition import condition_vector, template_features
from vct.cascade.stage import BASE_VOLUMES, SIGMA_DATA, BaseStage
from vct.diffusion.haar import haar_matrix, remix
from vct.diffusion.loss import denoising_loss, noise_level
from vct.diffusion.schedule import noise_levels
from vct.diffusion.unet import channels_last
from vct.errors import SpecError
from vct.training.cache import Images
from vct.training.coarse import CoarseVolumes, factor_to
from vct.training.config import TrainingConfig
from vct.training.draws import Draws
from vct.training.picture import picture_people, repeatable_noise, save_picture

SIGMA_MAX = 200.0  # the modes hold what varies more than this
_RIDGE = 1e-3
_NOT_TAKEN_OVER = (
    "innovations.gains",
    "innovations.mass.coefficients",
    *(f"conditional_start.{name}" for name in ("means", "sd", "sd_of_all")),
)
_LEAST_SHARE = 0.1  # of scans, for a voxel's variance to be scaled up


def forget(condition: Tensor, share: float, draws: Draws) -> Tensor:
    """Height and BMI unknown in a random share of the rows."""
    forgotten = (draws.uniform(2) < share).to(condition.dtype)
    unknown = torch.maximum(forgotten, condition[:, 4:])
    known = condition[:, 2:4] * (1 - unknown)
    return torch.cat([condition[:, :2], known, unknown], dim=1)


def load_initial(stage: BaseStage, path: Path) -> None:
    """Weights to go on from; voxel tokens and Haar tokens are turned into each other.

    Where sampling starts is fitted anew. What the network was seen to miss
    (innovations) is left out: it will miss something else.

    Raises
    ------
    ModelError
        If the file is no good, or its weights are otherwise not the stage's.
    """
    load_stage(stage, path, without=_NOT_TAKEN_OVER)
    before = read_architecture(BaseArchitecture, path).haar
    if before != stage.architecture.haar:
        matrix = haar_matrix(stage.architecture.patch)
        turn = matrix.T if before else matrix
        remix(stage.network, turn, volumes=BASE_VOLUMES)


def fit_start(stage: BaseStage, residuals: Iterable[Tensor], condition: Tensor) -> None:
    """Where sampling starts, if the demographics have a say in it.

    Parameters
    ----------
    stage
        With its template and modes.
    residuals
        Unit-SD residuals of people, in batches (b, 2, k, j, i).
    condition
        Of the same people, (n, 6).
    """
    start, modes = stage.conditional_start, stage.modes
    if start is not None and modes is not None:
        seen = torch.cat([modes.coefficients(batch) for batch in residuals])
        start.fit(seen, condition)


class BaseTask:
    """Denoise coarse residuals at random noise levels."""

    coverage: Tensor | None = None

    def __init__(self, config: TrainingConfig, images: Images, device: str) -> None:
        self.config, self.device = config, device
        architecture = architecture_from(BaseArchitecture, config.architecture)
        factor = factor_to(architecture.shape, images.grid)
        self.spacing_mm = images.grid.spacing_mm[0] * factor
        self.volumes = CoarseVolumes(images, factor, device)
        self.coverage = self.volumes.coverage
        self.stage = BaseStage(architecture).to(device)
        if config.initial_weights:
            load_initial(self.stage, config.initial_weights)
        else:
            self._fit()
        fit_start(self.stage, self._residuals(), self.volumes.condition)
        channels_last(self.stage.network)
        if config.optimization.compile:
            self.stage.network.compile()

    def _fit(self) -> None:
        """Template and modes, from what the scans cover."""
        if self.coverage is None:
            self.stage.template.fit(self.volumes, ridge=_RIDGE)
        else:
            self.stage.template.fit_covered(self.volumes.covered(), ridge=_RIDGE)
        if self.stage.modes:
            modes, count = len(self.stage.modes.sd), len(self.volumes.encoded)
            if count <= modes:
                raise SpecError(
                    f"architecture.modes {modes} needs more than {modes} training "
                    f"subjects, and there are {count}; ask for fewer modes, or 0"
                )
            self.stage.modes.fit(self._residuals())

    def _residuals(self) -> Iterator[Tensor]:
        """Residuals of the volumes, with every voxel's variance as if all covered it.

        An uncovered voxel adds nothing to a covariance, so that the covered ones count
        the more the fewer they are.
        """
        template = self.stage.template
        if self.coverage is None:
            for encoded, features in self.volumes:
                yield template.to_residual(encoded, features)
            return
        covered = self.volumes.covered()
        scale = covered.share().clamp_min(_LEAST_SHARE).rsqrt()
        for encoded, features, coverage in covered:
            yield template.to_residual(encoded, features) * coverage * scale

    def loss(self, draws: Draws) -> tuple[Tensor, Tensor]:
        """Loss (b,) and ln σ (b,) of random training subjects."""
        config, volumes = self.config, self.volumes
        rows = draws.integers(len(volumes.encoded))
        condition = forget(volumes.condition[rows], config.unknown_share, draws)
        features = template_features(condition)
        coverage = None if self.coverage is None else self.coverage[rows].float()
        with torch.no_grad():
            template = self.stage.template(features)
            encoded = volumes.encoded[rows].float()
            clean = self.stage.template.to_residual(encoded, features)
            if coverage is not None:
                clean = clean * coverage  # what is not covered holds the template
        sigma = noise_level(draws.normal(), p_mean=config.p_mean, p_std=config.p_std)

        def denoise(x: Tensor, level: Tensor) -> Tensor:
            return self.stage.denoise(
                x, level, condition=condition, template=template, coverage=coverage
            )

        loss = denoising_loss(
            denoise,
            clean,
            sigma,
            draws.normal(*clean.shape[1:]),
            sigma_data=SIGMA_DATA,
            weight=coverage,
        )
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
            start = stage.start(noise, levels[0], condition)
            encoded = stage.sample(start, condition, levels, solver="heun")
        save_picture(encoded, path, spacing_mm=self.spacing_mm)
