"""The optimizers of a run: AdamW, or Muon for inner kernels and AdamW for the rest.

Muon (Jordan et al. 2024) orthogonalizes the momentum of every weight matrix, so that
all its directions learn at one pace. First and last layers, gains and embeddings are no
such matrices and stay with AdamW.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from vct.training.config import Optimization

_ENDS = ("stem", "head")  # layers of a ``TokenUNet`` that see or make voxels


class ConvolutionMuon(torch.optim.Muon):
    """``torch.optim.Muon`` on convolution kernels, each the matrix (out, in · k³).

    Kernels of transposed convolutions are stored, and taken, as (in, out · k³). The
    matrices share the kernels' memory, so that a step moves the kernels.
    """

    def __init__(self, kernels: Iterable[nn.Parameter], **how: Any) -> None:
        self._kernels = list(kernels)
        self._matrices = [nn.Parameter(_matrix(k, k.data)) for k in self._kernels]
        super().__init__(self._matrices, **how)

    @torch.no_grad()
    def step(  # type: ignore[override]
        self, closure: Callable[[], float] | None = None
    ) -> float | None:
        """One step by the kernels' gradients."""
        for matrix, kernel in zip(self._matrices, self._kernels, strict=True):
            given = kernel.grad
            matrix.grad = None if given is None else _matrix(kernel, given)
        return super().step(closure)  # type: ignore[arg-type]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the kernels' gradients, and what was seen of them."""
        super().zero_grad(set_to_none)
        for kernel in self._kernels:
            kernel.grad = None


def _matrix(kernel: Tensor, values: Tensor) -> Tensor:
    """Values of a kernel (out, in, k, k, k) as (out, in · k³), a view of the kernel.

    Columns follow the kernel's own order in memory, which a gradient may not share.
    """
    last = torch.channels_last_3d
    if kernel.is_contiguous(memory_format=last) and not kernel.is_contiguous():
        values = values.permute(0, 2, 3, 4, 1)
    return values.flatten(1)


def is_inner_kernel(name: str, parameter: Tensor) -> bool:
    """Whether Muon may have a parameter of a token network, by its dotted name."""
    return parameter.ndim == 5 and not any(end in name.split(".") for end in _ENDS)


def optimizers_of(stage: nn.Module, how: Optimization) -> list[torch.optim.Optimizer]:
    """Optimizers that share a stage's trained parameters among them.

    Learning rate and decay mean the same to both: Muon's steps are scaled to the size
    of AdamW's (Liu et al. 2025, arXiv 2502.16982).
    """
    given: dict[str, Any] = {
        "lr": how.learning_rate,
        "weight_decay": how.weight_decay,
    }
    trained = [(n, p) for n, p in stage.named_parameters() if p.requires_grad]
    if how.optimizer == "adamw":
        return [torch.optim.AdamW([p for _, p in trained], **given)]
    inner = [p for name, p in trained if is_inner_kernel(name, p)]
    rest = [p for name, p in trained if not is_inner_kernel(name, p)]
    muon = ConvolutionMuon(inner, adjust_lr_fn="match_rms_adamw", **given)
    return [muon, torch.optim.AdamW(rest, **given)]
