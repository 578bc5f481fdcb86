"""Scans that cover parts of the field: what they do not cover teaches nothing."""

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.cascade.tiny import SUPERRES
from tests.training.prepared_folder import write_prepared
from vct.cascade.condition import TEMPLATE_FEATURES
from vct.cascade.resample import coarsen, covered_boxes, covered_inside, upsample
from vct.cascade.stage import SuperResolutionStage
from vct.cascade.template import Template
from vct.diffusion.tokens import position_maps, to_tokens
from vct.errors import SpecError
from vct.training.base import BaseTask
from vct.training.config import PreparedData, TrainingConfig
from vct.training.draws import Draws
from vct.training.prepared import PreparedCache
from vct.training.slabs import FineVolumes, best_starts, cut_slabs, on_fine_grid
from vct.training.superres import SuperResolutionTask
from vct.training.units import coarse_sd, residual_sd

COVERED = [(0, 72), (8, 60), (16, 72), (8, 60)]
ARCHITECTURES = {
    "base": {
        "shape": [36, 12, 16],
        "channels": [8, 16],
        "blocks": [1, 1],
        "modes": 2,
    },
    "superres": {
        "factor": 2,
        "channels": [8, 16],
        "blocks": [1, 1],
        "coverage": True,
    },
}


def draws(count: int = 4) -> Draws:
    return Draws(0, 0, count, "cpu")


def config(stage: str, folder: Path, **settings: object) -> TrainingConfig:
    return TrainingConfig(
        stage=stage,  # type: ignore[arg-type]
        data=PreparedData(prepared=folder),
        architecture=ARCHITECTURES[stage],
        optimization={"precision": "fp32", "max_samples": 8},  # type: ignore[arg-type]
        **({"patch_slices": 24} if stage == "superres" else {}) | settings,  # type: ignore[arg-type]
    )


def cache_of(folder: Path) -> PreparedCache:
    return PreparedCache(PreparedData(prepared=folder), device="cpu")


