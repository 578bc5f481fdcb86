"""Elementwise arithmetic that overwrites its first operand where no gradient is wanted.

A new tensor of hundreds of megabytes is memory that the kernel clears first, which
costs a CPU more than the arithmetic. The first operand must be the caller's own; others
broadcast to its shape.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def times(x: Tensor, factor: Tensor) -> Tensor:
    """``x · factor``, of x's shape and, without gradients, in x's memory."""
    return x * factor if torch.is_grad_enabled() else x.mul_(factor)


def plus(x: Tensor, other: Tensor) -> Tensor:
    """``x + other``, of x's shape and, without gradients, in x's memory."""
    return x + other if torch.is_grad_enabled() else x.add_(other)


def silu(x: Tensor) -> Tensor:
    """``x · sigmoid(x)``, without gradients in x's memory."""
    return F.silu(x, inplace=not torch.is_grad_enabled())
