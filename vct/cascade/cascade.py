"""Subjects to PET/CT: both stages and the instrument, on one device, in batches."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

import torch
from torch import Tensor, nn

from vct.cascade.activity import at_most_injected
from vct.cascade.clock import StageClock
from vct.cascade.condition import Demographics, condition_vector
from vct.cascade.encode import SUV_MAX, decode, encode_suv
from vct.cascade.instrument import load_segmenter, segmented, whole_factor
from vct.cascade.pack import Payload, pack, unpack
from vct.cascade.quantize import CT_OFFSET_HU, quantize_ct, quantize_suv
from vct.cascade.stage import (
    BaseStage,
    SuperResolutionStage,
    load_base,
    load_superres,
)
from vct.cascade.tile import TilePlan
from vct.diffusion.sample import Solver, evaluations
from vct.diffusion.schedule import noise_levels
from vct.diffusion.unet import channels_last
from vct.errors import ModelError
from vct.grid import Grid
from vct.measured import Measured
from vct.seeds import torch_seed
from vct.segment.examine import examine, stacked, told
from vct.segment.network import Segmentation, Segmenter
from vct.volume import StoredImages

Precision = Literal["bf16", "fp32"]


class Identified(Demographics, Protocol):
    """Demographics with the name that picks the noise streams."""

    @property
    def subject_id(self) -> str: ...


SubjectT = TypeVar("SubjectT", bound=Identified)


class Card(Protocol):
    """What the cascade reads of a model card."""

    @property
    def folder(self) -> Path: ...
    @property
    def base(self) -> dict[str, Any]: ...
    @property
    def superres(self) -> dict[str, Any]: ...
    @property
    def segmenter(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class StageSampler:
    """How one stage goes from noise to data."""

    solver: Solver = "heun"
    steps: int = 18
    sigma_min: float = 0.01
    sigma_max: float = 80.0

    @property
    def evaluations(self) -> int:
        """Network evaluations a subject costs."""
        return evaluations(self.solver, self.steps)

    def levels(self) -> list[float]:
        """Noise levels, ending in 0."""
        return noise_levels(
            self.steps, sigma_min=self.sigma_min, sigma_max=self.sigma_max
        )


@dataclass(frozen=True)
class SamplerOptions:
    """What a spec may change of the card's samplers; None keeps the card's."""

    base_steps: int | None = None
    superres_steps: int | None = None
    solver: Solver | None = None


@dataclass(frozen=True)
class GeneratedSubject(Generic[SubjectT]):
    """One subject as it leaves the device."""

    subject: SubjectT
    images: StoredImages
    measured: Measured
    seconds: dict[str, float]


class Cascade:
    """Both stages of a model, and its segmenter, ready on a device.

    Examples
    --------
    ``Cascade.load(find_model("whole-body-4mm")).generate(subjects, seed=7)``
    """

    def __init__(
        self,
        base: BaseStage,
        superres: SuperResolutionStage,
        segmenter: Segmenter | None,
        *,
        base_sampler: StageSampler,
        superres_sampler: StageSampler,
        augmentation: float,
        plan: TilePlan | None,
        grid: Grid,
        device: torch.device,
        precision: Precision,
        segmenter_spacing_mm: float | None = None,
        unknown: Sequence[str] = (),
    ) -> None:
        self.base = base.to(device).eval().requires_grad_(False)
        self.superres = superres.to(device).eval().requires_grad_(False)
        self.segmenter = segmenter
        self.base_sampler = base_sampler
        self.superres_sampler = superres_sampler
        self.augmentation = augmentation
        self.plan = plan
        self.grid = grid
        self.segmenter_factor = whole_factor(segmenter_spacing_mm, grid)
        self.device = device
        self.precision = precision
        self.unknown = tuple(unknown)
        networks: list[nn.Module] = [self.base.network, self.superres.network]
        if segmenter is not None:
            segmenter.to(device).eval().requires_grad_(False)
            networks.append(segmenter.network)
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        for network in networks:
            channels_last(network.to(dtype))

    @classmethod
    def load(
        cls,
        card: Card,
        *,
        device: str = "cpu",
        segmenter: bool = True,
        precision: Precision | None = None,
    ) -> "Cascade":
        """Read a model named by its card onto a device.

        Raises
        ------
        ModelError
            If weights are missing, damaged, or do not fit the card.
        """
        where = torch.device(device)
        base = load_base(card.folder / card.base["file"])
        superres = load_superres(card.folder / card.superres["file"])
        judge = load_segmenter(card) if segmenter else None
        factor = superres.architecture.factor
        k, j, i = (n * factor for n in base.architecture.shape)
        grid = card.grid  # type: ignore[attr-defined]
        if (k, j, i) != tuple(grid["shape"]):
            raise ModelError(
                f"{card.folder}: the base stage makes {base.architecture.shape} voxels "
                f"and the fine stage {factor} times as many along each axis, but the "
                f"card's grid has {tuple(grid['shape'])}. Publish a base and a fine "
                "stage that were trained on the same field."
            )
        tile = card.superres.get("tile")
        return cls(
            base,
            superres,
            judge,
            base_sampler=StageSampler(**card.base["sampler"]),
            superres_sampler=StageSampler(**card.superres["sampler"]),
            augmentation=float(card.superres["augmentation"]),
            plan=TilePlan(**tile) if tile else None,
            grid=Grid((k, j, i), tuple(grid["spacing_mm"]), tuple(grid["origin_mm"])),
            device=where,
            precision=precision or best_precision(where),
            segmenter_spacing_mm=card.segmenter.get("spacing_mm"),
            unknown=card.base.get("unknown", ()),
        )

    @property
    def tile_plan(self) -> dict[str, int] | None:
        """Tiles of the fine stage, for run.json; None is untiled."""
        return asdict(self.plan) if self.plan else None

    def generate(
        self,
        subjects: Sequence[SubjectT],
        *,
        seed: int,
        batch_size: int = 1,
        sampler: SamplerOptions | None = None,
    ) -> Iterator[GeneratedSubject[SubjectT]]:
        """Generate subjects in batches of fixed size; short batches are padded.

        Parameters
        ----------
        subjects
            Demographics and identifiers; each subject's noise depends on the seed
            and its identifier only.
        seed
            Of the cohort.
        batch_size
            Subjects on the device at once.
        sampler
            Overrides of the card's steps and solver.
        """
        for first in range(0, len(subjects), batch_size):
            batch = list(subjects[first : first + batch_size])
            padded = batch + [batch[-1]] * (batch_size - len(batch))
            clock = StageClock(self.device)
            condition = condition_vector(padded, self.unknown).to(self.device)
            noise = [self._noise(purpose, padded, seed) for purpose in _PURPOSES]
            with torch.inference_mode():
                data = self.run(condition, noise, sampler, clock)
            host = _copy_out(data)
            clock.mark("copy")
            share = {k: v / len(batch) for k, v in clock.seconds().items()}
            for subject, row in zip(batch, host, strict=False):
                yield self._unpacked(subject, row, share)

    def run(
        self,
        condition: Tensor,
        noise: Sequence[Tensor],
        sampler: SamplerOptions | None,
        clock: StageClock,
    ) -> Tensor:
        """From noise to integers without leaving the device: uint8 (b, n), packed.

        Parameters
        ----------
        condition
            (b, 6).
        noise
            Base noise, augmentation noise and fine noise, each standard normal,
            (b, 2, k, j, i) on the coarse, coarse and fine grid.
        """
        base_noise, augmentation_noise, fine_noise = noise
        coarse = self.sample_base(condition, base_noise, sampler)
        clock.mark("base")
        fine = self.sample_superres(
            condition, coarse, augmentation_noise, fine_noise, sampler
        )
        clock.mark("superres")
        payload = self._integers(fine)
        clock.mark("segmentation")
        return pack(payload)

    def sample_base(
        self,
        condition: Tensor,
        noise: Tensor,
        sampler: SamplerOptions | None = None,
    ) -> Tensor:
        """Encoded coarse volumes, (b, 2, k, j, i)."""
        options = sampler or SamplerOptions()
        how = _overridden(self.base_sampler, options.base_steps, options.solver)
        levels = how.levels()
        start = self.base.start(noise, levels[0], condition)
        drawn = self.base.sample(start, condition, levels, solver=how.solver)
        coarse_grid = self.grid.coarsened(self.superres.architecture.factor)
        return at_most_injected(drawn, condition, coarse_grid.voxel_ml)

    def sample_superres(
        self,
        condition: Tensor,
        coarse: Tensor,
        augmentation_noise: Tensor,
        noise: Tensor,
        sampler: SamplerOptions | None = None,
    ) -> Tensor:
        """Encoded fine volumes, (b, 2, k, j, i), from encoded coarse ones."""
        options = sampler or SamplerOptions()
        how = _overridden(self.superres_sampler, options.superres_steps, options.solver)
        level = coarse.new_full((coarse.shape[0],), self.augmentation)
        return self.superres.sample(
            noise,
            how.levels(),
            solver=how.solver,
            coarse=coarse,
            augmentation=level,
            augmentation_noise=augmentation_noise,
            condition=condition,
            plan=self.plan,
        )

    def _integers(self, fine: Tensor) -> Payload:
        """Stored integers, and organs measured on what those integers mean."""
        hu, suv = decode(fine)
        ct, (pet, step) = quantize_ct(hu), quantize_suv(suv)
        end = encode_suv(fine.new_tensor(SUV_MAX))  # 1 but for rounding
        clipped = (fine[:, 1] >= end).flatten(1).sum(dim=1, keepdim=True)
        if self.segmenter is None:
            return Payload(ct, pet, step, clipped, None, None)
        stored_hu = ct.float() + CT_OFFSET_HU
        stored_suv = (pet.double() * step[:, :, None, None]).float()
        found = self.segment(stored_hu)
        organs = self.segmenter.organ_list
        examined = stacked(
            [
                examine(hu, suv, labels, self.grid, organs=organs, doubt=doubt)
                for hu, suv, labels, doubt in zip(
                    stored_hu, stored_suv, found.labels, found.doubt, strict=True
                )
            ]
        )
        return Payload(ct, pet, step, clipped, examined, found.labels)

    def segment(self, ct_hu: Tensor) -> Segmentation:
        """Organs of CT volumes [HU], (b, k, j, i).

        A segmenter of a coarser grid sees box means; its labels are repeated.
        """
        assert self.segmenter is not None
        return segmented(self.segmenter, ct_hu, self.segmenter_factor)

    def _noise(self, purpose: str, subjects: Sequence[Identified], seed: int) -> Tensor:
        """Whole-volume standard normal noise, a generator for every subject."""
        fine = purpose == "noise/superres"
        shape = self.grid.shape if fine else self.base.architecture.shape
        draws = []
        for subject in subjects:
            generator = torch.Generator(self.device)
            generator.manual_seed(torch_seed(seed, purpose, subject.subject_id))
            draws.append(
                torch.randn(2, *shape, generator=generator, device=self.device)
            )
        return torch.stack(draws)

    def _unpacked(
        self, subject: SubjectT, row: Tensor, seconds: dict[str, float]
    ) -> GeneratedSubject[SubjectT]:
        judge = self.segmenter
        arrays = unpack(row.numpy(), self.grid, judge.organ_list if judge else None)
        images = StoredImages(
            grid=self.grid,
            ct_stored=arrays.ct,
            pet_stored=arrays.pet,
            pet_suv_per_step=arrays.suv_per_step,
            labels=arrays.labels,
            pet_clipped_voxels=arrays.clipped,
        )
        measured = Measured()
        if judge:
            measured = told(
                arrays.examined,
                self.grid,
                organs=judge.organ_list,
                sex=subject.sex,
                error_per_doubt=judge.architecture.error_per_doubt,
            )
        return GeneratedSubject(subject, images, measured, seconds)


_PURPOSES = ("noise/base", "noise/augmentation", "noise/superres")


def best_precision(device: torch.device) -> Precision:
    """bf16 where the hardware multiplies it, else fp32."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"


def _overridden(
    sampler: StageSampler, steps: int | None, solver: Solver | None
) -> StageSampler:
    return replace(
        sampler, steps=steps or sampler.steps, solver=solver or sampler.solver
    )


def _copy_out(data: Tensor) -> Tensor:
    """The one copy from device to host, into pinned memory where there is a device."""
    if data.device.type == "cpu":
        return data
    host = torch.empty(data.shape, dtype=data.dtype, pin_memory=True)
    host.copy_(data, non_blocking=True)
    torch.cuda.current_stream(data.device).synchronize()
    return host
