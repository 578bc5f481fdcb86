"""One process of a parallel training on boxes, as torchrun starts it."""

import sys
from pathlib import Path

import torch

from tests.training.test_train import draw_box
from vct.training import cache, train


def threads() -> list[str]:
    """Names of this process's threads, where the system tells them."""
    return [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]


if __name__ == "__main__":
    torch.set_num_threads(1)
    cache.render_subject = draw_box
    train("base", Path(sys.argv[1]), out=Path(sys.argv[2]), log=print)
    left = [name for name in threads() if "gloo" in name]
    assert not left, f"threads of the process group outlive it: {left}"
