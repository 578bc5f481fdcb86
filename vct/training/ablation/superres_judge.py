"""What fine volumes are held against: texture, histograms, noise, kept means."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vct.anatomy import LABEL_OF
from vct.cascade.encode import decode
from vct.cascade.resample import box_mean, coarsen, upsample
from vct.cascade.stage import SuperResolutionStage, load_base
from vct.diffusion.tokens import to_tokens
from vct.training.ablation.figures import (
    frechet_distance,
    histogram_distance,
    marginal_distance,
    principal_components,
    sd_ratios,
)
from vct.training.ablation.measure import batches, noise_of, ready
from vct.training.ablation.people import Volumes, load_volumes
from vct.training.ablation.superres_stages import coarse_of
from vct.training.ablation.table import Figures
from vct.training.cache import PhantomCache
from vct.training.superres import repaired

COMPONENTS = 32
SPREAD_COMPONENTS = 10
_TOKENS_A_PERSON = 256
_SOFT_TISSUE = -0.5  # encoded CT of -200 HU
_BLUR_SHARE, _BLUR_NOISE = 0.5, 0.1


@dataclass(frozen=True)
class People:
    """Fine volumes, their box means, and where the liver is, (n, k, j, i)."""

    fine: Volumes
    coarse: Tensor
    liver: Tensor

    def __len__(self) -> int:
        return len(self.fine)


def load_people(
    cache: PhantomCache, indices: range, factor: int, device: str
) -> People:
    """Held-out phantoms in the memory of ``device``."""
    fine = load_volumes(cache, indices, 1, device)
    labels = [cache.labels(n) == LABEL_OF["liver"] for n in indices]
    return People(fine, coarse_of(fine, factor), torch.stack(labels).to(device))


class SuperResolutionJudge:
    """What every fine row is held against: fitted to training phantoms once."""

    def __init__(
        self,
        units: SuperResolutionStage,
        training: Volumes,
        training_coarse: Tensor,
        judges: People,
    ) -> None:
        self.units, self.judges = units, judges
        tokens = self._tokens(training.encoded, training_coarse)
        self.components = principal_components(tokens, COMPONENTS)
        self.scores = self._scores(judges.fine.encoded, judges.coarse)
        self.hu, self.suv = decode(judges.fine.encoded.float())
        self.noise = self._liver_noise(judges.fine.encoded, judges.liver)
        self.liver_suv = _inside(self.suv, judges.liver)

    def _tokens(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Residuals of soft tissue, a token a row, evenly spaced in each body."""
        architecture = self.units.architecture
        rows = []
        for volume, rough in zip(fine, coarse, strict=True):
            pair = volume[None].float(), rough[None].float()
            tokens = to_tokens(self.units.to_residual(*pair), architecture.patch)
            soft = F.avg_pool3d(rough[:1].float(), architecture.patch // self._factor)
            inside = tokens[0].flatten(1).T[soft.flatten() > _SOFT_TISSUE]
            rows.append(inside[:: max(len(inside) // _TOKENS_A_PERSON, 1)])
        return torch.cat(rows)

    @property
    def _factor(self) -> int:
        return self.units.architecture.factor

    def _scores(self, fine: Tensor, coarse: Tensor) -> np.ndarray:
        return self.components.scores(self._tokens(fine, coarse))

    def _liver_noise(self, fine: Tensor, liver: Tensor) -> np.ndarray:
        """SD of what is finer than the coarse grid in the liver, HU and SUV, (2,)."""
        squares = []
        for volume, inside in zip(fine, liver, strict=True):
            encoded = volume[None].float()
            smooth = decode(upsample(coarsen(encoded, self._factor), self._factor))
            parts = [
                (image - base)[0][inside]
                for image, base in zip(decode(encoded), smooth, strict=True)
            ]
            squares.append(torch.stack([p.var() for p in parts]))
        result: np.ndarray = torch.stack(squares).nanmean(0).sqrt().cpu().numpy()
        return result

    def figures(self, fine: Tensor, people: People) -> Figures:
        """How far fine volumes of ``people`` are from the judges'."""
        scores = self._scores(fine, people.coarse)
        spread = sd_ratios(scores, self.scores)[:SPREAD_COMPONENTS]
        hu, suv = decode(fine.float())
        noise_hu, noise_suv = self._liver_noise(fine, people.liver) / self.noise
        return {
            "frechet": frechet_distance(scores, self.scores),
            "marginal_frechet": marginal_distance(scores, self.scores),
            "sd_ratio_mean": float(spread.mean()),
            "sd_ratio_min": float(spread.min()),
            "suv_distance": histogram_distance(suv, self.suv),
            "hu_distance": histogram_distance(hu, self.hu),
            "liver_noise_hu_ratio": float(noise_hu),
            "liver_noise_suv_ratio": float(noise_suv),
        }

    def kept_means(self, fine: Tensor, coarse: Tensor) -> Figures:
        """How far the box means of fine volumes are from the coarse ones given."""
        factor, squares = self._factor, []
        for volume, rough in zip(fine, coarse, strict=True):
            images = decode(volume[None].float())
            wanted = decode(rough[None].float())
            squares.append(
                torch.stack(
                    [
                        (box_mean(image, factor) - given).square().mean()
                        for image, given in zip(images, wanted, strict=True)
                    ]
                )
            )
        hu, suv = torch.stack(squares).mean(0).sqrt().tolist()
        return {"coarse_rms_hu": hu, "coarse_rms_suv": suv}

    def liver_shift(self, fine: Tensor) -> Figures:
        """RMS over people of the change of the liver's mean SUV, in percent."""
        _, suv = decode(fine.float())
        made = _inside(suv, self.judges.liver[: len(fine)])
        change = made / self.liver_suv[: len(fine)] - 1
        return {
            "liver_suv_shift_percent": float(100 * change.square().nanmean().sqrt())
        }


def _inside(images: Tensor, masks: Tensor) -> Tensor:
    """Mean of each image inside its mask, (n,); NaN where the mask is empty."""
    return (images * masks).sum((1, 2, 3)) / masks.sum((1, 2, 3))


def imperfect(
    coarse: Tensor,
    condition: Tensor,
    coarse_sd: Tensor,
    base_weights: Path | None,
    device: str,
) -> Tensor:
    """Coarse volumes as a base stage might have made them, (n, 2, k, j, i).

    With ``base_weights``: noised to a middle σ and denoised by that base stage.
    Without: half-way to their 3³ mean, and noise of a tenth of ``coarse_sd``.
    """
    if base_weights:
        base = load_base(base_weights)
        ready(base, device)
        rng = torch.Generator(device)
        rng.manual_seed(0)
        parts = [
            repaired(base, coarse[rows].float(), condition[rows], rng)
            for rows in batches(len(coarse), device)
        ]
        return torch.cat(parts)
    noise = noise_of(slice(0, len(coarse)), coarse.shape[2:], device, purpose=3)
    clear = coarse.float()
    blurred = F.avg_pool3d(clear, 3, stride=1, padding=1, count_include_pad=False)
    worse = clear + _BLUR_SHARE * (blurred - clear)
    worse = worse + _BLUR_NOISE * coarse_sd.reshape(1, 2, 1, 1, 1) * noise
    return worse.clamp(-1, 1)
