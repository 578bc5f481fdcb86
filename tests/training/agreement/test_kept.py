"""What outlives noise and sampling, and what is said of it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from tests.cascade.tiny import tiny_cascade
from vct.cascade.condition import condition_vector
from vct.cascade.resample import box_mean
from vct.errors import ModelError
from vct.training.agreement.__main__ import app
from vct.training.agreement.kept import (
    ITSELF,
    kept_table,
    levels_from,
    measure_kept,
    sampled_on,
)
from vct.training.cache import person_of, render_subject

LEVELS = [200.0, 20.0, 2.0, 0.2, 0.0]


@pytest.mark.parametrize(
    ("sigma", "first"), [(1000.0, 200.0), (19.0, 20.0), (5.0, 2.0), (0.01, 0.2)]
)
def test_sampling_begins_at_the_nearest_level(sigma: float, first: float) -> None:
    assert levels_from(LEVELS, sigma) == LEVELS[LEVELS.index(first) :]


def test_without_noise_only_detail_is_drawn() -> None:
    cascade = tiny_cascade()
    fine, _ = render_subject(person_of(1, 3), 1, 3, cascade.grid, "cpu")
    condition = condition_vector([person_of(1, 3)])
    shapes = (cascade.base.architecture.shape,) * 2 + (cascade.grid.shape,)
    rng = torch.Generator().manual_seed(1)
    noise = [torch.randn(1, 2, *shape, generator=rng) for shape in shapes]
    with torch.inference_mode():
        true, noised = (
            sampled_on(cascade, fine[None], condition, sigma, noise)
            for sigma in (0.0, 20.0)
        )
    ct, there, elsewhere = (
        box_mean(volume[:, 0], cascade.superres.architecture.factor)
        for volume in (fine[None], true, noised)
    )
    assert (there - ct).abs().mean() < 0.1 * (elsewhere - ct).abs().mean()


def test_every_phantom_is_measured_itself_and_at_every_level() -> None:
    told: list[str] = []
    rows = measure_kept(tiny_cascade(), [2, 5], [0.0, 3.0], told=told.append)
    assert told == ["phantom 2", "phantom 5"]
    assert set(rows["sigma"]) == {ITSELF, 0.0, 3.0}
    counts = rows.groupby(["subject_id", "sigma"]).size()
    assert counts.nunique() == 1
    assert len(counts) == 6
    again = measure_kept(tiny_cascade(), [5], [3.0], told=told.append)
    same = rows[(rows["number"] == 5) & (rows["sigma"] == 3.0)]
    assert again[again["sigma"] == 3.0]["suv_mean"].tolist() == pytest.approx(
        same["suv_mean"].tolist(), nan_ok=True
    )


def drawn(count: int, slope: float, noise: float, shift: float) -> pd.DataFrame:
    """Livers whose differences come back by ``slope``, beside demographics."""
    rng = np.random.default_rng(6)
    people = pd.DataFrame(
        {
            "subject_id": [f"p{n}" for n in range(count)],
            "sex": np.where(np.arange(count) % 2, "F", "M"),
            "age_years": rng.uniform(20, 80, count),
            "bmi_kg_m2": rng.uniform(18, 40, count),
            "height_m": rng.uniform(1.5, 1.9, count),
            "organ": "liver",
        }
    )
    expected = 7 + 0.5 * people["height_m"] + 0.01 * people["bmi_kg_m2"]
    own = rng.normal(0, 0.1, count)
    own -= own.mean()
    sets = []
    for sigma, values in (
        (ITSELF, expected + own),
        (2.0, expected + shift + slope * own + rng.normal(0, noise, count)),
    ):
        measures = {"volume_ml": np.exp(values), "suv_mean": 2.0 + own}
        sets.append(people.assign(sigma=sigma, **measures))
    return pd.concat(sets)


def volume_row(rows: pd.DataFrame) -> pd.Series:
    return kept_table(rows).query("quantity == 'volume_ml'").iloc[0]


def test_what_comes_back_is_told_beside_demographics() -> None:
    row = volume_row(drawn(400, slope=0.6, noise=0.0, shift=0.05))
    assert row["slope"] == pytest.approx(0.6)
    assert row["r"] == pytest.approx(1.0)
    assert row["spread"] == pytest.approx(0.6)
    assert row["bias_percent"] == pytest.approx(5.0, abs=0.5)
    lost = volume_row(drawn(400, slope=0.0, noise=0.1, shift=0.0))
    assert abs(lost["slope"]) < 0.2
    assert lost["spread"] == pytest.approx(1.0, abs=0.1)


def test_who_has_no_value_is_left_out_and_few_people_have_no_slope() -> None:
    rows = drawn(30, slope=1.0, noise=0.0, shift=0.0)
    rows.loc[(rows["sigma"] == 2.0) & (rows["subject_id"] == "p3"), "volume_ml"] = None
    assert volume_row(rows)["n"] == 29
    few = volume_row(rows[rows["subject_id"].isin([f"p{n}" for n in range(24)])])
    assert few["n"] == 23
    assert np.isnan(few[["slope", "r", "spread"]].astype(float)).all()
    assert few["bias_percent"] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("levels", ["0,high", "-1,2", "nan", ""])
def test_levels_that_are_none_are_refused(levels: str, tmp_path: Path) -> None:
    line = ["kept", "--model", "whole-body-4mm", "-o", str(tmp_path / "new")]
    result = CliRunner().invoke(app, [*line, f"--levels={levels}"])
    assert result.exit_code == 2
    assert "numbers from 0 up" in " ".join(result.output.split())
    assert not (tmp_path / "new").exists()


def test_without_a_segmenter_nothing_is_measured() -> None:
    cascade = tiny_cascade()
    cascade.segmenter = None
    with pytest.raises(ModelError, match="has no segmenter"):
        measure_kept(cascade, [2], [0.0])