def volumes(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    encoded = torch.rand(count, 2, 4, 4, 4, generator=rng) * 2 - 1
    features = torch.randn(count, len(TEMPLATE_FEATURES), generator=rng)
    features[:, 0] = 1
    return encoded, features


def fitted(coverage: Tensor | None, count: int = 30) -> Template:
    encoded, features = (part[:count] for part in volumes(30))
    template = Template((2, 2, 2), 2)
    if coverage is None:
        template.fit([(encoded, features)], ridge=1e-3)
    else:
        parts = zip(encoded.split(7), features.split(7), coverage.split(7), strict=True)
        template.fit_covered(list(parts), ridge=1e-3)
    return template


def test_where_all_cover_all_the_template_is_the_plain_one() -> None:
    plain, covered = fitted(None), fitted(torch.ones(30, 1, 4, 4, 4))
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(covered.state_dict()[name], value)


def test_a_voxel_of_the_template_is_fitted_to_those_who_cover_it() -> None:
    coverage = torch.ones(30, 1, 4, 4, 4)
    coverage[20:, :, :2] = 0
    covered = fitted(coverage)
    fewer = fitted(None, count=20)
    # The ridge counts all thirty subjects, so that the fits are near, not equal.
    torch.testing.assert_close(
        covered.coefficients[:, :, 0], fewer.coefficients[:, :, 0], atol=0.01, rtol=0
    )
    torch.testing.assert_close(
        covered.coefficients[:, :, 1], fitted(None).coefficients[:, :, 1]
    )


def test_what_nobody_covers_is_air() -> None:
    coverage = torch.ones(30, 1, 4, 4, 4)
    coverage[:, :, 2:] = 0
    template = fitted(coverage)
    assert (template.coefficients[0, :, 1] == -1).all()
    assert (template.coefficients[1:, :, 1] == 0).all()


def test_the_template_does_not_see_what_is_not_covered() -> None:
    encoded, features = volumes(12)
    coverage = (torch.rand(12, 1, 4, 4, 4) < 0.7).float()
    templates = []
    for other in (0.0, 0.9):
        template = Template((2, 2, 2), 2)
        seen = torch.where(coverage > 0, encoded, other)
        template.fit_covered([(seen, features, coverage)], ridge=1e-3)
        templates.append(template)
    for name, value in templates[0].state_dict().items():
        assert torch.equal(templates[1].state_dict()[name], value)


def test_a_box_is_covered_when_all_of_it_is() -> None:
    fine = torch.ones(1, 1, 8, 8, 8, dtype=torch.bool)
    fine[0, 0, 0, 0, 0] = False
    coarse = covered_boxes(fine, 2)
    assert not coarse[0, 0, 0, 0, 0]
    assert coarse.sum() == 4**3 - 1
    inside = covered_inside(coarse)
    assert not inside[0, 0, :2, :2, :2].any()
    assert inside.sum() == 4**3 - 2**3


def test_inside_the_covered_part_upsampling_sees_only_scanned_values() -> None:
    rng = torch.Generator().manual_seed(0)
    scanned = torch.rand(1, 2, 16, 16, 16, generator=rng) - 0.5
    fine = torch.ones(1, 1, 16, 16, 16, dtype=torch.bool)
    fine[:, :, 9:] = False
    inside = covered_inside(covered_boxes(fine, 2))
    assert inside.any()
    raised = [
        upsample(coarsen(torch.where(fine, scanned, other), 2), 2)
        for other in (-1.0, 0.7)
    ]
    where = upsample(inside.float(), 2) == 1
    same = raised[0] == raised[1]
    assert same[where.expand_as(same)].all()
    assert not same.all()


class HotOutside(PreparedCache):
    """The same studies, with something hot where nobody scanned."""

    def slab(self, index: int, first: int, last: int) -> Tensor:
        volume = super().slab(index, first, last).clone()
        volume[1][~self.coverage(index)[first:last]] = 0.5
        return volume


def studies(folder: Path) -> list[PreparedCache]:
    """Studies with air and with something hot where nobody scanned."""
    data = PreparedData(prepared=write_prepared(folder, covered=COVERED))
    return [kind(data, device="cpu") for kind in (PreparedCache, HotOutside)]


def test_the_base_stage_learns_nothing_of_what_is_not_covered(tmp_path: Path) -> None:
    losses = []
    for cache in studies(tmp_path):
        task = BaseTask(config("base", tmp_path), cache, "cpu")
        torch.manual_seed(0)
        for parameter in task.stage.parameters():
            torch.nn.init.normal_(parameter, std=0.05)
        losses.append(task.loss(draws())[0])
    torch.testing.assert_close(losses[1], losses[0])


def test_the_fine_stage_is_not_asked_for_what_is_not_covered(tmp_path: Path) -> None:
    losses = []
    for cache in studies(tmp_path):
        # Untrained it is silent: its loss is of the residual alone.
        task = SuperResolutionTask(config("superres", tmp_path), cache, "cpu")
        losses.append(task.loss(draws())[0])
    torch.testing.assert_close(losses[1], losses[0])


def test_both_losses_are_made_in_bf16(tmp_path: Path) -> None:
    cache = cache_of(write_prepared(tmp_path, covered=COVERED))
    for stage, kind in (("base", BaseTask), ("superres", SuperResolutionTask)):
        task = kind(config(stage, tmp_path), cache, "cpu")
        with torch.autocast("cpu", torch.bfloat16):
            loss, log_sigma = task.loss(draws())
        assert loss.isfinite().all()
        assert loss.dtype == log_sigma.dtype == torch.float32


def test_where_a_slab_is_not_covered_nothing_is_left_over_the_coarse(
    tmp_path: Path,
) -> None:
    cache = cache_of(write_prepared(tmp_path, covered=[(16, 48)]))
    fine = FineVolumes(cache, 2, "cpu")
    stage = SuperResolutionStage(SUPERRES)
    slabs = cut_slabs(
        stage,
        fine,
        [(0, (8, 0, 0)), (1, (24, 0, 0))],
        list(fine.coarse[:2]),
        (24, 24, 32),
    )
    assert slabs.coverage is not None
    known = on_fine_grid(slabs.coverage, 2).expand_as(slabs.clean) == 1
    assert known.any()
    assert (slabs.clean[~known] == 0).all()
    assert (slabs.clean[known] != 0).any()


def test_slabs_come_from_covered_slices() -> None:
    every = range(0, 49, 8)
    assert best_starts(torch.arange(16, 64), every, 24) == [16, 24, 32, 40]
    assert best_starts(torch.arange(20, 30), every, 24) == [8, 16]
    assert best_starts(torch.arange(72), every, 24) == list(every)


@pytest.mark.parametrize("shape", [(24, 24, 32), (24, 8, 16)])
def test_a_slab_is_cut_from_the_whole_residual(
    shape: tuple[int, int, int], tmp_path: Path
) -> None:
    """Margins, edges and windows of slabs: the same numbers as the whole volume's."""
    fine = FineVolumes(cache_of(write_prepared(tmp_path)), 2, "cpu")
    stage = SuperResolutionStage(SUPERRES)
    stage.residual_sd.copy_(torch.tensor([0.3, 0.1]))
    coarse = [volume.float() for volume in fine.coarse]
    whole = torch.cat(
        [stage.to_residual(fine.whole(n)[None], coarse[n][None]) for n in range(4)]
    )
    rows, columns = (
        range(0, total - n + 1, 8) for total, n in ((24, shape[1]), (32, shape[2]))
    )
    starts = [
        (0, rows[0], columns[-1]),
        (48, rows[-1], columns[0]),
        (16, rows[len(rows) // 2], columns[len(columns) // 2]),
    ]
    picks = list(zip((1, 3, 0), starts, strict=True))
    slabs = cut_slabs(stage, fine, picks, [coarse[n] for n, _ in picks], shape)
    positions = position_maps(to_tokens(coarse[0][None, :1], 2))[0]
    known = on_fine_grid(slabs.coverage, 2)
    assert known.all()

    def box(volume: Tensor, start: tuple[int, int, int], size: int) -> Tensor:
        k, j, i = (
            slice(first // size, (first + n) // size)
            for first, n in zip(start, shape, strict=True)
        )
        return volume[:, k, j, i]

    for row, (n, start) in enumerate(picks):
        torch.testing.assert_close(slabs.clean[row], box(whole[n], start, 1))
        torch.testing.assert_close(slabs.coarse[row], box(coarse[n], start, 2))
        assert torch.equal(slabs.position[row], box(positions, start, 4))
        assert torch.equal(slabs.condition[row], fine.condition[n])


def test_a_slab_that_fits_no_field_is_refused(tmp_path: Path) -> None:
    cache = cache_of(write_prepared(tmp_path))
    for slices in (20, 80):
        settings = config("superres", tmp_path, patch_slices=slices)
        with pytest.raises(SpecError, match=f"patch_slices {slices} must be a mult"):
            SuperResolutionTask(settings, cache, "cpu")
    for window in ((20, 32), (24, 40)):
        settings = config("superres", tmp_path, patch_window=window)
        words = re.escape(f"patch_window {list(window)} must be multiples of 8")
        with pytest.raises(SpecError, match=words):
            SuperResolutionTask(settings, cache, "cpu")


def test_windows_lie_everywhere_in_the_field(tmp_path: Path) -> None:
    fine = FineVolumes(cache_of(write_prepared(tmp_path)), 2, "cpu")
    rows, columns = fine.windows((8, 16), 8)
    assert (*rows,) == (0, 8, 16)
    assert (*columns,) == (0, 8, 16)
    assert fine.windows((24, 32), 8) == (range(0, 1, 8), range(0, 1, 8))


def test_more_modes_than_subjects_are_refused(tmp_path: Path) -> None:
    cache = cache_of(write_prepared(tmp_path, training=2))
    with pytest.raises(SpecError, match=r"modes 2 needs more than 2 training subjec"):
        BaseTask(config("base", tmp_path), cache, "cpu")


def test_units_of_the_fine_stage_are_of_covered_voxels(tmp_path: Path) -> None:
    whole = FineVolumes(cache_of(write_prepared(tmp_path / "a")), 2, "cpu")
    part = FineVolumes(
        cache_of(write_prepared(tmp_path / "b", covered=[(8, 64)])), 2, "cpu"
    )
    # The boxes end at slice 32 and begin at 4: more of what is left is body.
    assert (residual_sd(part, 4) > residual_sd(whole, 4)).all()
    rng = torch.Generator().manual_seed(0)
    coarse = torch.randn(5, 2, 3, 3, 3, generator=rng)
    plain = coarse.std(dim=0).square().mean(dim=(1, 2, 3)).sqrt()
    torch.testing.assert_close(coarse_sd(coarse, None), plain)
    coverage = torch.ones(5, 1, 3, 3, 3, dtype=torch.bool)
    coverage[3:, :, 0], coverage[1:, :, 1] = False, False
    values = torch.cat([coarse[:3, :, :1].var(dim=0), coarse[:, :, 2:].var(dim=0)], 1)
    expected = values.mean(dim=(1, 2, 3)).sqrt()
    torch.testing.assert_close(coarse_sd(coarse, coverage), expected)
