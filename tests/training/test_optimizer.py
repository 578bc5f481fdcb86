"""Muon moves the kernels themselves; what is not Muon's is AdamW's."""

import torch
from torch import nn

from vct.cascade.architecture import BaseArchitecture
from vct.cascade.stage import BaseStage
from vct.diffusion.unet import channels_last
from vct.training.config import Optimization
from vct.training.optimizer import ConvolutionMuon, is_inner_kernel, optimizers_of


def small_stage() -> BaseStage:
    torch.manual_seed(0)
    shape = (16, 8, 8)
    return BaseStage(BaseArchitecture(shape=shape, channels=(8, 16), blocks=(1, 1)))


def gradients(module: nn.Module) -> None:
    rng = torch.Generator().manual_seed(1)
    for parameter in module.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=rng)


def test_a_step_of_muon_is_torch_muon_on_the_flattened_kernel() -> None:
    kernel = nn.Parameter(torch.randn(6, 4, 3, 3, 3))
    matrix = nn.Parameter(kernel.detach().flatten(1).clone())
    ours, theirs = ConvolutionMuon([kernel], lr=0.1), torch.optim.Muon([matrix], lr=0.1)
    for _ in range(3):
        kernel.grad = torch.randn_like(kernel)
        matrix.grad = kernel.grad.flatten(1).clone()
        ours.step()
        theirs.step()
    torch.testing.assert_close(kernel.detach().flatten(1), matrix.detach())


def test_layout_in_memory_changes_nothing_but_rounding() -> None:
    plain = nn.Conv3d(5, 7, 3, bias=False)
    last = nn.Conv3d(5, 7, 3, bias=False)
    last.load_state_dict(plain.state_dict())
    channels_last(last)
    for module in (plain, last):
        gradients(module)
        ConvolutionMuon([module.weight], lr=0.1).step()
    # Orthogonalized in bf16, over columns in another order.
    torch.testing.assert_close(plain.weight, last.weight, atol=3e-3, rtol=0)


def test_muon_has_inner_kernels_and_adamw_all_else() -> None:
    stage = small_stage()
    channels_last(stage.network)
    muon, adamw = optimizers_of(stage, Optimization(optimizer="muon"))
    shares = [
        sum(p.numel() for group in o.param_groups for p in group["params"])
        for o in (muon, adamw)
    ]
    assert sum(shares) == sum(p.numel() for p in stage.parameters())
    named = dict(stage.named_parameters())
    kernels = {name for name, p in named.items() if p.ndim == 5}
    inner = {name for name, p in named.items() if is_inner_kernel(name, p)}
    assert kernels - inner == {"network.stem.weight", "network.head.weight"}
    assert shares[0] == sum(named[name].numel() for name in inner)
    before = [p.detach().clone() for p in stage.parameters()]
    gradients(stage)
    for optimizer in (muon, adamw):
        optimizer.step()
        optimizer.zero_grad()
    moved = [
        not torch.equal(a, b) for a, b in zip(before, stage.parameters(), strict=True)
    ]
    assert all(moved)
    assert all(p.grad is None for p in stage.parameters())
