"""Integers: half a step everywhere, bounds never passed, empty slices have slopes."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from vct.cascade.quantize import PET_STORED_MAX, quantize_ct, quantize_suv


@given(st.floats(0.01, 150), st.integers(0, 1000))
def test_suv_is_stored_within_half_a_step(peak: float, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    suv = torch.rand(1, 3, 4, 4, generator=rng) * peak
    stored, step = quantize_suv(suv)
    error = (stored.double() * step[:, :, None, None] - suv.double()).abs()
    assert (error <= step[:, :, None, None] * 0.5001).all()
    assert int(stored.max()) <= PET_STORED_MAX
    assert int(stored.min()) >= 0


def test_an_empty_slice_still_has_a_positive_slope() -> None:
    stored, step = quantize_suv(torch.zeros(1, 2, 3, 3))
    assert (step > 0).all()
    assert torch.count_nonzero(stored) == 0


def test_ct_is_stored_as_twelve_bits() -> None:
    hu = torch.tensor([-1024.0, 0.4, 40.0, 3071.0, 9000.0])
    assert quantize_ct(hu).tolist() == [0, 1024, 1064, 4095, 4095]
