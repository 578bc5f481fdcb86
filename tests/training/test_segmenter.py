"""Training of the segmenter: what it sees, and what it must not."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.cascade.tiny import tiny_stages
from vct.anatomy import CURRENT_LIST, LABEL_OF
from vct.cascade.checkpoint import save_stage
from vct.cascade.instrument import read_segmenter
from vct.grid import Grid
from vct.training import cache as cache_module
from vct.training import train
from vct.training.cache import PhantomCache, build_cache
from vct.training.config import PhantomData, load_config
from vct.training.draws import Draws
from vct.training.people import Person
from vct.training.segmenter import SegmenterTask, calibration_phantoms, degraded

CONFIG = """
stage: segmenter
architecture: {{patch: 1, features: [8, 8, 8, 8, 8, 8]}}
data: {{folder: {folder}/cache, subjects: 14, held_out: 2, seed: 3, spacing_mm: 16.0}}
base_weights: {folder}/base.safetensors
superres_weights: {folder}/superres.safetensors
base_pass_share: {share}
optimization: {{batch_size: 2, max_samples: {samples}, warmup_steps: 2,
  learning_rate: 5.0e-3, precision: fp32, ema_decay: 0.9}}
reporting: {{log_every_steps: 1}}
"""


def boxes(
    person: Person, seed: int, index: int, grid: Grid, device: str
) -> tuple[Tensor, Tensor]:
    """A body of muscle with a bright liver in it."""
    encoded = torch.full((2, *grid.shape), -0.9)
    labels = torch.zeros(grid.shape, dtype=torch.uint8)
    for organ, value, box in (
        ("other_muscle", 0.1, (slice(10, 60), slice(4, 20), slice(4, 28))),
        ("liver", 0.4, (slice(30, 38), slice(8, 14), slice(8, 16))),
    ):
        encoded[(slice(0, 2), *box)], labels[box] = value, LABEL_OF[organ]
    return encoded, labels


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cache_module, "render_subject", boxes)
    for name, stage in zip(("base", "superres"), tiny_stages(), strict=False):
        save_stage(stage, tmp_path / f"{name}.safetensors")
    path = tmp_path / "segmenter.yaml"
    path.write_text(CONFIG.format(folder=tmp_path, share=0.5, samples=120))
    return path


def task_of(path: Path) -> SegmenterTask:
    config = load_config(path, "segmenter")
    return SegmenterTask(config, build_cache(config.data, device="cpu"), "cpu")


def test_it_learns_with_phantoms_that_the_stages_drew_over(
    config: Path, tmp_path: Path
) -> None:
    weights = train("segmenter", config, out=tmp_path / "run", log=lambda line: None)
    made = read_segmenter(weights)
    assert made.organ_list is CURRENT_LIST
    cache = PhantomCache(load_config(config, "segmenter").data)
    ct, truth = cache.encoded(14)[:1].float(), cache.labels(14)
    right = (made.eval().labels(ct)[0] == truth).float().mean()
    assert float(right) > 0.9


def test_passed_phantoms_are_others_than_their_originals(config: Path) -> None:
    task = task_of(config)
    assert len(task.passed) == len(task.phantoms)
    original = task.cache.encoded(0)[0]
    assert task.passed[0].shape == original.shape
    assert not torch.equal(task.passed[0], original)
    rng = torch.Generator().manual_seed(0)
    _, labels = task._member(0.0, 0.0, rng)
    assert torch.equal(labels, task.cache.labels(0))


def test_without_a_share_no_stage_is_asked(config: Path) -> None:
    config.write_text(config.read_text().replace("share: 0.5", "share: 0"))
    assert task_of(config).passed == []


def test_calibration_phantoms_are_not_trained_on(config: Path) -> None:
    task = task_of(config)
    aside = calibration_phantoms(task.cache)
    assert len(aside) == 1
    assert not set(aside) & set(task.phantoms)
    assert not set(aside) & set(task.cache.held_out)
    assert len(aside) + len(task.phantoms) == len(task.cache.training)


@pytest.mark.parametrize(("subjects", "aside"), [(4, 0), (100, 8), (5000, 96)])
def test_how_many_phantoms_are_kept_aside(
    tmp_path: Path, subjects: int, aside: int
) -> None:
    data = PhantomData(folder=tmp_path, subjects=subjects)
    assert len(calibration_phantoms(PhantomCache(data))) == aside


def test_a_part_of_the_tokens_gives_the_loss_of_all_in_the_mean(config: Path) -> None:
    def loss(share: float, number: int) -> Tensor:
        text = config.read_text().split("loss_share")[0]
        config.write_text(f"{text}loss_share: {share}\n")
        torch.manual_seed(0)
        task = task_of(config)
        task._member = lambda which, source, rng: (  # type: ignore[method-assign]
            task.cache.encoded(0)[0].float(),
            task.cache.labels(0),
        )
        with torch.no_grad():
            return task.loss(Draws(0, 2 * number, 2, "cpu"))[0].mean()

    parts = torch.stack([loss(0.3, number) for number in range(12)])
    assert float(parts.std()) > 0
    assert float(parts.mean()) == pytest.approx(float(loss(1.0, 0)), rel=0.02)


def test_as_many_phantoms_are_passed_as_asked(config: Path) -> None:
    config.write_text(config.read_text() + "base_pass_phantoms: 3\n")
    assert len(task_of(config).passed) == 3


def test_degradation_is_repeatable_and_moves_no_edge() -> None:
    ct = torch.full((24, 24, 24), -0.9)
    ct[:, :, 12:] = 0.1
    twice = [degraded(ct, torch.Generator().manual_seed(7)) for _ in range(2)]
    assert torch.equal(*twice)
    mean = torch.stack(
        [degraded(ct, torch.Generator().manual_seed(n)) for n in range(40)]
    ).mean(dim=0)
    assert float((mean[:, :, 12:] - mean[:, :, :12].flip(2)).min()) > 0.3
    assert float((mean - ct).abs().mean()) < 0.05
