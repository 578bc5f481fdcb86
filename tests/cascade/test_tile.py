"""Tiled equals untiled, and the halo is as wide as what a token can reach."""

import torch

from vct.cascade.architecture import SuperResolutionArchitecture
from vct.cascade.stage import SuperResolutionStage
from vct.cascade.tile import TilePlan, receptive_radius, run_tiled

ARCHITECTURE = SuperResolutionArchitecture(
    factor=2, patch=4, channels=(8, 16), blocks=(1, 1)
)


def stage() -> SuperResolutionStage:
    torch.manual_seed(0)
    made = SuperResolutionStage(ARCHITECTURE).eval()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return made.requires_grad_(False)


def test_slabs_cover_every_token_once() -> None:
    plan = TilePlan(core=8, halo=4)
    slabs = plan.slabs(30)
    assert [s[:2] for s in slabs] == [(0, 8), (8, 16), (16, 24), (24, 30)]
    assert all(low >= 0 and high <= 30 for _, _, low, high in slabs)


def test_tiled_super_resolution_equals_untiled() -> None:
    net = stage()
    x = torch.randn(1, 2, 192, 16, 16)
    coarse = torch.randn(1, 2, 96, 8, 8)
    shared = {
        "coarse": coarse,
        "augmentation": torch.zeros(1),
        "condition": torch.zeros(1, 6),
    }
    whole = net.denoise(x, torch.ones(1), **shared)
    tiled = net.denoise(x, torch.ones(1), plan=TilePlan(core=16, halo=12), **shared)
    torch.testing.assert_close(tiled, whole, atol=1e-4, rtol=0.0)


def test_the_reach_of_a_token_is_measured() -> None:
    net = stage().network

    def run(tokens: torch.Tensor) -> torch.Tensor:
        return net(tokens, torch.zeros(1), torch.zeros(1, 7))

    channels = net.stem.in_channels
    radius = receptive_radius(run, torch.randn(1, channels, 48, 4, 4))
    assert 6 <= radius <= 12

    tokens = torch.randn(1, channels, 48, 4, 4)
    whole = run(tokens)
    narrow = run_tiled(run, tokens, TilePlan(core=16, halo=2))
    assert not torch.allclose(narrow, whole, atol=1e-4)
