"""Fine stages to compare: residual, as shipped, and of the volume itself."""

import torch
from torch import Tensor

from vct.cascade.architecture import SuperResolutionArchitecture
from vct.cascade.resample import coarsen, upsample
from vct.cascade.stage import SuperResolutionStage
from vct.diffusion.tokens import position_maps
from vct.diffusion.unet import channels_last
from vct.training.ablation.people import Volumes
from vct.training.ablation.variants import SuperResolutionVariant
from vct.training.config import TrainingConfig
from vct.training.draws import Draws
from vct.training.slabs import Slabs
from vct.training.superres import slab_loss


class DirectSuperResolutionStage(SuperResolutionStage):
    """Denoiser of the fine volume itself; the coarse one is only seen.

    ``residual_sd`` is then the volume's own SD about ``mean`` (2,).
    """

    def __init__(self, architecture: SuperResolutionArchitecture) -> None:
        super().__init__(architecture)
        self.register_buffer("mean", torch.zeros(2))
        self.mean: Tensor

    def to_residual(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Encoded fine volumes → the same about their mean, in units of their SD."""
        return (fine - self.mean.reshape(1, 2, 1, 1, 1)) / self._sd()

    def to_encoded(self, residual: Tensor, coarse: Tensor) -> Tensor:
        """Inverse of ``to_residual``."""
        return self.mean.reshape(1, 2, 1, 1, 1) + residual * self._sd()


def build_superres(variant: SuperResolutionVariant) -> SuperResolutionStage:
    """An untrained stage of a variant."""
    kind = DirectSuperResolutionStage if variant.direct else SuperResolutionStage
    return kind(variant.architecture)


@torch.no_grad()
def fit_units(stage: SuperResolutionStage, fine: Volumes, coarse: Tensor) -> None:
    """Set the units that a stage takes from data: residual SD and coarse SD.

    As ``vct.training.superres`` measures them, a volume at a time.
    """
    mean = stage.residual_sd.new_zeros(2, dtype=torch.float64)
    squares = torch.zeros_like(mean)
    stage.residual_sd.fill_(1.0)
    for rough, volume in zip(coarse, fine.encoded, strict=True):
        residual = stage.to_residual(volume[None].float(), rough[None].float())
        mean += residual.double().mean(dim=(0, 2, 3, 4)) / len(coarse)
        squares += residual.double().square().mean(dim=(0, 2, 3, 4)) / len(coarse)
    if isinstance(stage, DirectSuperResolutionStage):
        stage.mean.copy_(mean)
        squares -= mean**2
    stage.residual_sd.copy_(squares.sqrt())
    spread = coarse.float().std(dim=0).square().mean(dim=(1, 2, 3))
    stage.coarse_sd.copy_(spread.sqrt())


def coarse_of(fine: Volumes, factor: int) -> Tensor:
    """Their box means, (n, 2, k, j, i), float16."""
    return torch.cat([coarsen(v[None].float(), factor).half() for v in fine.encoded])


class AblationSuperResolutionTask:
    """The fine stage's training on slabs, drawn and cut on the device as one batch."""

    def __init__(
        self,
        variant: SuperResolutionVariant,
        config: TrainingConfig,
        fine: Volumes,
        coarse: Tensor,
        *,
        units_from: int,
        device: str,
    ) -> None:
        self.config, self.fine, self.coarse = config, fine, coarse
        self.stage = build_superres(variant).to(device)
        fit_units(self.stage, fine.first(units_from), coarse[:units_from])
        self.position = position_maps(self.stage.tokens_of(coarse[:1, :1].float()))[0]
        channels_last(self.stage.network)

    def loss(self, draws: Draws) -> tuple[Tensor, Tensor]:
        """Loss (b,) and ln σ (b,) of random slabs of random phantoms."""
        return slab_loss(self.stage, self.config, draws, self._slabs(draws))

    def picture(self, stage: torch.nn.Module, path: object) -> None:
        """None: a row is judged by figures."""

    @torch.no_grad()
    def _slabs(self, draws: Draws) -> Slabs:
        """Random slabs of random phantoms."""
        architecture, stage = self.stage.architecture, self.stage
        factor, patch = architecture.factor, architecture.patch
        length, total = self.config.patch_slices, self.fine.encoded.shape[2]
        step = stage.slab_step
        starts = (total - length) // step + 1
        member = draws.integers(len(self.fine))
        start = draws.integers(starts) * step

        fine = _cut(self.fine.encoded, member, start, length)
        # A slice more at both ends, repeated at the field's edge as upsample does.
        wide = _cut(self.coarse, member, start // factor - 1, length // factor + 2)
        coarse = wide[:, :, 1:-1]
        if isinstance(stage, DirectSuperResolutionStage):
            clean = stage.to_residual(fine, coarse)
        else:
            raised = upsample(wide, factor)[:, :, factor:-factor]
            clean = (fine - raised) / stage.residual_sd.reshape(1, 2, 1, 1, 1)
        k = start[:, None] // patch + torch.arange(length // patch, device=draws.device)
        position = self.position[:, k].transpose(0, 1)
        return Slabs(clean, coarse, position, self.fine.condition[member])


def _cut(volumes: Tensor, member: Tensor, start: Tensor, length: int) -> Tensor:
    """Slabs (b, c, length, j, i), float32; slices beyond the field repeat its edge."""
    k = start[:, None] + torch.arange(length, device=start.device)
    k = k.clamp(0, volumes.shape[2] - 1)
    slabs = volumes[member[:, None], :, k]  # (b, length, c, j, i)
    return slabs.transpose(1, 2).float()
