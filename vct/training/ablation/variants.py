"""The rows of the table: what is trained, and how it is sampled.

Rows of one ``variant`` share a network; each variant is trained once. The base stage is
compared on 16 mm volumes, where a network costs seconds. With an eighth of the voxels,
noise of level σ hides as much of a whole body as level √8 σ does at 8 mm.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from vct.cascade.architecture import BaseArchitecture, SuperResolutionArchitecture
from vct.cascade.cascade import StageSampler
from vct.errors import SpecError
from vct.training.config import OptimizerName

TemplateKind = Literal["regression", "mean", "none"]
_BASE_SAMPLER = StageSampler("heun", 18, 0.01, 200.0)
_SUPERRES_SAMPLER = StageSampler("dpmpp2m", 6, 0.02, 15.0)


@dataclass(frozen=True)
class BaseVariant:
    """One base network: its architecture, its template, its optimizer."""

    name: str
    architecture: BaseArchitecture
    template: TemplateKind = "regression"
    optimizer: OptimizerName = "muon"
    learning_rate: float | None = None  # None is the plan's
    batch_size: int | None = None  # likewise


@dataclass(frozen=True)
class SuperResolutionVariant:
    """One fine network: residual or direct, how its coarse input is disturbed."""

    name: str
    architecture: SuperResolutionArchitecture
    direct: bool = False
    augmentation_max: float = 0.5


@dataclass(frozen=True)
class BaseRow:
    """A base network sampled in one way."""

    name: str
    what: str
    variant: BaseVariant
    sampler: StageSampler = _BASE_SAMPLER


@dataclass(frozen=True)
class SuperResolutionRow:
    """A fine network sampled in one way.

    ``augmentation`` is the level of noise put on the coarse volume when sampling.
    """

    name: str
    what: str
    variant: SuperResolutionVariant
    sampler: StageSampler = _SUPERRES_SAMPLER
    augmentation: float = 0.1


@dataclass(frozen=True)
class BasePlan:
    """Training of every base variant alike."""

    samples: int = 32_000
    batch_size: int = 8
    learning_rate: float = 2e-3
    p_mean: float = 0.8
    p_std: float = 1.9
    sigmas: tuple[float, ...] = (0.14, 0.37, 1.0, 2.7, 7.4, 20.0, 55.0)
    shape: tuple[int, int, int] = (72, 24, 32)
    seed: int = 0


@dataclass(frozen=True)
class SuperResolutionPlan:
    """Training of every fine variant alike, on axial slabs of ``patch_slices``."""

    samples: int = 4_000
    batch_size: int = 12
    learning_rate: float = 6e-4
    p_mean: float = -0.6
    p_std: float = 1.4
    sigmas: tuple[float, ...] = (0.14, 0.37, 1.0, 2.7, 7.4)
    patch_slices: int = 96
    subjects: int = 400
    seed: int = 0


def base_rows(shape: tuple[int, int, int] = (72, 24, 32)) -> list[BaseRow]:
    """Rows of the base stage; widths of other patches cost about as much."""
    architecture = BaseArchitecture(
        shape=shape,
        patch=2,
        channels=(64, 112, 144),
        blocks=(2, 2, 2),
        template_factor=1,
        modes=32,
        modes_factor=4,
        haar=True,
    )
    default = BaseVariant("default", architecture)
    no_modes = BaseVariant("modes_off", replace(architecture, modes=0))
    patch_1 = replace(
        architecture, patch=1, channels=(16, 48, 96, 144), blocks=(2, 2, 2, 2)
    )
    patch_4 = replace(architecture, patch=4, channels=(192, 224), blocks=(2, 2))
    rows = [
        BaseRow(
            "default", "patch 2, Haar, template, 32 modes, σ_max 200, Heun 18", default
        ),
        BaseRow("modes_off_80", "no modes, σ_max 80", no_modes, _from(80.0)),
        BaseRow("modes_off_200", "no modes, σ_max 200", no_modes, _from(200.0)),
        BaseRow("modes_off_1000", "no modes, σ_max 1000", no_modes, _from(1000.0)),
        BaseRow("modes_off_28", "no modes, σ_max 28", no_modes, _from(28.0)),
        BaseRow("sigma_80", "modes, σ_max 80", default, _from(80.0)),
        BaseRow("sigma_28", "modes, σ_max 28", default, _from(28.0)),
        BaseRow(
            "template_off",
            "no template and no modes, σ_max 1000",
            BaseVariant("template_off", no_modes.architecture, template="none"),
            _from(1000.0),
        ),
        BaseRow(
            "template_mean",
            "template is the mean image",
            BaseVariant("template_mean", architecture, template="mean"),
        ),
        BaseRow("patch_1", "voxels as tokens", BaseVariant("patch_1", patch_1)),
        BaseRow("patch_4", "tokens of 4³ voxels", BaseVariant("patch_4", patch_4)),
        BaseRow(
            "narrow",
            "half as wide",
            BaseVariant("narrow", replace(architecture, channels=(32, 56, 72))),
        ),
        BaseRow(
            "wide",
            "half as wide again",
            BaseVariant("wide", replace(architecture, channels=(96, 176, 224))),
        ),
        BaseRow(
            "voxel_tokens",
            "tokens hold voxels, not Haar coefficients",
            BaseVariant("voxel_tokens", replace(architecture, haar=False)),
        ),
        BaseRow(
            "adamw",
            "AdamW for all weights, learning rate 6e-4",
            BaseVariant("adamw", architecture, optimizer="adamw", learning_rate=6e-4),
        ),
        BaseRow(
            "batch_32",
            "batches of 32, fewer steps",
            BaseVariant("batch_32", architecture, batch_size=32),
        ),
    ]
    # 0.07 stands for 0.2 at 8 mm, where the bundled models end.
    early = StageSampler("heun", 15, 0.07, 200.0)
    rows.append(BaseRow("ends_early", "sampled to σ 0.07, 15 steps", default, early))
    for steps in (6, 9, 12, 27):
        how = StageSampler("heun", steps, 0.01, 200.0)
        rows.append(BaseRow(f"heun_{steps}", f"Heun, {steps} steps", default, how))
    for steps in (12, 18, 27):
        how = StageSampler("dpmpp2m", steps, 0.01, 200.0)
        what = f"DPM-Solver++(2M), {steps} steps"
        rows.append(BaseRow(f"dpmpp2m_{steps}", what, default, how))
    return rows


def _from(sigma_max: float) -> StageSampler:
    return replace(_BASE_SAMPLER, sigma_max=sigma_max)


def superres_rows() -> list[SuperResolutionRow]:
    """Rows of the fine stage."""
    architecture = SuperResolutionArchitecture(
        factor=2, patch=4, channels=(96, 128), blocks=(2, 1), gated=True
    )
    default = SuperResolutionVariant("sr_default", architecture)
    direct = SuperResolutionVariant("sr_direct", architecture, direct=True)
    clean = SuperResolutionVariant("sr_clean", architecture, augmentation_max=0.0)
    plain = SuperResolutionVariant("sr_plain", replace(architecture, gated=False))
    small_tokens = SuperResolutionVariant(
        "sr_small_tokens",
        replace(
            architecture,
            patch=2,
            channels=(64, 64, 128),
            blocks=(1, 1, 1),
            gated=False,
        ),
    )
    wide_range = StageSampler("dpmpp2m", 6, 0.02, 80.0)
    rows = [
        SuperResolutionRow(
            "sr_default", "residual, gated, augmentation, DPM-Solver++(2M) 6", default
        ),
        SuperResolutionRow(
            "sr_direct", "fine volume itself, σ_max 80, 6 steps", direct, wide_range
        ),
        SuperResolutionRow(
            "sr_direct_18",
            "fine volume itself, σ_max 80, 18 steps",
            direct,
            replace(wide_range, steps=18),
        ),
        SuperResolutionRow(
            "sr_augmentation_off",
            "coarse volume never disturbed",
            clean,
            augmentation=0.0,
        ),
        SuperResolutionRow("sr_not_gated", "no gain on the noisy input", plain),
        SuperResolutionRow(
            "sr_patch_2", "tokens of 2³ voxels, 64-64-128 wide, no gate", small_tokens
        ),
    ]
    for steps in (2, 3, 4, 10):
        how = StageSampler("dpmpp2m", steps, 0.02, 15.0)
        what = f"DPM-Solver++(2M), {steps} steps"
        rows.append(SuperResolutionRow(f"sr_steps_{steps}", what, default, how))
    return rows


Row = TypeVar("Row", BaseRow, SuperResolutionRow)


def picked(rows: Sequence[Row], names: Sequence[str] | None) -> list[Row]:
    """Rows by name, in the table's order; all when ``names`` is None.

    Raises
    ------
    SpecError
        If a name is no row's.
    """
    if names is None:
        return list(rows)
    known = [row.name for row in rows]
    for name in names:
        if name not in known:
            raise SpecError(
                f"--rows: there is no row {name!r}; there are {', '.join(known)}"
            )
    return [row for row in rows if row.name in names]
