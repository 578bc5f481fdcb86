"""A run goes on from weights of either kind of token, computing what they computed."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.cascade.tiny import BASE, SUPERRES
from tests.training.prepared_folder import write_prepared
from vct.cascade.architecture import BaseArchitecture
from vct.cascade.checkpoint import save_stage
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


@pytest.mark.parametrize("factor", [2, 4])
def test_a_fine_stage_takes_its_units_from_weights_of_its_own_factor_alone(
    factor: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    old = SuperResolutionStage(replace(SUPERRES, factor=2, patch=2))
    old.residual_sd.fill_(7.0)
    old.coarse_sd.fill_(9.0)
    save_stage(old, tmp_path / "superres.safetensors")
    config = TrainingConfig(
        stage="superres",
        data=PreparedData(prepared=write_prepared(tmp_path / "studies")),
        architecture={
            "factor": factor,
            "patch": 2,
            "channels": [8, 16],
            "blocks": [1, 1],
        },
        patch_slices=24,
        initial_weights=tmp_path / "superres.safetensors",
    )
    assert isinstance(config.data, PreparedData)
    cache = PreparedCache(config.data, device="cpu")
    new = SuperResolutionTask(config, cache, "cpu").stage
    stem = old.network.stem.weight.bfloat16().float()
    torch.testing.assert_close(new.network.stem.weight, stem)
    assert ((new.residual_sd == 7.0) == (factor == 2)).all()
    assert ((new.coarse_sd == 9.0) == (factor == 2)).all()
