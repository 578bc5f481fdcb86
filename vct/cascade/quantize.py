"""HU and SUV to the integers DICOM stores, on the device that made them."""

import torch
from torch import Tensor

CT_OFFSET_HU = -1024
CT_STORED_MAX = 4095  # 12 bits
PET_STORED_MAX = 32767  # the same bits whether read signed or unsigned
_LEAST_PEAK_SUV = 1e-3  # an empty slice still needs a positive slope


def quantize_ct(hu: Tensor) -> Tensor:
    """HU → 0..4095 for −1024..3071 HU, int16, any shape."""
    stored = (hu - CT_OFFSET_HU).round().clamp(0, CT_STORED_MAX)
    return stored.to(torch.int16)


def quantize_suv(suv: Tensor) -> tuple[Tensor, Tensor]:
    """SUV → stored integers and the SUV of one step of each slice.

    Parameters
    ----------
    suv
        (b, k, j, i), not negative.

    Returns
    -------
    tuple
        int16 (b, k, j, i) in 0..32767, and float64 (b, k), positive.
    """
    peak = suv.amax(dim=(2, 3)).double().clamp_min(_LEAST_PEAK_SUV)
    # Seven digits survive any 16-character decimal string.
    step = (peak / PET_STORED_MAX).float().double()
    stored = (suv.double() / step[:, :, None, None]).round()
    return stored.clamp(0, PET_STORED_MAX).to(torch.int16), step
