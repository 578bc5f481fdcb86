"""The ablation: every row is trained, measured and told."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from vct.cascade.architecture import BaseArchitecture, SuperResolutionArchitecture
from vct.cascade.cascade import StageSampler
from vct.cascade.resample import upsample
from vct.cascade.stage import BaseStage
from vct.diffusion.tokens import position_maps, to_tokens
from vct.errors import SpecError
from vct.grid import Grid
from vct.training import cache as cache_module
from vct.training.ablation.base import fit_template, run_base
from vct.training.ablation.measure import loss_at
from vct.training.ablation.people import Volumes, judges_and_chance
from vct.training.ablation.superres import run_superres
from vct.training.ablation.superres_stages import (
    AblationSuperResolutionTask,
    build_superres,
    coarse_of,
    fit_units,
)
from vct.training.ablation.table import Table
from vct.training.ablation.variants import (
    BasePlan,
    BaseRow,
    BaseVariant,
    SuperResolutionPlan,
    SuperResolutionRow,
    SuperResolutionVariant,
    base_rows,
    picked,
    superres_rows,
)
from vct.training.cache import PhantomCache, build_cache
from vct.training.config import PhantomData
from vct.training.draws import Draws
from vct.training.people import Person

seeds = st.integers(0, 2**31 - 1)


# The loss in one unit


def test_a_network_that_knows_nothing_costs_the_same_in_any_unit() -> None:
    """The clean volume is 0; D answers c_skip · x, so that the error is the noise's."""
    clean, noise = torch.zeros(1, 2, 4, 4, 4), torch.randn(1, 2, 4, 4, 4)

    def passes_on(x: Tensor, sigma: Tensor) -> Tensor:
        return x

    default = loss_at(passes_on, clean, 2.0, noise, torch.ones(2))
    finer = loss_at(passes_on, clean, 2.0, noise, torch.full((2,), 0.25))
    torch.testing.assert_close(default, finer)
    torch.testing.assert_close(default, 5 * noise.square().mean())


# Variants


