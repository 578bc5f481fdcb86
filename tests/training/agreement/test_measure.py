"""Measuring with a tiny model: same numbers whatever the chunks, and it goes on."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from tests.cascade.tiny import tiny_cascade
from vct.errors import CohortError, ModelError, SpecError, VctError
from vct.grid import whole_body_grid
from vct.shard import Shard
from vct.training.agreement.__main__ import app
from vct.training.agreement.chunks import pack_chunks
from vct.training.agreement.measure import Plan, Sizes, measure
from vct.training.agreement.members import (
    CONDITIONS,
    alike,
    drawn_people,
    members,
    people_of_cohort,
)
from vct.training.agreement.reading import read_batch
from vct.training.agreement.tables import read_measured
from vct.training.cache import build_cache, person_of, render_subject
from vct.training.config import PhantomData
from vct.training.people import inside

SIZES = Sizes(generated=3, population=2, fresh=1, training=2, alike=0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> PhantomData:
    folder = tmp_path_factory.mktemp("cache")
    data = PhantomData(folder=folder, subjects=3, held_out=1, seed=1, spacing_mm=16.0)
    build_cache(data, device="cpu")
    return data


@pytest.fixture(scope="module")
def measured(data: PhantomData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("measured")
    plan = Plan(SIZES, seed=4, cache=data, batch=2)
    assert measure(tiny_cascade(), out, plan, log=lambda _: None)
    return out


def numbers(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    subjects = pd.read_parquet(folder / "subjects.parquet")
    organs = pd.read_parquet(folder / "organs.parquet")
    return (
        subjects.set_index("subject_id").sort_index(),
        organs.set_index(["subject_id", "organ"]).sort_index(),
    )


def test_every_set_is_there_with_its_people(measured: Path) -> None:
    subjects, organs = numbers(measured)
    counts = subjects["set"].value_counts().to_dict()
    assert counts == {"generated": 3, "population": 2, "fresh": 1, "training": 2}
    people = drawn_people(4, 3)
    for name in ("generated", "population", "fresh"):
        ages = subjects[subjects["set"] == name]["age_years"].to_list()
        assert ages == [person.age_years for person in people[: len(ages)]]
    known = subjects[subjects["set"] == "training"]["height_m"].to_list()
    assert known == [person_of(1, i).height_m for i in range(2)]
    told = set(organs.index.get_level_values("subject_id"))
    assert told == set(subjects.index[subjects["set"] != "training"])
    assert len(read_measured(measured).embeddings) == len(subjects)


def test_population_and_fresh_differ_for_the_same_person(measured: Path) -> None:
    tables = read_measured(measured)
    first, again = (tables.embeddings[f"{n}-000000"] for n in ("population", "fresh"))
    assert (first != again).mean() > 0.05


def test_a_stopped_run_goes_on_to_the_same_numbers(
    measured: Path, data: PhantomData, tmp_path: Path
) -> None:
    plan = Plan(SIZES, seed=4, cache=data, batch=2)
    lines: list[str] = []
    for path in (measured / "chunks").glob("generated*"):
        (tmp_path / "chunks").mkdir(exist_ok=True)
        (tmp_path / "chunks" / path.name).write_bytes(path.read_bytes())
    kept = next((tmp_path / "chunks").glob("*.organs.parquet"))
    done = measure(tiny_cascade(), tmp_path, plan, most_minutes=0, log=lines.append)
    assert not done
    assert lines == ["3 chunks left"]
    before = kept.stat().st_mtime_ns
    assert measure(tiny_cascade(), tmp_path, plan, log=lines.append)
    assert kept.stat().st_mtime_ns == before
    for one, other in zip(numbers(measured), numbers(tmp_path), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=False, rtol=1e-4)


def test_two_calls_share_the_work_and_leave_one_result(
    measured: Path, data: PhantomData, tmp_path: Path
) -> None:
    chunks = []
    for number in (1, 2):
        plan = Plan(SIZES, seed=4, cache=data, batch=2, shard=Shard(number, 2))
        assert measure(tiny_cascade(), tmp_path, plan, log=lambda _: None)
        chunks.append({path.name for path in (tmp_path / "chunks").iterdir()})
    assert chunks[0] < chunks[1] == {p.name for p in (measured / "chunks").iterdir()}
    for one, other in zip(numbers(measured), numbers(tmp_path), strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=False, rtol=1e-4)


@pytest.mark.parametrize("shard", ["2", "0/2", "3/2", "1/2/3", "a/b", "/"])
def test_a_shard_that_is_none_is_refused(shard: str, tmp_path: Path) -> None:
    line = ["measure", "--model", "whole-body-4mm", "-o", str(tmp_path / "new")]
    result = CliRunner().invoke(app, [*line, "--shard", shard])
    assert isinstance(result.exception, VctError)
    assert "as in --shard" in str(result.exception)
    assert not (tmp_path / "new").exists()


def test_another_seed_needs_another_folder(measured: Path, data: PhantomData) -> None:
    with pytest.raises(SpecError, match="seed = 4, not 5; measure into a new folder"):
        measure(tiny_cascade(), measured, Plan(SIZES, seed=5, cache=data, batch=2))
    assert json.loads((measured / "plan.json").read_text())["seed"] == 4


def test_a_model_without_segmenter_is_refused(tmp_path: Path) -> None:
    cascade = tiny_cascade()
    cascade.segmenter = None
    with pytest.raises(ModelError, match="no segmenter, so no organ can be measured"):
        measure(cascade, tmp_path, Plan(SIZES))


def test_a_cache_of_another_grid_is_refused(data: PhantomData, tmp_path: Path) -> None:
    fine = data.model_copy(update={"spacing_mm": 4.0})
    with pytest.raises(
        ModelError, match="cache holds 4 mm phantoms, the model makes 16"
    ):
        measure(tiny_cascade(), tmp_path, Plan(SIZES, cache=fine))


def test_a_cache_of_another_seed_is_refused(data: PhantomData, tmp_path: Path) -> None:
    plan = Plan(SIZES, seed=4, cache=data.model_copy(update={"seed": 2}))
    with pytest.raises(SpecError, match=r"of seed 1 and 16 mm, and .* for seed 2"):
        measure(tiny_cascade(), tmp_path, plan)


def test_more_than_the_cache_holds_is_refused(
    data: PhantomData, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match="9 training phantoms are asked for, but the"):
        measure(tiny_cascade(), tmp_path, Plan(Sizes(training=9), cache=data))
    with pytest.raises(SpecError, match="no cache folder is named; add --cache FOLDER"):
        measure(tiny_cascade(), tmp_path, Plan(Sizes(training=9)))


def test_population_from_cache_reads_the_cached_people(
    data: PhantomData, tmp_path: Path
) -> None:
    sizes = Sizes(generated=1, population=3, fresh=0, training=0, alike=0)
    plan = Plan(sizes, seed=4, cache=data, population_from_cache=True, batch=2)
    assert measure(tiny_cascade(), tmp_path, plan, log=lambda _: None)
    subjects, _ = numbers(tmp_path)
    ages = subjects[subjects["set"] == "population"]["age_years"].to_list()
    assert ages == [person_of(1, i).age_years for i in range(3)]


def test_nothing_measured_cannot_be_packed(tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="no measured chunk; run 'measure'"):
        pack_chunks(tmp_path)


def test_the_ruler_does_not_see_who_made_the_volume() -> None:
    person = drawn_people(1, 1)[0]
    encoded, _ = render_subject(person, 1, 0, whole_body_grid(16.0), "cpu")
    names = ("generated", "population")
    both = [members(name, [person])[0] for name in names]
    subjects, organs = read_batch(tiny_cascade(), torch.stack([encoded] * 2), both)
    tables = [
        pd.DataFrame(organs).query("subject_id.str.startswith(@name)") for name in names
    ]
    columns = tables[0].columns.drop("subject_id")
    pd.testing.assert_frame_equal(
        tables[0][columns].reset_index(drop=True),
        tables[1][columns].reset_index(drop=True),
    )
    body = tables[0].set_index("organ").loc["body_hu"]
    assert 0.4 < body["mass_kg"] / person.weight_kg < 1.1
    assert 0.5 < subjects[0]["suv_ml_field"] / (1000 * person.weight_kg) < 1.1


def test_people_are_inside_the_ranges_and_a_longer_list_begins_the_same() -> None:
    people = drawn_people(3, 40)
    assert all(inside(person) for person in people)
    assert people[:10] == drawn_people(3, 10)
    five = alike("alike_phantom", 5)
    assert len({m.subject_id for m in five}) == 20
    assert five[:12] == alike("alike_phantom", 3)
    assert [m.person for m in five[:4]] == [*CONDITIONS]


def test_people_of_a_cohort_beyond_the_ranges_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(
        "version: 1\nname: small\nseed: 1\nsize: 3\n"
        "protocol: {injected_mbq_per_kg: 4, uptake_min: 60}\n"
        "population:\n  sex: F\n"
        "  age_years: {kind: uniform, low: 91, high: 95}\n"
        "  height_m: {kind: uniform, low: 1.6, high: 1.7}\n"
        "  bmi_kg_m2: {kind: uniform, low: 18, high: 22}\n"
    )
    with pytest.raises(SpecError, match=r"only 0 of 20 subjects .* inside the model"):
        people_of_cohort(path, 3)


def test_people_of_a_cohort_are_its_first() -> None:
    cohort = Path(__file__).parents[3] / "cohorts" / "quickstart.yaml"
    people = people_of_cohort(cohort, 30)
    assert len(people) == 30
    assert people[:5] == people_of_cohort(cohort, 5)
    assert np.std([person.bmi_kg_m2 for person in people]) > 1
