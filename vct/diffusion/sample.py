"""Deterministic samplers from noise to data, written from the papers' equations."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Literal

from torch import Tensor

Denoise = Callable[[Tensor, Tensor], Tensor]  # (x, σ) → D(x; σ)
Solver = Literal["heun", "dpmpp2m"]


def evaluations(solver: Solver, steps: int) -> int:
    """Network evaluations (NFE) that a run of ``steps`` costs."""
    return 2 * steps - 1 if solver == "heun" else steps


def sample(
    denoise: Denoise, start: Tensor, levels: list[float], *, solver: Solver
) -> Tensor:
    """Carry a volume at the highest noise level to a sample.

    Parameters
    ----------
    denoise
        D(x; σ) with σ of shape (b,).
    start
        Volume at ``levels[0]``, usually that times standard normal noise;
        (b, c, k, j, i), float32.
    levels
        ``schedule.noise_levels``: decreasing, ends in 0.
    solver
        ``heun`` (Karras et al. 2022) or ``dpmpp2m`` (Lu et al. 2022).
    """
    run = {"heun": _heun, "dpmpp2m": _dpmpp2m}[solver]
    return run(denoise, start, levels)


def _heun(denoise: Denoise, x: Tensor, levels: list[float]) -> Tensor:
    """Karras et al. 2022, Algorithm 1 (σ(t) = t, s(t) = 1)."""
    for now, after in pairwise(levels):
        slope = (x - denoise(x, _full(x, now))) / now
        euler = x + (after - now) * slope
        if after == 0:
            return euler
        # Second-order correction (Algorithm 1, lines 7-8).
        slope_after = (euler - denoise(euler, _full(x, after))) / after
        x = x + (after - now) * (slope + slope_after) / 2
    return x


def _dpmpp2m(denoise: Denoise, x: Tensor, levels: list[float]) -> Tensor:
    """Lu et al. 2022 (DPM-Solver++), Algorithm 2, in σ: λ = −ln σ."""
    previous, previous_level = None, 0.0
    for now, after in pairwise(levels):
        clean = denoise(x, _full(x, now))
        if after == 0:
            return clean
        estimate = clean
        if previous is not None:
            # r = h_{i-1} / h_i with h the step in λ.
            ratio = math.log(previous_level / now) / math.log(now / after)
            estimate = (1 + 1 / (2 * ratio)) * clean - previous / (2 * ratio)
        shrink = after / now
        x = shrink * x + (1 - shrink) * estimate
        previous, previous_level = clean, now
    return x


def _full(x: Tensor, level: float) -> Tensor:
    return x.new_full((x.shape[0],), level)