def test_every_base_row_builds_and_keeps_the_cost_of_a_patch() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    cost = {}
    for row in base_rows():
        with torch.device("meta"):
            stage = BaseStage(row.variant.architecture)
            patch = row.variant.architecture.patch
            shape = [n // patch for n in row.variant.architecture.shape]
            channels = stage.network.stem.in_channels
            tokens = torch.empty(1, channels, *shape)
            with FlopCounterMode(display=False) as counter:
                stage.network(tokens, torch.empty(1), torch.empty(1, 6))
        cost[row.name] = counter.get_total_flops()
    assert cost["patch_1"] == pytest.approx(cost["default"], rel=0.15)
    assert cost["patch_4"] == pytest.approx(cost["default"], rel=0.15)
    assert cost["narrow"] < cost["default"] < cost["wide"]


def test_rows_have_names_of_their_own_and_variants_are_one_network_each() -> None:
    rows = [*base_rows(), *superres_rows()]
    assert len({row.name for row in rows}) == len(rows)
    variants = {row.variant.name: row.variant for row in rows}
    assert all(row.variant == variants[row.variant.name] for row in rows)


def test_an_unknown_row_is_named() -> None:
    with pytest.raises(SpecError, match="no row 'templateoff'; there are default,"):
        picked(base_rows(), ["default", "templateoff"])


def test_too_few_held_out_phantoms_are_refused() -> None:
    with pytest.raises(SpecError, match="hold out 128 or more"):
        judges_and_chance(range(100, 200), 64)


def test_judges_and_chance_share_nobody() -> None:
    judges, chance = judges_and_chance(range(10, 30), 8)
    assert not set(judges) & set(chance)
    assert len(chance) == 8


@pytest.mark.parametrize("kind", ["mean", "none"])
def test_a_lesser_template_knows_nobody(kind: str) -> None:
    from vct.cascade.condition import template_features
    from vct.cascade.template import Template

    volumes = Volumes(torch.randn(12, 2, 4, 4, 4) + 2, torch.randn(12, 6))
    template = Template((4, 4, 4), 1)
    fit_template(template, volumes, kind)
    made = template(template_features(volumes.condition))
    assert (made[:1] == made).all()
    residual = template.to_residual(
        volumes.encoded, template_features(volumes.condition)
    )
    mean_square = residual.square().mean(dim=(0, 2, 3, 4))
    torch.testing.assert_close(mean_square, torch.ones(2), atol=1e-3, rtol=0)
    if kind == "mean":
        expected = volumes.encoded.mean(0)
        torch.testing.assert_close(made[0], expected, atol=0.02, rtol=0)


# Whole tables on a tiny grid

SHAPE = (36, 12, 16)
ARCHITECTURE = BaseArchitecture(
    shape=SHAPE, patch=2, channels=(8, 16), blocks=(1, 1), template_factor=1, modes=2,
    modes_factor=4,
)  # fmt: skip
FINE_ARCHITECTURE = SuperResolutionArchitecture(
    factor=2, patch=4, channels=(8, 16), blocks=(1, 1)
)
BASE_PLAN = BasePlan(samples=8, batch_size=4, shape=SHAPE, sigmas=(0.4, 4.0))
FINE_PLAN = SuperResolutionPlan(
    samples=4, batch_size=2, patch_slices=24, subjects=4, sigmas=(0.4, 4.0)
)
SHARED_FIGURES = {
    "frechet", "marginal_frechet", "sd_ratio_mean", "sd_ratio_min", "suv_distance",
    "hu_distance",
}  # fmt: skip
FIGURES = SHARED_FIGURES | {
    "million_parameters", "gflop_evaluation", "evaluations", "denoising_loss",
    "seconds_per_subject", "training_seconds",
}  # fmt: skip
FINE_FIGURES = FIGURES | {
    "liver_noise_hu_ratio", "liver_noise_suv_ratio", "coarse_rms_hu",
    "coarse_rms_suv", "liver_suv_shift_percent", "imperfect_frechet",
    "imperfect_suv_distance", "imperfect_liver_noise_suv_ratio",
}  # fmt: skip


def draw_box(
    person: Person, seed: int, index: int, grid: Grid, device: str
) -> tuple[Tensor, Tensor]:
    """A stand-in for a phantom: a warm box in air, its middle labelled liver."""
    rng = torch.Generator().manual_seed(index)
    encoded = torch.full((2, *grid.shape), -1.0)
    labels = torch.zeros(grid.shape, dtype=torch.uint8)
    half = int(4 + person.bmi_kg_m2 / 10)
    box = (slice(10, 60), slice(6, 18), slice(16 - half, 16 + half))
    encoded[0][box] = 0.1
    encoded[1][box] = -0.5 + 0.1 * float(torch.randn(1, generator=rng))
    labels[30:40, 8:14, 12:18] = 1
    encoded += 0.02 * torch.randn(encoded.shape, generator=rng)
    return encoded, labels


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PhantomCache:
    monkeypatch.setattr(cache_module, "render_subject", draw_box)
    data = PhantomData(
        folder=tmp_path / "cache", subjects=6, held_out=6, seed=3, spacing_mm=16.0
    )
    return build_cache(data, device="cpu")


def quiet(message: str) -> None:
    pass


def tiny_base_rows() -> list[BaseRow]:
    how = StageSampler("heun", 3, 0.01, 20.0)
    default = BaseVariant("default", ARCHITECTURE)
    off = BaseVariant("off", replace(ARCHITECTURE, modes=0, haar=True), template="none")
    return [
        BaseRow("default", "as it is", default, how),
        BaseRow("off", "nothing", off, how),
        BaseRow("fewer", "two steps", default, replace(how, steps=2)),
    ]


def tiny_superres_rows() -> list[SuperResolutionRow]:
    how = StageSampler("dpmpp2m", 2, 0.02, 15.0)
    default = SuperResolutionVariant("sr_default", FINE_ARCHITECTURE)
    direct = SuperResolutionVariant("sr_direct", FINE_ARCHITECTURE, direct=True)
    return [
        SuperResolutionRow("sr_default", "as it is", default, how),
        SuperResolutionRow("sr_direct", "the volume itself", direct, how),
    ]


def ablate(cache: PhantomCache, out: Path, rows: list[BaseRow]) -> Table:
    table = Table(out, {"people": 2})
    run_base(
        rows, cache, table, plan=BASE_PLAN, people=2, device="cpu", log=quiet
    )  # fmt: skip
    return table


def read(out: Path) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = json.loads((out / "ablation.json").read_text())[
        "rows"
    ]
    return rows


def test_the_table_of_the_base_stage_has_every_figure(
    cache: PhantomCache, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ablate(cache, out, tiny_base_rows())
    rows = read(out)
    assert list(rows) == ["chance", "default", "off", "fewer"]
    assert rows["chance"].keys() >= SHARED_FIGURES
    for name in ("default", "off", "fewer"):
        assert rows[name].keys() >= FIGURES
        assert all(np.isfinite(rows[name][figure]) for figure in FIGURES)
    # One network, sampled twice.
    same = ("denoising_loss", "training_seconds", "trained_as", "gflop_evaluation")
    assert all(rows["default"][k] == rows["fewer"][k] for k in same)
    assert rows["default"]["evaluations"] == 5
    assert rows["fewer"]["evaluations"] == 3
    lines = (out / "ablation.md").read_text().splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == [
        "row", "---", "chance", "default", "off", "fewer",
    ]  # fmt: skip
    with (out / "ablation.csv").open() as stream:
        table = list(csv.DictReader(stream))
    assert [row["row"] for row in table] == list(rows)
    assert float(table[1]["frechet"]) == rows["default"]["frechet"]


def test_a_stopped_table_goes_on_with_the_missing_rows(
    cache: PhantomCache, tmp_path: Path
) -> None:
    first, *others = tiny_base_rows()
    ablate(cache, tmp_path / "out", [first])
    before = read(tmp_path / "out")
    ablate(cache, tmp_path / "out", [first, *others])
    after = read(tmp_path / "out")
    assert list(after) == ["chance", "default", "off", "fewer"]
    assert all(after[name] == before[name] for name in before)
    ablate(cache, tmp_path / "whole", [first, *others])
    whole = read(tmp_path / "whole")
    for name in ("off", "fewer"):
        assert after[name]["denoising_loss"] == whole[name]["denoising_loss"]
        assert after[name]["frechet"] == whole[name]["frechet"]


def test_rows_made_otherwise_are_not_mixed(tmp_path: Path) -> None:
    Table(tmp_path, {"people": 2}).add("a", {"stage": "base", "frechet": 1.0})
    with pytest.raises(SpecError, match=r"people = 2, now it is 3; .*another --out"):
        Table(tmp_path, {"people": 3})
    # The other stage's settings are added beside.
    both = Table(tmp_path, {"people": 2, "superres": {"samples": 4}})
    both.add("b", {"stage": "superres", "frechet": 2.0})
    with pytest.raises(SpecError, match="superres"):
        Table(tmp_path, {"people": 2, "superres": {"samples": 5}})
    assert "a" in Table(tmp_path, {"people": 2})


def test_the_table_of_the_fine_stage_has_every_figure(
    cache: PhantomCache, tmp_path: Path
) -> None:
    table = Table(tmp_path / "out", {"people": 2})
    run_superres(
        tiny_superres_rows(), cache, table, plan=FINE_PLAN, people=2,
        base_weights=None, device="cpu", log=quiet,
    )  # fmt: skip
    rows = read(tmp_path / "out")
    assert list(rows) == ["sr_chance", "sr_default", "sr_direct"]
    assert rows["sr_chance"].keys() >= SHARED_FIGURES
    # Box means of a phantom are its coarse volume, but for float16.
    assert rows["sr_chance"]["coarse_rms_suv"] < 0.01
    for name in ("sr_default", "sr_direct"):
        assert rows[name].keys() >= FINE_FIGURES
        assert all(np.isfinite(rows[name][figure]) for figure in FINE_FIGURES)


@pytest.mark.parametrize("direct", [False, True])
def test_a_slab_is_cut_from_the_whole_residual(
    cache: PhantomCache, direct: bool
) -> None:
    """Margins and edges of slabs: the same numbers as the whole volume's."""
    from vct.training.ablation.fit import training_config
    from vct.training.ablation.people import load_volumes

    # Twice the same phantom: whichever is drawn, the whole is known.
    one = load_volumes(cache, range(1), 1, "cpu")
    fine = Volumes(one.encoded.repeat(2, 1, 1, 1, 1), one.condition.repeat(2, 1))
    rough = coarse_of(one, 2)
    coarse = (rough + torch.randn(rough.shape) * 0.01).repeat(2, 1, 1, 1, 1)
    config = training_config("superres", FINE_PLAN, cache.data, "cpu")
    config = config.model_copy(update={"patch_slices": 24})
    variant = SuperResolutionVariant("v", FINE_ARCHITECTURE, direct=direct)
    task = AblationSuperResolutionTask(
        variant, config, fine, coarse, units_from=2, device="cpu"
    )
    whole = task.stage.to_residual(fine.encoded.float(), coarse.float())[0]
    positions = position_maps(to_tokens(coarse[:1, :1].float(), 2))[0]
    slabs = task._slabs(Draws(0, 0, 24, "cpu"))
    starts = set()
    for clean, cut, position in zip(
        slabs.clean, slabs.coarse, slabs.position, strict=True
    ):
        errors = [
            (float((whole[:, s : s + 24] - clean).abs().max()), s)
            for s in range(0, 72 - 24 + 1, 8)
        ]
        error, start = min(errors)
        assert error < 1e-4
        half = slice(start // 2, start // 2 + 12)
        torch.testing.assert_close(cut, coarse[0, :, half].float())
        tokens = slice(start // 4, start // 4 + 6)
        torch.testing.assert_close(position, positions[:, tokens])
        starts.add(start)
    assert {0, 48} <= starts


@settings(max_examples=10)
@given(seeds)
def test_direct_and_residual_stages_return_to_the_volume(seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    fine = Volumes(torch.rand(3, 2, 8, 8, 8, generator=rng) - 0.5, torch.zeros(3, 6))
    coarse = coarse_of(fine, 2)
    for direct in (False, True):
        variant = SuperResolutionVariant("v", FINE_ARCHITECTURE, direct=direct)
        stage = build_superres(variant)
        fit_units(stage, fine, coarse)
        residual = stage.to_residual(fine.encoded, coarse.float())
        back = stage.to_encoded(residual, coarse.float())
        torch.testing.assert_close(back, fine.encoded, atol=1e-5, rtol=0)
        square = residual.square().mean(dim=(0, 2, 3, 4))
        torch.testing.assert_close(square, torch.ones(2), atol=1e-3, rtol=0)
    # The residual stage keeps what the coarse volume holds.
    assert upsample(coarse.float(), 2).shape == fine.encoded.shape


def test_the_command_names_an_unknown_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from vct.training.ablation.__main__ import main

    arguments = ["--data", str(tmp_path), "--out", str(tmp_path), "--rows", "no"]
    monkeypatch.setattr("sys.argv", ["ablation", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "there is no row 'no'" in capsys.readouterr().err
