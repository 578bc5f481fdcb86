"""Training by several processes, when torchrun started them."""

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist


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
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    return Place(dist.get_rank(), dist.get_world_size(), device)


def wait_for_all(place: Place) -> None:
    """Go on when every process has come here."""
    if place.world > 1:
        dist.barrier()


def any_of_all(here: bool, place: Place) -> bool:
    """Whether any process says yes: clocks differ, and all must stop together."""
    if place.world == 1:
        return here
    votes = torch.tensor(float(here), device=place.device)
    dist.all_reduce(votes, dist.ReduceOp.MAX)
    return bool(votes.item())


def leave(place: Place) -> None:
    """End the process group."""
    if place.world > 1:
        dist.destroy_process_group()
