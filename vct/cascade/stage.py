"""The two stages: demographics to a coarse body, coarse body to a fine one."""

import math
from pathlib import Path

import torch
from torch import Tensor, nn

from vct.cascade.architecture import BaseArchitecture, SuperResolutionArchitecture
from vct.cascade.checkpoint import load_stage, read_architecture
from vct.cascade.condition import CONDITION, template_features
from vct.cascade.conditional_start import ConditionalStart
from vct.cascade.innovations import Innovations
from vct.cascade.modes import Modes
from vct.cascade.resample import consistent, upsample
from vct.cascade.template import Template
from vct.cascade.tile import TilePlan, run_tiled
from vct.diffusion.haar import Patchify
from vct.diffusion.precondition import denoise
from vct.diffusion.sample import Solver, sample
from vct.diffusion.tokens import from_tokens, position_maps, to_tokens
from vct.diffusion.unet import TokenUNet

SIGMA_DATA = 1.0  # both stages diffuse residuals scaled to unit SD
BASE_VOLUMES = 5  # it sees noisy CT and PET, the template's CT and PET, coverage
_POSITION_MAPS = 3
_COVERAGE = 1


class BaseStage(nn.Module):
    """Denoiser of the coarse residual from the template, given the condition."""

    def __init__(self, architecture: BaseArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        patch, factor = architecture.patch, architecture.template_factor
        k, j, i = (n // factor for n in architecture.shape)
        self.template = Template((k, j, i), factor)
        self.modes = _modes(architecture)
        self.conditional_start = _conditional_start(architecture)
        self.innovations = _innovations(architecture)
        self.patchify = Patchify(patch, haar=architecture.haar)
        seen_modes = 2 if self.modes else 0
        self.network = TokenUNet(
            in_channels=BASE_VOLUMES * patch**3 + _POSITION_MAPS + seen_modes,
            out_channels=2 * patch**3,
            channels=architecture.channels,
            blocks=architecture.blocks,
            condition=len(CONDITION),
        )

    def denoise(
        self,
        x: Tensor,
        sigma: Tensor,
        *,
        condition: Tensor,
        template: Tensor,
        coverage: Tensor | None = None,
    ) -> Tensor:
        """Clean residual from a noisy one.

        Parameters
        ----------
        x
            Noisy residual, (b, 2, k, j, i), unit SD when clean.
        sigma
            (b,).
        condition
            (b, 6).
        template
            Encoded conditional mean, (b, 2, k, j, i).
        coverage
            1 where the scan covers the field, (b, 1, k, j, i); 1 everywhere if None.
        """
        patch = self.architecture.patch
        if coverage is None:
            coverage = torch.ones_like(x[:, :1])
        context = self.patchify(torch.cat([template, coverage], dim=1))
        parts = [context, position_maps(context)]
        correction = None
        if self.modes:
            estimate, excess = self.modes.estimate(x, sigma)
            parts.append(self.modes.spread(estimate, self.modes.factor // patch))
            correction = self.modes.spread(excess, self.modes.factor)
        context = torch.cat(parts, dim=1)

        def network(scaled: Tensor, c_noise: Tensor) -> Tensor:
            tokens = torch.cat([self.patchify(scaled), context], dim=1)
            return self.patchify.inverse(_run(self.network, tokens, c_noise, condition))

        clean = denoise(network, x, sigma, sigma_data=SIGMA_DATA)
        return clean if correction is None else clean + correction

    def start(self, noise: Tensor, sigma: float, condition: Tensor) -> Tensor:
        """Volume to start sampling from at level ``sigma``, from standard noise."""
        if self.modes is None:
            return noise * sigma
        if self.conditional_start is None:
            return self.modes.start(noise, sigma)
        return self.modes.start(noise, sigma, self.conditional_start(condition))

    def sample(
        self,
        start: Tensor,
        condition: Tensor,
        levels: list[float],
        *,
        solver: Solver,
        coverage: Tensor | None = None,
    ) -> Tensor:
        """Encoded coarse volumes, (b, 2, k, j, i) in −1..1.

        Parameters
        ----------
        start
            Residual at noise level ``levels[0]``, of ``start`` or of a known volume.
        condition
            (b, 6).
        levels
            ``schedule.noise_levels``.
        coverage
            As in ``denoise``; a whole body is sampled with None.
        """
        features = template_features(condition)
        template = self.template(features)

        def clean(x: Tensor, sigma: Tensor) -> Tensor:
            estimate = self.denoise(
                x, sigma, condition=condition, template=template, coverage=coverage
            )
            if self.innovations is None:
                return estimate
            encoded = self.template.to_encoded(estimate, features)
            return estimate + self.innovations(
                x - estimate,
                sigma,
                encoded=encoded,
                condition=condition,
                coverage=coverage,
            )

        residual = sample(clean, start, levels, solver=solver)
        return self.template.to_encoded(residual, features).clamp(-1, 1)


def _conditional_start(architecture: BaseArchitecture) -> ConditionalStart | None:
    if not architecture.conditional_start:
        return None
    return ConditionalStart(architecture.modes)


def _innovations(architecture: BaseArchitecture) -> Innovations | None:
    return Innovations() if architecture.innovations else None


def _modes(architecture: BaseArchitecture) -> Modes | None:
    if not architecture.modes:
        return None
    factor = architecture.modes_factor
    k, j, i = (n // factor for n in architecture.shape)
    return Modes(architecture.modes, (k, j, i), factor)


class SuperResolutionStage(nn.Module):
    """Denoiser of fine − upsampled(coarse), given the coarse volume.

    ``residual_sd`` (2,) scales the residual to unit SD; ``coarse_sd`` (2,) is the unit
    of the conditioning augmentation.
    """

    def __init__(self, architecture: SuperResolutionArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        patch = architecture.patch
        coarse_patch = max(patch // architecture.factor, 1)
        self.register_buffer("residual_sd", torch.ones(2))
        self.register_buffer("coarse_sd", torch.ones(2))
        self.residual_sd: Tensor
        self.coarse_sd: Tensor
        seen = 2 + _COVERAGE if architecture.coverage else 2
        self.network = TokenUNet(
            in_channels=2 * patch**3 + seen * coarse_patch**3 + _POSITION_MAPS,
            out_channels=2 * patch**3,
            channels=architecture.channels,
            blocks=architecture.blocks,
            up_blocks=architecture.up_blocks,
            condition=len(CONDITION) + 1,
            gated=architecture.gated,
        )

    def denoise(
        self,
        x: Tensor,
        sigma: Tensor,
        *,
        coarse: Tensor,
        augmentation: Tensor,
        condition: Tensor,
        position: Tensor | None = None,
        coverage: Tensor | None = None,
        plan: TilePlan | None = None,
    ) -> Tensor:
        """Clean residual from a noisy one.

        Parameters
        ----------
        x
            Noisy residual, (b, 2, k, j, i) on the fine grid.
        sigma
            (b,).
        coarse
            Encoded coarse volume with its augmentation noise in it.
        augmentation
            Level of that noise in units of ``coarse_sd``, (b,).
        condition
            (b, 6).
        position
            Position of each token in the field, (b, 3, ...); whole field if None.
        coverage
            1 where the scan covers the coarse grid, (b, 1, k, j, i); 1 everywhere if
            None. Only an architecture with ``coverage`` looks at it.
        plan
            Tiles; whole volume if None.
        """
        patch = self.architecture.patch
        seen = coarse
        if self.architecture.coverage:
            if coverage is None:
                coverage = torch.ones_like(coarse[:, :1])
            seen = torch.cat([coarse, coverage.to(coarse.dtype)], dim=1)
        context = self.tokens_of(seen)
        if position is None:
            position = position_maps(context)
        context = torch.cat([context, position.to(context.dtype)], dim=1)
        level = torch.cat([condition, augmentation[:, None]], dim=1)

        def network(scaled: Tensor, c_noise: Tensor) -> Tensor:
            tokens = torch.cat([to_tokens(scaled, patch), context], dim=1)
            out = run_tiled(
                lambda part: _run(self.network, part, c_noise, level), tokens, plan
            )
            return from_tokens(out, patch)

        return denoise(network, x, sigma, sigma_data=SIGMA_DATA)

    def sample(
        self,
        noise: Tensor,
        levels: list[float],
        *,
        solver: Solver,
        coarse: Tensor,
        augmentation: Tensor,
        augmentation_noise: Tensor,
        condition: Tensor,
        plan: TilePlan | None = None,
    ) -> Tensor:
        """Encoded fine volumes, (b, 2, k, j, i), whose box means are the coarse ones'.

        Parameters
        ----------
        noise
            Standard normal, on the fine grid.
        levels
            ``schedule.noise_levels``.
        coarse
            Encoded coarse volume, without augmentation noise.
        augmentation, augmentation_noise
            Level (b,) of ``augment``, and standard normal noise on the coarse grid.
        condition
            (b, 6).
        plan
            Tiles; whole volume if None.
        """
        augmented = self.augment(coarse, augmentation, augmentation_noise)

        def clean(x: Tensor, sigma: Tensor) -> Tensor:
            return self.denoise(
                x,
                sigma,
                coarse=augmented,
                augmentation=augmentation,
                condition=condition,
                plan=plan,
            )

        residual = sample(clean, noise * levels[0], levels, solver=solver)
        fine = self.to_encoded(residual, coarse)
        return consistent(fine, coarse, self.architecture.factor)

    @property
    def slab_step(self) -> int:
        """Fine slices by which a slab may begin and end: whole tokens and voxels.

        Tokens of every level of the network, and voxels of the coarse grid.
        """
        tokens = self.architecture.patch * self.network.stride
        return math.lcm(tokens, self.architecture.factor)

    def tokens_of(self, coarse: Tensor) -> Tensor:
        """A coarse volume as the network sees it, a vector for each token.

        Parameters
        ----------
        coarse
            (b, c, k, j, i) on the coarse grid.

        Returns
        -------
        Tensor
            On the token grid: (b, c · n³, ...) if n³ coarse voxels make a token, and
            (b, c, ...), trilinear, if tokens are smaller than a coarse voxel.
        """
        patch, factor = self.architecture.patch, self.architecture.factor
        if patch < factor:
            return upsample(coarse, factor // patch)
        return to_tokens(coarse, patch // factor)

    def to_residual(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Encoded fine and coarse volumes → unit-SD residual on the fine grid."""
        return (fine - upsample(coarse, self.architecture.factor)) / self._sd()

    def to_encoded(self, residual: Tensor, coarse: Tensor) -> Tensor:
        """Inverse of ``to_residual``."""
        return upsample(coarse, self.architecture.factor) + residual * self._sd()

    def augment(self, coarse: Tensor, level: Tensor, noise: Tensor) -> Tensor:
        """Coarse volume with conditioning noise of ``level`` (b,) times its SD."""
        sd = self.coarse_sd.reshape(1, 2, 1, 1, 1)
        return coarse + level.reshape(-1, 1, 1, 1, 1) * sd * noise

    def _sd(self) -> Tensor:
        return self.residual_sd.reshape(1, 2, 1, 1, 1)


def _run(
    network: nn.Module, tokens: Tensor, c_noise: Tensor, condition: Tensor
) -> Tensor:
    """Call a token network in the precision and layout of its weights."""
    dtype = next(network.parameters()).dtype
    tokens = tokens.to(dtype, memory_format=torch.channels_last_3d)
    return network(tokens, c_noise, condition)


def load_base(path: Path) -> BaseStage:
    """A trained base stage; raises ``ModelError`` when its file is no good."""
    stage = BaseStage(read_architecture(BaseArchitecture, path))
    load_stage(stage, path)
    return stage


def load_superres(path: Path) -> SuperResolutionStage:
    """A trained fine stage; raises ``ModelError`` when its file is no good."""
    stage = SuperResolutionStage(read_architecture(SuperResolutionArchitecture, path))
    load_stage(stage, path)
    return stage
