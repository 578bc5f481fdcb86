"""Haar tokens lose nothing, and a network can be carried into them and back."""

import copy

import pytest
import torch

from vct.diffusion.haar import Patchify, haar_matrix, mixed, remix
from vct.diffusion.tokens import to_tokens
from vct.diffusion.unet import TokenUNet


@pytest.mark.parametrize("patch", [1, 2, 4])
def test_the_mix_is_orthonormal_and_exactly_undone(patch: int) -> None:
    matrix = haar_matrix(patch)
    eye = torch.eye(patch**3, dtype=torch.float64)
    torch.testing.assert_close(matrix @ matrix.T, eye)
    tokens = torch.randn(2, 3 * patch**3, 2, 3, 2, dtype=torch.float64)
    torch.testing.assert_close(mixed(mixed(tokens, matrix), matrix.T), tokens)
    torch.testing.assert_close(
        mixed(tokens, matrix).square().sum(), tokens.square().sum()
    )


def test_the_first_coefficient_is_the_mean() -> None:
    volume = torch.randn(1, 1, 4, 4, 4)
    first = Patchify(2, haar=True)(volume)[:, 0]
    mean = torch.nn.functional.avg_pool3d(volume, 2)[:, 0]
    torch.testing.assert_close(first, mean * 2**1.5)


@pytest.mark.parametrize("haar", [False, True])
def test_patches_become_the_volume_again(haar: bool) -> None:
    volume, patchify = torch.randn(2, 3, 4, 8, 4), Patchify(2, haar=haar)
    torch.testing.assert_close(patchify.inverse(patchify(volume)), volume)


def test_they_are_the_same_under_autocast() -> None:
    """Training runs under autocast, sampling does not."""
    rng = torch.Generator().manual_seed(0)
    volume, patchify = torch.randn(1, 2, 4, 4, 4, generator=rng), Patchify(2, haar=True)
    with torch.autocast("cpu", torch.bfloat16):
        tokens = patchify(volume)
        back = patchify.inverse(tokens)
    assert (tokens.dtype, back.dtype) == (torch.float32, torch.float32)
    assert torch.equal(tokens, patchify(volume))
    assert torch.equal(back, patchify.inverse(tokens))


def test_without_haar_tokens_hold_voxels() -> None:
    volume = torch.randn(1, 2, 4, 4, 4)
    assert torch.equal(Patchify(2, haar=False)(volume), to_tokens(volume, 2))


def test_patchify_adds_nothing_to_the_weights() -> None:
    assert not Patchify(2, haar=True).state_dict()


def test_a_patch_must_be_a_power_of_two() -> None:
    with pytest.raises(ValueError, match="power of two, not 3"):
        haar_matrix(3)


def test_a_network_is_carried_into_haar_tokens_and_back() -> None:
    torch.manual_seed(0)
    plain = TokenUNet(
        in_channels=5 * 8 + 3, out_channels=16, channels=(8,), blocks=(1,), condition=2
    )
    for parameter in plain.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    haar, matrix = copy.deepcopy(plain), haar_matrix(2)
    remix(haar, matrix, volumes=5)
    tokens, rest = torch.randn(1, 40, 4, 4, 4), torch.randn(1, 3, 4, 4, 4)
    how = torch.zeros(1), torch.zeros(1, 2)
    with torch.no_grad():
        expected = mixed(plain(torch.cat([tokens, rest], 1), *how), matrix)
        seen = torch.cat([mixed(tokens, matrix), rest], 1)
        torch.testing.assert_close(haar(seen, *how), expected, atol=1e-5, rtol=1e-4)
    remix(haar, matrix.T, volumes=5)
    for ours, theirs in zip(haar.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)
