"""The segmenter's loss: what it is least for, and what it does not do."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from vct.training.segmentation_loss import segmentation_loss

CLASSES = 4


@pytest.fixture
def truth() -> Tensor:
    rng = torch.Generator().manual_seed(2)
    labels = torch.randint(0, CLASSES, (2, 4, 5, 6), generator=rng)
    labels[:, :2] = 0
    return labels.to(torch.uint8)


def logits_of(classes: Tensor, sure: float) -> Tensor:
    return sure * F.one_hot(classes.long(), CLASSES).movedim(-1, 1).float()


@pytest.mark.parametrize("dice_weight", [0.0, 0.5])
def test_the_truth_costs_nothing(truth: Tensor, dice_weight: float) -> None:
    loss = segmentation_loss(logits_of(truth, 30.0), truth, dice_weight=dice_weight)
    assert float(loss) == pytest.approx(0, abs=1e-3)


def test_it_is_cross_entropy_over_the_body(truth: Tensor) -> None:
    logits = torch.randn(
        2, CLASSES, 4, 5, 6, generator=torch.Generator().manual_seed(1)
    )
    summed = F.cross_entropy(logits, truth.long(), reduction="sum")
    loss = segmentation_loss(logits, truth, dice_weight=0.0)
    torch.testing.assert_close(loss, summed / (truth > 0).sum())


def test_dice_is_that_of_monai(truth: Tensor) -> None:
    from monai.losses import DiceLoss

    logits = torch.randn(
        2, CLASSES, 4, 5, 6, generator=torch.Generator().manual_seed(1)
    )
    both = [segmentation_loss(logits, truth, dice_weight=w) for w in (0.0, 1.0)]
    theirs = DiceLoss(
        to_onehot_y=True, softmax=True, include_background=False, batch=True,
        smooth_nr=1.0, smooth_dr=1.0,
    )(logits, truth[:, None].long())  # fmt: skip
    torch.testing.assert_close(both[1] - both[0], theirs, rtol=1e-4, atol=1e-5)


def test_an_organ_that_is_not_there_is_no_reason_to_complain(truth: Tensor) -> None:
    there = truth.clone()
    there[there == 3] = 2
    one = segmentation_loss(logits_of(there, 30.0), there, dice_weight=1.0)
    assert float(one) == pytest.approx(0, abs=1e-3)


def test_cross_entropy_alone_is_least_at_the_right_volume() -> None:
    """At an edge that is a coin's toss, half the voxels: Dice would take them all."""
    truth = torch.zeros(1, 1, 1, 200, dtype=torch.uint8)
    truth[..., :100] = 1
    truth[..., 100::2] = 1  # where the image shows nothing
    share = torch.tensor(0.5, requires_grad=True)
    known = logits_of(truth, 30.0)[..., :100]

    def loss(weight: float) -> Tensor:
        unsure = torch.stack([1 - share, share]).log().expand(100, 2).T
        unsure = F.pad(unsure, (0, 0, 0, CLASSES - 2), value=-30.0)
        logits = torch.cat([known, unsure.reshape(1, CLASSES, 1, 1, 100)], dim=-1)
        return segmentation_loss(logits, truth, dice_weight=weight)

    [fair] = torch.autograd.grad(loss(0.0), share)
    [greedy] = torch.autograd.grad(loss(1.0) - loss(0.0), share)
    assert abs(float(fair)) < 1e-5
    assert float(greedy) < -1e-3
