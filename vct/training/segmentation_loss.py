"""What the segmenter is trained on: cross-entropy, and a little Dice for small organs.

Dice alone is content with organs drawn too large wherever an edge is uncertain
(Bertels et al. 2021, Med Image Anal 67:101833), and MONAI's mean of the two is Dice by
its gradient: most voxels are air, whose cross-entropy is nothing. Here cross-entropy is
averaged over the voxels of the body and leads.
"""

import torch
from torch import Tensor


def segmentation_loss(logits: Tensor, classes: Tensor, *, dice_weight: float) -> Tensor:
    """Cross-entropy per body voxel, plus ``dice_weight`` times (1 − mean soft Dice).

    Parameters
    ----------
    logits
        (b, classes, ...) of voxels in any order, any float type; class 0 is air.
    classes
        uint8, (b, ...).
    dice_weight
        Of the Dice term, whose sums run over the batch and leave out air.
    """
    log_share = logits.float().log_softmax(dim=1)
    of_truth = log_share.gather(1, classes[:, None].long())[:, 0]
    body = (classes > 0).sum().clamp_min(1)
    cross_entropy = -of_truth.sum() / body
    if not dice_weight:
        return cross_entropy
    expected = log_share.exp().flatten(2).sum(dim=(0, 2))
    return cross_entropy + dice_weight * (1 - _dice(of_truth.exp(), expected, classes))


def _dice(share_of_truth: Tensor, expected: Tensor, classes: Tensor) -> Tensor:
    """Mean soft Dice over the organs that are there; no one-hot volume is made.

    ``share_of_truth`` (b, ...) is the probability of each voxel's own class,
    ``expected`` (classes,) the sum of each class's probabilities.
    """
    dice, there = [], []
    for number in range(1, len(expected)):
        truth = classes == number
        size = truth.sum()
        overlap = (share_of_truth * truth).sum()
        dice.append((2 * overlap + 1) / (expected[number] + size + 1))
        there.append(size > 0)
    mask = torch.stack(there).float()
    return (torch.stack(dice) * mask).sum() / mask.sum().clamp_min(1)
