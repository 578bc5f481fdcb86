"""What fixes the shapes of both stages' weights, as configs and files say it."""

from dataclasses import dataclass

from vct.cascade.innovations import BLOCK
from vct.errors import ModelError


@dataclass(frozen=True)
class BaseArchitecture:
    """Everything that fixes the shapes of the base stage's weights."""

    shape: tuple[int, int, int] = (144, 48, 64)
    patch: int = 2
    channels: tuple[int, ...] = (96, 192, 224)
    blocks: tuple[int, ...] = (2, 2, 2)
    template_factor: int = 2
    modes: int = 0
    modes_factor: int = 4
    haar: bool = False  # tokens hold Haar coefficients of their voxels
    conditional_start: bool = False  # the modes start as the demographics predict
    innovations: bool = False  # sampling adds them; set by vct.training.calibrate_base

    def __post_init__(self) -> None:
        """Refuse what makes no network.

        Raises
        ------
        ModelError
            With the key, and what would be right.
        """
        _check_levels(self.channels, self.blocks)
        least = min(self.patch, self.template_factor, self.modes_factor)
        stride = self.patch * 2 ** (len(self.channels) - 1)  # of the lowest level
        shape, of_modes = list(self.shape), self.modes_factor
        _check(least >= 1, "patch, template_factor and modes_factor are at least 1")
        _check(
            not any(n % stride for n in shape),
            f"shape {shape}: patch {self.patch} and {len(self.channels)} levels need "
            f"multiples of {stride}",
        )
        _check(
            not any(n % self.template_factor for n in shape),
            f"template_factor {self.template_factor} does not divide the shape {shape}",
        )
        _check(
            not self.modes
            or not (of_modes % self.patch or any(n % of_modes for n in shape)),
            f"modes_factor {of_modes} must be a multiple of patch {self.patch} and "
            f"divide the shape {shape}",
        )
        _check(
            bool(self.modes) or not self.conditional_start,
            "conditional_start needs modes: it says where they start",
        )
        _check(
            not self.innovations or not any(n % BLOCK for n in shape),
            f"innovations need a shape that {BLOCK} divides, got {shape}",
        )


@dataclass(frozen=True)
class SuperResolutionArchitecture:
    """Everything that fixes the shapes of the super-resolution stage's weights."""

    factor: int = 2
    patch: int = 4
    channels: tuple[int, ...] = (96, 128)
    blocks: tuple[int, ...] = (2, 1)
    up_blocks: tuple[int, ...] | None = None  # on the way up, but the last level's
    gated: bool = True
    coverage: bool = False  # sees which coarse voxels a scan covers, as the base does

    def __post_init__(self) -> None:
        """Refuse what makes no network.

        Raises
        ------
        ModelError
            With the key, and what would be right.
        """
        _check(
            min(self.factor, self.patch) >= 1
            and max(self.factor, self.patch) % min(self.factor, self.patch) == 0,
            f"patch {self.patch} must be a multiple or a divisor of factor "
            f"{self.factor}",
        )
        _check_levels(self.channels, self.blocks)
        _check(
            self.up_blocks is None or len(self.up_blocks) == len(self.channels) - 1,
            f"up_blocks {list(self.up_blocks or ())} must be a number for each level "
            f"but the last of channels {list(self.channels)}",
        )


def _check_levels(channels: tuple[int, ...], blocks: tuple[int, ...]) -> None:
    _check(
        len(channels) == len(blocks) > 0 and min(channels) > 0,
        f"channels {list(channels)} and blocks {list(blocks)} must be a number for "
        "each level",
    )


def _check(fine: bool, words: str) -> None:
    if not fine:
        raise ModelError(f"architecture.{words}")
