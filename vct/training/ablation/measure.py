"""What both stages' rows share: noise, the loss at fixed noise, cost, seconds."""

import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from vct.cascade.cascade import best_precision
from vct.diffusion.loss import Denoise
from vct.diffusion.unet import channels_last

_SEED = 20_000


def ready(stage: nn.Module, device: str) -> nn.Module:
    """A stage as the cascade runs it: frozen, its network in the device's precision."""
    where = torch.device(device)
    stage.to(where).eval().requires_grad_(False)
    dtype = torch.bfloat16 if best_precision(where) == "bf16" else torch.float32
    channels_last(stage.network.to(dtype))  # type: ignore[operator, union-attr, arg-type]
    return stage


def batches(count: int, device: str) -> Iterator[slice]:
    """Rows that fit on the device at once."""
    size = 16 if device.startswith("cuda") else 4
    for first in range(0, count, size):
        yield slice(first, min(first + size, count))


def noise_of(
    rows: slice, shape: Sequence[int], device: str, purpose: int = 0
) -> Tensor:
    """Standard normal volumes; a row's noise depends on its number and purpose only."""
    draws = []
    for row in range(rows.start, rows.stop):
        rng = torch.Generator(device)
        rng.manual_seed(_SEED * (1 + purpose) + row)
        draws.append(torch.randn(2, *shape, generator=rng, device=device))
    return torch.stack(draws)


def loss_at(
    denoise: Denoise, clean: Tensor, sigma: float, noise: Tensor, scale: Tensor
) -> Tensor:
    """Denoising loss at one noise level in the units of the default row, one value.

    A row that scales its volumes otherwise is given as much noise in the encoded
    domain (in the geometric mean of CT and PET), and its squared error is converted.

    Parameters
    ----------
    denoise
        The row's D(x; σ).
    clean
        In the row's units, (b, 2, k, j, i).
    sigma
        Noise level in the default's units.
    noise
        Standard normal, shape of ``clean``.
    scale
        (2,) the row's unit over the default's, for CT and PET.
    """
    level = sigma / scale.log().mean().exp()
    # Not level.item(): nothing here waits for the device.
    noisy = clean + level * noise
    error = (denoise(noisy, level.expand(len(clean))) - clean) * scale.reshape(
        1, 2, 1, 1, 1
    )
    return (sigma**2 + 1) / sigma**2 * error.square().mean()


def gigaflop(run: Callable[[], object]) -> float:
    """10⁹ floating-point operations of a call."""
    with FlopCounterMode(display=False) as counter:
        run()
    return round(counter.get_total_flops() / 1e9, 2)


def million_parameters(network: nn.Module) -> float:
    """Size of a network."""
    return round(sum(p.numel() for p in network.parameters()) / 1e6, 2)


class Stopwatch:
    """Seconds of device work, waiting for it only at both ends."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.seconds = 0.0

    def __enter__(self) -> "Stopwatch":
        self._wait()
        self._began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self._wait()
        self.seconds += time.monotonic() - self._began

    def _wait(self) -> None:
        if self.device.startswith("cuda"):
            torch.cuda.synchronize()
