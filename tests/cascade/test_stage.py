"""What the fine stage sees beside the noisy volume: coarse volume, place, coverage."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.cascade.tiny import SUPERRES, tiny_stages
from vct.cascade.checkpoint import save_stage
from vct.cascade.stage import SuperResolutionStage, load_superres
from vct.diffusion.precondition import denoise
from vct.diffusion.tokens import from_tokens, position_maps, to_tokens

SHAPE, COARSE = (16, 8, 16), (8, 4, 8)


def inputs() -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(0)
    return {
        "x": torch.randn(2, 2, *SHAPE, generator=rng),
        "sigma": torch.tensor([0.5, 2.0]),
        "coarse": torch.rand(2, 2, *COARSE, generator=rng),
        "augmentation": torch.tensor([0.1, 0.4]),
        "condition": torch.randn(2, 6, generator=rng),
    }


def stage_with_coverage() -> SuperResolutionStage:
    torch.manual_seed(1)
    stage = SuperResolutionStage(replace(SUPERRES, coverage=True))
    for parameter in stage.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return stage


@torch.no_grad()
def test_without_coverage_the_network_sees_what_it_always_saw() -> None:
    """Bitwise: noisy volume, coarse volume and position, and nothing beside."""
    _, stage, _ = tiny_stages()
    given = inputs()

    def network(scaled: Tensor, c_noise: Tensor) -> Tensor:
        context = to_tokens(given["coarse"], 2)
        tokens = [to_tokens(scaled, 4), context, position_maps(context)]
        level = torch.cat([given["condition"], given["augmentation"][:, None]], dim=1)
        joined = torch.cat(tokens, dim=1).to(memory_format=torch.channels_last_3d)
        return from_tokens(stage.network(joined, c_noise, level), 4)

    expected = denoise(network, given["x"], given["sigma"], sigma_data=1.0)
    assert torch.equal(stage.denoise(**given), expected)
    covered = torch.zeros(2, 1, *COARSE)
    assert torch.equal(stage.denoise(**given, coverage=covered), expected)


@torch.no_grad()
def test_no_coverage_means_that_all_is_covered() -> None:
    stage = stage_with_coverage()
    everywhere, nowhere = torch.ones(2, 1, *COARSE), torch.zeros(2, 1, *COARSE)
    unsaid = stage.denoise(**inputs())
    assert torch.equal(unsaid, stage.denoise(**inputs(), coverage=everywhere))
    assert not torch.equal(unsaid, stage.denoise(**inputs(), coverage=nowhere))


@pytest.mark.parametrize("coverage", [False, True])
def test_the_weights_say_whether_they_see_coverage(
    coverage: bool, tmp_path: Path
) -> None:
    stage = SuperResolutionStage(replace(SUPERRES, coverage=coverage))
    save_stage(stage, tmp_path / "superres.safetensors")
    again = load_superres(tmp_path / "superres.safetensors")
    assert again.architecture.coverage is coverage


@torch.no_grad()
@pytest.mark.parametrize(("factor", "patch"), [(2, 4), (2, 2), (4, 2), (4, 1)])
def test_a_slab_is_denoised_as_it_is_in_the_whole_volume(
    factor: int, patch: int
) -> None:
    """Tokens may be larger than a coarse voxel, as large, or smaller."""
    torch.manual_seed(1)
    architecture = replace(
        SUPERRES, factor=factor, patch=patch, channels=(8,), blocks=(1,)
    )
    stage = SuperResolutionStage(architecture)
    for parameter in stage.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    noisy = torch.randn(1, 2, 96, 8, 8)
    coarse = torch.rand(1, 2, 96 // factor, 8 // factor, 8 // factor)
    level = {"augmentation": torch.zeros(1), "condition": torch.zeros(1, 6)}
    sigma, first, last = torch.ones(1), 24, 72
    whole = stage.denoise(noisy, sigma, coarse=coarse, **level)
    slab = stage.denoise(
        noisy[:, :, first:last],
        sigma,
        coarse=coarse[:, :, first // factor : last // factor],
        position=position_maps(stage.tokens_of(coarse))[
            :, :, first // patch : last // patch
        ],
        **level,
    )
    assert torch.allclose(slab[:, :, 20:28], whole[:, :, 44:52], atol=1e-5)
    assert not torch.allclose(slab[:, :, :8], whole[:, :, 24:32], atol=1e-5)
