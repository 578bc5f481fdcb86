"""The segmenter: its labels, its doubt, and the organs its file names."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from vct.anatomy import CURRENT_LIST, FIRST_LIST
from vct.cascade.checkpoint import save_stage
from vct.cascade.instrument import read_segmenter, segmented
from vct.diffusion.tokens import to_tokens
from vct.errors import ModelError
from vct.segment import network
from vct.segment.network import Segmenter, SegmenterArchitecture

TINY = SegmenterArchitecture(patch=2, features=(8, 8, 8, 8, 8, 8))


def segmenter(architecture: SegmenterArchitecture = TINY) -> Segmenter:
    torch.manual_seed(3)
    made = Segmenter(architecture).eval().requires_grad_(False)
    for parameter in made.network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made


@pytest.fixture(scope="module")
def ct() -> Tensor:
    return torch.rand(2, 32, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_labels_are_the_likeliest_classes(ct: Tensor) -> None:
    made = segmenter()
    classes = made(ct).argmax(dim=1)
    assert len(classes.unique()) > 3
    assert torch.equal(made.labels(ct).long(), classes)


def test_doubt_is_what_probabilities_leave_open(ct: Tensor) -> None:
    made = segmenter()
    share = made(ct).softmax(dim=1)
    open_voxels = (share * (1 - share)).sum(dim=(2, 3, 4))
    doubt = made.segment(ct).doubt
    torch.testing.assert_close(doubt, open_voxels[:, 1:], rtol=1e-3, atol=0.1)


def test_logits_of_tokens_are_those_of_the_whole(ct: Tensor) -> None:
    made = segmenter()
    tokens = torch.stack([torch.randperm(16**3)[:9] for _ in ct])
    whole = to_tokens(made(ct).flatten(0, 1)[:, None], 2).flatten(2)
    whole = whole.unflatten(0, (len(ct), made.classes))
    for member, chosen in enumerate(tokens):
        torch.testing.assert_close(
            made.logits_at(ct, tokens)[member],
            whole[member, :, :, chosen],
            rtol=1e-4,
            atol=1e-3,
        )


def test_parts_of_the_volume_are_classified_alike(
    ct: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = segmenter()
    whole = made.segment(ct)
    monkeypatch.setattr(network, "_CPU_TOKENS", 1000)
    parts = made.segment(ct)
    assert torch.equal(parts.labels, whole.labels)
    torch.testing.assert_close(parts.doubt, whole.doubt, rtol=1e-4, atol=1e-2)


def test_an_offset_makes_its_organ_larger(ct: Tensor) -> None:
    before = segmenter()
    found = before.labels(ct).flatten().tolist()
    organ = sorted(set(found) - {0}, key=found.count)[0]  # the smallest one there
    offsets = [0.0] * before.classes
    offsets[organ] = 1.0
    after = segmenter(replace(TINY, logit_offsets=tuple(offsets)))
    assert found.count(organ) < int((after.labels(ct) == organ).sum())


def test_a_coarser_segmenter_labels_whole_blocks(ct: Tensor) -> None:
    made = segmenter()
    hu = ct * 500
    found = segmented(made, hu.repeat_interleave(2, 1), 1)
    assert found.labels.shape == (2, 64, 32, 32)
    fine = hu
    for axis in (1, 2, 3):
        fine = fine.repeat_interleave(2, axis)
    coarse, repeated = segmented(made, hu), segmented(made, fine, 2)
    assert torch.equal(repeated.labels[:, ::2, ::2, ::2], coarse.labels)
    torch.testing.assert_close(repeated.doubt, 8 * coarse.doubt, rtol=1e-3, atol=1.0)


def test_a_file_says_its_organs_and_calibration(tmp_path: Path) -> None:
    architecture = replace(
        TINY,
        organs=CURRENT_LIST.names,
        logit_offsets=(0.0, 0.25) + (0.0,) * (len(CURRENT_LIST.names) - 1),
        error_per_doubt={"liver": 0.5},
    )
    save_stage(segmenter(architecture), tmp_path / "s.safetensors")
    again = read_segmenter(tmp_path / "s.safetensors")
    assert again.architecture == architecture
    assert again.organ_list is CURRENT_LIST
    assert float(again.offsets[1]) == 0.25


def test_a_file_of_the_first_models_names_no_organs(tmp_path: Path) -> None:
    import json

    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    path = tmp_path / "s.safetensors"
    save_stage(segmenter(replace(TINY, organs=FIRST_LIST.names)), path)
    with safe_open(path, framework="pt") as file:
        said = json.loads(file.metadata()["architecture"])
    old = {key: said[key] for key in ("patch", "features")}
    save_file(load_file(path), path, metadata={"architecture": json.dumps(old)})
    made = read_segmenter(path)
    assert made.organ_list is FIRST_LIST
    labels = made.labels(torch.rand(2, 32, 32, 32) * 2 - 1).unique().tolist()
    assert set(labels) <= {0, *(organ.label for organ in FIRST_LIST.organs)}


@pytest.mark.parametrize(
    ("organs", "named"),
    [
        (("liver", "third_lung"), "organ 'third_lung'"),
        (tuple(reversed(CURRENT_LIST.names)), "choice or order"),
        (CURRENT_LIST.names[:-1], "choice or order"),
    ],
)
def test_other_organs_are_refused(organs: tuple[str, ...], named: str) -> None:
    with pytest.raises(ModelError, match=f"does not know (this )?{named}") as refused:
        Segmenter(replace(TINY, organs=organs))
    assert "Install the vct that trained the model" in str(refused.value)


def test_a_refused_file_is_named(tmp_path: Path) -> None:
    made = segmenter()
    made.architecture = replace(TINY, organs=("liver", "third_lung"))
    path = tmp_path / "s.safetensors"
    save_stage(made, path)
    with pytest.raises(ModelError, match=r"s\.safetensors: the segmenter tells 2"):
        read_segmenter(path)


def test_offsets_of_other_classes_are_refused() -> None:
    with pytest.raises(ModelError, match="38 classes and 3 logit_offsets"):
        Segmenter(replace(TINY, logit_offsets=(0.0, 1.0, 2.0)))
