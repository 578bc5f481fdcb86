"""HU and SUV to the range of the networks, [-1, 1], each with its exact inverse.

Half of the CT range goes to soft tissue; SUV is compressed by a logarithm, since
a bladder passes 60 while fat holds 0.3.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor

CT_RANGE_HU = (-1024.0, 1600.0)
SUV_MAX = 150.0  # a full bladder seldom passes 100

_CT_KNOTS_HU = (-1024.0, -200.0, 300.0, 1600.0)
_CT_KNOTS = (-1.0, -0.5, 0.5, 1.0)
_SUV_SCALE = 2.0 / math.log1p(SUV_MAX)


def encode_ct(hu: Tensor) -> Tensor:
    """HU → [-1, 1], monotone and piecewise linear; clips to ``CT_RANGE_HU``.

    Examples
    --------
    >>> encode_ct(torch.tensor([-1024.0, -200.0, 50.0, 300.0, 1600.0])).tolist()
    [-1.0, -0.5, 0.0, 0.5, 1.0]
    """
    return _piecewise(hu.clamp(*CT_RANGE_HU), _CT_KNOTS_HU, _CT_KNOTS)


def decode_ct(encoded: Tensor) -> Tensor:
    """Inverse of ``encode_ct``; values beyond [-1, 1] are clipped."""
    return _piecewise(encoded.clamp(-1.0, 1.0), _CT_KNOTS, _CT_KNOTS_HU)


def encode_suv(suv: Tensor) -> Tensor:
    """SUV [g/mL] → [-1, 1] by log(1 + SUV); clips to [0, ``SUV_MAX``]."""
    return torch.log1p(suv.clamp(0.0, SUV_MAX)) * _SUV_SCALE - 1.0


def decode_suv(encoded: Tensor) -> Tensor:
    """Inverse of ``encode_suv``; values beyond [-1, 1] are clipped."""
    return torch.expm1((encoded.clamp(-1.0, 1.0) + 1.0) / _SUV_SCALE)


def encode(hu: Tensor, suv: Tensor) -> Tensor:
    """(..., k, j, i) twice → (..., 2, k, j, i): channel 0 is CT, channel 1 is PET."""
    return torch.stack([encode_ct(hu), encode_suv(suv)], dim=-4)


def decode(encoded: Tensor) -> tuple[Tensor, Tensor]:
    """(..., 2, k, j, i) → HU and SUV, each (..., k, j, i)."""
    ct, pet = encoded.unbind(dim=-4)
    return decode_ct(ct), decode_suv(pet)


def _piecewise(
    x: Tensor, knots: tuple[float, ...], values: tuple[float, ...]
) -> Tensor:
    result = torch.full_like(x, values[0])
    for (x0, x1), (y0, y1) in zip(pairwise(knots), pairwise(values), strict=True):
        result = result + (x.clamp(x0, x1) - x0) * ((y1 - y0) / (x1 - x0))
    return result
