"""The token U-Net: tokens invert, batch members do not meet, reach is finite."""

import pytest
import torch

from vct.diffusion.tokens import from_tokens, to_tokens
from vct.diffusion.unet import ChannelNorm, TokenUNet


def small() -> TokenUNet:
    torch.manual_seed(0)
    net = TokenUNet(
        in_channels=4, out_channels=4, channels=(8, 16), blocks=(1, 1), condition=3
    ).eval()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return net


def test_tokens_invert() -> None:
    x = torch.randn(2, 3, 8, 4, 12)
    assert torch.equal(from_tokens(to_tokens(x, 4), 4), x)


def test_a_patch_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="patch 4 does not divide"):
        to_tokens(torch.zeros(1, 1, 6, 4, 4), 4)


def test_the_norm_adds_up_in_float32_whatever_it_is_given() -> None:
    """2048 squares in bfloat16 would stop growing long before the last."""
    x = torch.rand(1, 2048, 3, 3, 3).to(torch.bfloat16)
    exact = x.double() / x.double().square().mean(dim=1, keepdim=True).sqrt()
    with torch.no_grad():
        got = ChannelNorm(2048).to(torch.bfloat16)(x).double()
    rounding = 2.0**-8  # of one operation; norm, scale and product each have theirs
    assert ((got - exact).abs() <= 3 * rounding * exact).all()


def test_members_of_a_batch_do_not_influence_each_other() -> None:
    net = small()
    x, c, y = torch.randn(3, 4, 8, 4, 4), torch.randn(3), torch.randn(3, 3)
    with torch.no_grad():
        together = net(x, c, y)
        alone = net(x[1:2], c[1:2], y[1:2])
    torch.testing.assert_close(together[1:2], alone, rtol=1e-5, atol=1e-5)


def test_condition_and_noise_level_reach_the_output() -> None:
    net = small()
    x, c, y = torch.randn(1, 4, 8, 4, 4), torch.zeros(1), torch.zeros(1, 3)
    with torch.no_grad():
        reference = net(x, c, y)
        assert not torch.allclose(net(x, c + 1, y), reference)
        assert not torch.allclose(net(x, c, y + 1), reference)


@pytest.mark.parametrize("slices", [8, 20])
def test_working_in_place_changes_neither_output_nor_input(slices: int) -> None:
    """Without gradients tensors are overwritten, none that anybody still needs, and
    levels are merged in slabs, of which the last is not whole."""
    net = small()
    given = torch.randn(2, 4, slices, 4, 4), torch.zeros(2), torch.zeros(2, 3)
    kept = [x.clone() for x in given]
    with torch.no_grad():
        in_place = net(*given)
    assert torch.equal(in_place, net(*given).detach())
    assert all(map(torch.equal, given, kept))


def test_a_fresh_network_says_nothing() -> None:
    net = TokenUNet(
        in_channels=4, out_channels=2, channels=(8,), blocks=(1,), condition=1
    )
    out = net(torch.randn(1, 4, 2, 2, 2), torch.zeros(1), torch.zeros(1, 1))
    assert torch.count_nonzero(out) == 0
