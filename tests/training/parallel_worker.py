"""One process of a parallel training on boxes, as torchrun starts it."""

import sys
from pathlib import Path

import torch

from tests.training.test_train import draw_box
from vct.training import cache, train

if __name__ == "__main__":
    torch.set_num_threads(1)
    cache.render_subject = draw_box
    train("base", Path(sys.argv[1]), out=Path(sys.argv[2]), log=print)
