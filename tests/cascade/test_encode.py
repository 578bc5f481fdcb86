"""Encodings: exact inverses, half the CT range for soft tissue."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from vct.cascade.encode import decode_ct, decode_suv, encode_ct, encode_suv


@given(st.floats(-1024, 1600))
def test_ct_survives_the_round_trip(hu: float) -> None:
    value = torch.tensor([hu], dtype=torch.float64)
    torch.testing.assert_close(decode_ct(encode_ct(value)), value, atol=1e-9, rtol=1e-9)


@given(st.floats(0, 150))
def test_suv_survives_the_round_trip(suv: float) -> None:
    value = torch.tensor([suv], dtype=torch.float64)
    back = decode_suv(encode_suv(value))
    torch.testing.assert_close(back, value, atol=1e-9, rtol=1e-9)


def test_soft_tissue_has_half_of_the_range() -> None:
    low, high = encode_ct(torch.tensor([-200.0, 300.0])).tolist()
    assert high - low == 1.0


def test_what_lies_beyond_is_clipped() -> None:
    assert encode_ct(torch.tensor([-3000.0, 9000.0])).tolist() == [-1.0, 1.0]
    assert encode_suv(torch.tensor([-1.0])).tolist() == [-1.0]
    assert decode_suv(torch.tensor([-2.0])).tolist() == [0.0]


@given(st.floats(-1024, 1600), st.floats(-1024, 1600))
def test_ct_encoding_keeps_order(a: float, b: float) -> None:
    x, y = encode_ct(torch.tensor([a, b], dtype=torch.float64)).tolist()
    assert (a <= b) <= (x <= y)
