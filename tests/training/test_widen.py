"""A segmenter with wider last layers begins where a narrower one stood."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from vct.anatomy import FIRST_LIST
from vct.cascade.checkpoint import save_stage
from vct.errors import ModelError
from vct.segment.network import Segmenter, SegmenterArchitecture
from vct.training import widen
from vct.training.segmenter import load_initial

NARROW = SegmenterArchitecture(patch=2, features=(8, 8, 8, 8, 8, 16))
WIDE = replace(NARROW, features=(8, 8, 8, 8, 8, 32))


@pytest.fixture(scope="module")
def ct() -> Tensor:
    return torch.rand(2, 32, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """As saved: in bf16."""
    torch.manual_seed(3)
    made = Segmenter(NARROW)
    for parameter in made.network.parameters():
        parameter.data = torch.randn_like(parameter).mul(0.3).bfloat16().float()
    save_stage(made, tmp_path / "segmenter.safetensors")
    return tmp_path / "segmenter.safetensors"


def answers(architecture: SegmenterArchitecture, weights: Path, ct: Tensor) -> Tensor:
    stage = Segmenter(architecture)
    load_initial(stage, weights, 0)
    with torch.no_grad():
        return stage(ct)


def test_without_noise_it_computes_what_the_narrow_one_did(
    weights: Path, ct: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widen, "_NOISE", 0.0)
    narrow, wide = (answers(a, weights, ct) for a in (NARROW, WIDE))
    torch.testing.assert_close(wide, narrow, rtol=1e-4, atol=1e-3)


def test_noise_tells_copies_apart_and_changes_little(weights: Path, ct: Tensor) -> None:
    narrow, wide = (answers(a, weights, ct) for a in (NARROW, WIDE))
    assert 0.01 < float((wide - narrow).std() / narrow.std()) < 0.3
    stage = Segmenter(WIDE)
    load_initial(stage, weights, 0)
    kernels = stage.network.upcat_1.convs.conv_0.conv.weight.flatten(1)
    assert len(kernels.unique(dim=0)) == 32


def test_the_noise_is_the_runs(weights: Path, ct: Tensor) -> None:
    assert torch.equal(*(answers(WIDE, weights, ct) for _ in range(2)))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (replace(NARROW, features=(16, 8, 8, 8, 8, 16)), "only the last of the"),
        (replace(NARROW, patch=1), "only the last of the features may differ"),
        (replace(WIDE, organs=FIRST_LIST.names), "must know the same organs"),
        (replace(NARROW, features=(8, 8, 8, 8, 8, 24)), "24, is no multiple of the 16"),
    ],
)
def test_other_differences_are_refused(
    other: SegmenterArchitecture, words: str, weights: Path
) -> None:
    if other.features == NARROW.features:
        other = replace(other, features=WIDE.features)
    with pytest.raises(ModelError, match=words):
        load_initial(Segmenter(other), weights, 0)
