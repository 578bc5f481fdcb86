"""Training by several processes, when torchrun started them."""

import os
from dataclasses import dataclass
from importlib import import_module

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Place:
    """This process among all: its rank, how many there are, and its device."""

    rank: int
    world: int
    device: str


def join(device: str) -> Place:
    """Join the process group when torchrun started us; each rank takes its GPU."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return Place(0, 1, device)
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    # DDP imports it, and imported into a living group it never lets that group go.
    import_module("torch._dynamo")
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return Place(dist.get_rank(), dist.get_world_size(), device)


def wait_for_all(place: Place) -> None:
    """Go on when every process has come here."""
    if place.world > 1:
        dist.barrier()


def agree(share: float, votes: list[bool], place: Place) -> tuple[float, list[bool]]:
    """The first process's share of the run, and what any process votes for.

    Clocks differ: a learning rate by each process's own clock would let the weights
    drift apart, and a process that stops alone leaves the others waiting.
    """
    if place.world == 1:
        return share, votes
    told = torch.tensor(
        [share if place.rank == 0 else 0.0, *votes],
        dtype=torch.float64,
        device=place.device,
    )
    dist.all_reduce(told, dist.ReduceOp.MAX)
    share, *counted = told.tolist()
    return share, [bool(vote) for vote in counted]


def sum_of_all(values: Tensor, place: Place) -> Tensor:
    """Sum of every process's tensor."""
    if place.world == 1:
        return values
    values = values.clone()
    dist.all_reduce(values)
    return values


def leave(place: Place) -> None:
    """End the process group; the caller has let go of everything that uses it.

    While anything does, its threads live on. One that lets go of a tensor while the
    interpreter shuts down aborts the process (pytorch/pytorch#190489).
    """
    if place.world > 1:
        dist.destroy_process_group()
