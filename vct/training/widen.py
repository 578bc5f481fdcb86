"""A segmenter whose last layers are wider begins with what a narrower one knows.

Net2WiderNet (Chen, Goodfellow & Shlens, ICLR 2016): new channels are copies of old
ones, and what reads them shares its weights among the copies, so that the wide network
computes what the narrow one did. Copies stay within their normalization group, whose
mean and variance are then as before. A little noise tells copies apart: without it
they would be taught the same forever.
"""

import torch
from torch import Tensor

from vct.errors import ModelError
from vct.segment.network import NORM_GROUPS, Segmenter

_NOISE = 0.1  # of the SD of a layer's weights


def load_widened(wide: Segmenter, narrow: Segmenter, rng: torch.Generator) -> None:
    """Give a segmenter the weights of one whose last layers have fewer channels.

    Parameters
    ----------
    wide
        Is given the weights.
    narrow
        Stays as it is.
    rng
        Of the noise that tells copies apart.

    Raises
    ------
    ModelError
        If they differ in more than the last of their ``features``, or that one is no
        multiple of the narrow one's.
    """
    ours, theirs = wide.architecture, narrow.architecture
    *same, last = ours.features
    *as_same, narrow_last = theirs.features
    if (ours.patch, ours.organs, same) != (theirs.patch, theirs.organs, as_same):
        raise ModelError(
            f"a segmenter of patch {ours.patch} and features {ours.features} cannot go "
            f"on from one of patch {theirs.patch} and features {theirs.features}: only "
            "the last of the features may differ, and both must know the same organs"
        )
    if last % narrow_last:
        raise ModelError(
            f"the last of the segmenter's features, {last}, is no multiple of the "
            f"{narrow_last} of the weights it would go on from"
        )
    known = dict(narrow.network.named_parameters())
    for name, parameter in wide.network.named_parameters():
        parameter.data.copy_(_widened(known[name].data, parameter.shape, rng))


def _widened(narrow: Tensor, shape: torch.Size, rng: torch.Generator) -> Tensor:
    """One weight or bias, in the shape of the wide network's."""
    values = narrow
    if values.ndim > 1 and shape[1] != values.shape[1]:
        values = values[:, _copied(values.shape[1], shape[1])]
        values = values * (narrow.shape[1] / shape[1])
    if shape[0] != values.shape[0]:
        values = values[_copied(values.shape[0], shape[0])]
        if values.ndim > 1:
            noise = torch.randn(values.shape, generator=rng)
            values = values + _NOISE * values.std() * noise
    return values


def _copied(narrow: int, wide: int) -> Tensor:
    """Which channel of the narrow layer each of the wide one copies, (wide,)."""
    groups = torch.arange(narrow).reshape(NORM_GROUPS, -1)
    return groups.repeat(1, wide // narrow).flatten()
