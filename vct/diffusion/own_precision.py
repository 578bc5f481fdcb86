"""Sums that autocast must leave in the precision of their inputs."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def own_precision(values: Tensor) -> AbstractContextManager[object]:
    """Where products of ``values`` keep their precision, also under autocast.

    Training computes its loss under autocast and sampling does not: what both must see
    alike is computed here.
    """
    kind = values.device.type
    if not torch.amp.is_autocast_available(kind):  # such as meta
        return nullcontext()
    return torch.autocast(kind, enabled=False)
