"""A run goes on from weights of either kind of token, computing what they computed."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.cascade.tiny import BASE, SUPERRES
from tests.training.prepared_folder import write_prepared
from vct.cascade.architecture import BaseArchitecture
from vct.cascade.checkpoint import load_stage, save_stage
from vct.cascade.stage import BaseStage, SuperResolutionStage
from vct.errors import ModelError
from vct.training.base import load_initial
from vct.training.config import PreparedData, TrainingConfig
from vct.training.prepared import PreparedCache
from vct.training.superres import SuperResolutionTask


def answers(stage: BaseStage) -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    shape = stage.architecture.shape
    x, template = torch.randn(2, 1, 2, *shape, generator=rng)
    with torch.no_grad():
        return stage.denoise(
            x, torch.tensor([2.0]), condition=torch.zeros(1, 6), template=template
        )


def stage_of(architecture: BaseArchitecture) -> BaseStage:
    torch.manual_seed(0)
    stage = BaseStage(architecture)
    for parameter in stage.network.parameters():
        # As saved: in bf16.
        parameter.data = torch.randn_like(parameter).mul(0.05).bfloat16().float()
    return stage


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("after", [False, True])
def test_going_on_computes_what_the_weights_computed(
    before: bool, after: bool, tmp_path: Path
) -> None:
    old = stage_of(replace(BASE, haar=before))
    save_stage(old, tmp_path / "base.safetensors")
    new = BaseStage(replace(BASE, haar=after))
    load_initial(new, tmp_path / "base.safetensors")
    torch.testing.assert_close(answers(new), answers(old), atol=1e-4, rtol=1e-4)


def test_weights_of_another_width_are_refused(tmp_path: Path) -> None:
    wider = replace(BASE, channels=tuple(2 * n for n in BASE.channels))
    save_stage(stage_of(wider), tmp_path / "base.safetensors")
    with pytest.raises(ModelError, match="do not fit their architecture"):
        load_initial(BaseStage(BASE), tmp_path / "base.safetensors")


def task_of(folder: Path, **architecture: object) -> SuperResolutionTask:
    """A fine stage that goes on from the weights in a folder."""
    config = TrainingConfig(
        stage="superres",
        data=PreparedData(prepared=write_prepared(folder / "studies")),
        architecture={
            "patch": 2,
            "channels": [8, 16],
            "blocks": [1, 1],
            **architecture,
        },
        patch_slices=24,
        initial_weights=folder / "superres.safetensors",
    )
    assert isinstance(config.data, PreparedData)
    return SuperResolutionTask(config, PreparedCache(config.data, device="cpu"), "cpu")


@pytest.mark.parametrize("factor", [2, 4])
def test_a_fine_stage_takes_its_units_from_weights_of_its_own_factor_alone(
    factor: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    old = SuperResolutionStage(replace(SUPERRES, factor=2, patch=2))
    old.residual_sd.fill_(7.0)
    old.coarse_sd.fill_(9.0)
    save_stage(old, tmp_path / "superres.safetensors")
    new = task_of(tmp_path, factor=factor).stage
    stem = old.network.stem.weight.bfloat16().float()
    torch.testing.assert_close(new.network.stem.weight, stem)
    assert ((new.residual_sd == 7.0) == (factor == 2)).all()
    assert ((new.coarse_sd == 9.0) == (factor == 2)).all()


def test_a_fine_stage_leaves_out_blocks_that_it_does_without(tmp_path: Path) -> None:
    torch.manual_seed(0)
    old = SuperResolutionStage(replace(SUPERRES, factor=4, patch=2))
    for block in old.network.down_blocks[0]:
        for parameter in block.conv_out.parameters():
            torch.nn.init.zeros_(parameter)  # adds nothing to what passes it
    save_stage(old, tmp_path / "superres.safetensors")
    new = task_of(tmp_path, factor=4, blocks=[0, 1], up_blocks=[1]).stage
    assert not new.network.down_blocks[0]
    load_stage(old, tmp_path / "superres.safetensors")  # rounded, as saved
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(1, 2, 16, 16, 16, generator=rng)
    given = {"coarse": x[..., ::4, ::4, ::4], "augmentation": torch.zeros(1)}
    answers = [
        stage.denoise(x, torch.ones(1), condition=torch.zeros(1, 6), **given)
        for stage in (old, new)
    ]
    torch.testing.assert_close(answers[1], answers[0])
