"""Averaged weights: what is sampled is the mean of the last part of training."""

import copy

import torch
from torch import Tensor, nn


class Ema:
    """Exponential moving average of a module's parameters.

    The decay grows with the step count, so that early weights are forgotten:
    ``min(decay, (1 + step) / (10 + step))``.
    """

    def __init__(self, module: nn.Module, *, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.module = copy.deepcopy(module).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move the average one step towards ``module``."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        ours: list[Tensor] = list(self.module.parameters())
        theirs: list[Tensor] = [p.detach() for p in module.parameters()]
        torch._foreach_lerp_(ours, theirs, 1 - decay)
