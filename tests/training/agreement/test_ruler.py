"""The ruler is straight: phantoms pass at chance, and planted faults are named."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import pytest

from tests.training.agreement.synthetic import Tables, changed, drawn_sets, joined
from vct.training.agreement.cells import cell_rows, cell_table
from vct.training.agreement.comparison import Comparison, compared
from vct.training.agreement.consistency import consistency_rows
from vct.training.agreement.memory import copies, memory_rows, neighbor_table
from vct.training.agreement.moments import moment_rows
from vct.training.agreement.row import Row
from vct.training.agreement.slopes import slope_rows
from vct.training.agreement.tables import LISTED, Measured

FIGURES = ("mean difference", "SD ratio", "SD ratio at same demographics")


@pytest.fixture(scope="module")
def sets() -> dict:
    return drawn_sets()


@pytest.fixture(scope="module")
def straight(sets: dict) -> tuple[Measured, Comparison]:
    measured = joined(sets)
    return measured, compared(measured)


def rows_of(sets: dict, *parts: Callable[[Measured], Iterable[Row]]) -> list[Row]:
    measured = joined(sets)
    return [row for part in parts for row in part(measured)]


def memory_and_neighbors(sets: dict) -> tuple[list[Row], pd.DataFrame]:
    measured = joined(sets)
    table = neighbor_table(measured)
    return list(memory_rows(measured, table)), table


def cells(measured: Measured) -> Iterable[Row]:
    return cell_rows(cell_table(measured))


def judged(rows: list[Row], statistic: str = "") -> list[Row]:
    return [r for r in rows if r.verdict != "info" and statistic in r.statistic]


def failed(rows: list[Row]) -> set[str]:
    return {r.id for r in rows if r.verdict == "fail"}


def test_ids_are_unique(straight: tuple[Measured, Comparison]) -> None:
    ids = [row.id for row in straight[1].rows]
    assert len(set(ids)) == len(ids)


def test_phantoms_in_place_of_generated_pass_at_chance(
    straight: tuple[Measured, Comparison],
) -> None:
    rows = straight[1].rows
    for statistic in (*FIGURES, "change per"):
        chosen = judged(rows, statistic)
        assert len(chosen) >= 2 * 2 * len(LISTED)
        share = np.mean([row.verdict == "pass" for row in chosen])
        by_chance = np.mean([row.chance_verdict == "pass" for row in chosen])
        assert share >= 0.88
        assert abs(share - by_chance) <= 0.10
    for part in ("cells", "memory"):
        assert not failed([row for row in rows if row.part == part])
    assert copies(straight[1].neighbors) == []


def test_who_was_drawn_is_no_difference_of_means() -> None:
    """The first people are lighter than all: their phantoms pass all the same."""
    sets = drawn_sets(20, generated=128, fresh=128, training=0, each=0)
    people, everybody = (sets[n][0]["bmi_kg_m2"] for n in ("generated", "population"))
    assert np.mean(people**2) < 0.95 * np.mean(everybody**2)

    def grown_with_weight(tables: Tables) -> Tables:
        subjects, organs, embeddings = tables
        bmi = organs["subject_id"].map(subjects.set_index("subject_id")["bmi_kg_m2"])
        fat = organs["organ"] == "subcutaneous_fat"
        by_bmi = 17000 * (bmi / 27) ** 2 + 0.1 * organs["volume_ml"]
        grown = organs["volume_ml"].where(~fat, by_bmi)
        return subjects, organs.assign(volume_ml=grown), embeddings

    compared_sets = ("generated", "population", "fresh")
    grown = {name: grown_with_weight(sets[name]) for name in compared_sets}
    measured = joined(grown, pooled=True)
    wanted = "moments/mean difference/all/subcutaneous_fat/volume_ml"
    row = next(row for row in moment_rows(measured) if row.id == wanted)
    fat = ("subcutaneous_fat", "volume_ml")
    own, all_of_them = (
        measured.found(measured.of(name).index, fat).mean()
        for name in ("generated", "population")
    )
    assert 100 * (own / all_of_them - 1) < -5
    assert abs(row.value) < 1


def test_fewer_fresh_phantoms_than_generated_are_no_chance_level(sets: dict) -> None:
    fewer = drawn_sets(fresh=128, population=8, training=0, each=0)["fresh"]
    rows = rows_of({**sets, "fresh": fewer}, cells)
    assert {row.verdict for row in rows if row.organ == "all listed"} == {
        "inconclusive"
    }


def test_spread_beside_demographics_is_judged_by_the_rule_of_its_organ(
    straight: tuple[Measured, Comparison],
) -> None:
    rows = {row.id: row for row in straight[1].rows}
    for sex in ("F", "M"):
        for organ in LISTED:
            key = f"{sex}/{organ}/volume_ml"
            whole = rows[f"moments/SD ratio/{key}"]
            assert "value in bound" in whole.note or "interval touches" in whole.note
            beside = rows[f"slopes/SD ratio at same demographics/{key}"]
            assert beside.note == whole.note


def test_unlisted_organs_are_told_without_verdict(
    straight: tuple[Measured, Comparison],
) -> None:
    rows = [row for row in straight[1].rows if row.organ == "pancreas"]
    assert rows
    assert {row.verdict for row in rows} == {"info"}


def test_suv_eight_percent_too_high_is_named(sets: dict) -> None:
    def fault(organs: pd.DataFrame) -> None:
        organs["suv_mean"] *= 1.08

    wrong = failed(rows_of(changed(sets, fault), moment_rows, cells))
    for sex in ("F", "M"):
        for organ in ("liver", "brain", "muscle", "bone"):
            assert f"moments/mean difference/{sex}/{organ}/suv_mean" in wrong
            assert f"moments/mean difference/{sex}/{organ}/volume_ml" not in wrong
    assert "cells/share beyond 5 %/all/all listed/suv_mean" in wrong
    assert "cells/share beyond 5 %/all/all listed/volume_ml" not in wrong


def test_halved_spread_is_named_though_means_agree(sets: dict) -> None:
    def fault(organs: pd.DataFrame) -> None:
        mean = organs.groupby(["sex", "organ"])["volume_ml"].transform("mean")
        organs["volume_ml"] = mean + 0.5 * (organs["volume_ml"] - mean)

    rows = rows_of(changed(sets, fault), moment_rows, slope_rows)
    for statistic in ("SD ratio", "SD ratio at same demographics"):
        ratios = [
            r
            for r in judged(rows)
            if r.statistic == statistic and r.quantity == "volume_ml"
        ]
        assert {row.verdict for row in ratios} == {"fail"}
        assert np.median([row.value for row in ratios]) == pytest.approx(0.5, abs=0.05)
    means = [r for r in judged(rows, "mean difference") if r.quantity == "volume_ml"]
    assert np.mean([row.verdict == "pass" for row in means]) >= 0.88


def test_removed_bmi_slope_is_named(sets: dict) -> None:
    def fault(organs: pd.DataFrame) -> None:
        bmi = (organs["bmi_kg_m2"] - 27) / 5
        organs["suv_mean"] -= (
            0.08 * bmi * organs.groupby("organ")["suv_mean"].transform("mean")
        )

    rows = rows_of(changed(sets, fault), slope_rows)
    wrong = failed(rows)
    for organ in ("liver", "brain", "muscle"):
        assert f"slopes/change per 5 kg/m²/F/{organ}/suv_mean" in wrong
    assert "slopes/share of slopes outside chance/all/all listed/suv_mean" in wrong
    assert "slopes/share of slopes outside chance/all/all listed/volume_ml" not in wrong
    steps = [r for r in judged(rows, "per 10 cm") if r.quantity == "suv_mean"]
    assert np.mean([row.verdict == "pass" for row in steps]) >= 0.8


def test_copies_of_training_subjects_are_named(sets: dict) -> None:
    subjects, organs, embeddings = sets["generated"]
    known = sets["training"][2]
    copied = [f"generated-{i:06d}" for i in range(0, 512, 25)]
    theirs = dict(zip(copied, list(known.values())[100:], strict=False))
    wrong: Tables = (subjects, organs, {**embeddings, **theirs})
    rows, near = memory_and_neighbors({**sets, "generated": wrong})
    names = failed(rows)
    assert any("share nearer than 1 % of fresh: distance" in name for name in names)
    assert any("share nearer than 1 % of fresh: ratio" in name for name in names)
    found = copies(near)
    assert "memory/copies/all/of training" in names
    assert {c["subject_id"] for c in found} == set(copied)
    first = next(c for c in found if c["subject_id"] == copied[0])
    assert first["neighbor"] == "training-000100"


def test_subjects_alike_at_one_condition_are_named(sets: dict) -> None:
    subjects, organs, embeddings = sets["alike_generated"]
    same = {k: (v * 0.5).astype(np.int8) for k, v in embeddings.items()}
    rows, _ = memory_and_neighbors(
        {**sets, "alike_generated": (subjects, organs, same)}
    )
    ratios = judged(rows, "diversity ratio")
    assert len(ratios) == 4
    assert {row.verdict for row in ratios} == {"fail"}


def test_suv_share_above_one_fails(sets: dict) -> None:
    subjects, organs, embeddings = sets["generated"]
    hot = subjects.assign(suv_ml_field=subjects["suv_ml_field"] * 1.25)
    hot_sets = {**sets, "generated": (hot, organs, embeddings)}
    rows = rows_of(hot_sets, consistency_rows)
    assert {"consistency/largest/all/body/suv_share"} <= failed(rows)
    assert {"consistency/mean/all/body/suv_share"} <= failed(rows)


@pytest.mark.parametrize(
    ("scale", "offset_kg", "statistic"),
    [(1.05, 0.0, "bias at same demographics"), (0.8, 11.2, "slope on weight_kg")],
)
def test_wrong_mass_is_named(
    sets: dict, scale: float, offset_kg: float, statistic: str
) -> None:
    def fault(organs: pd.DataFrame) -> None:
        organs["mass_kg"] = scale * organs["mass_kg"] + offset_kg

    wrong = failed(rows_of(changed(sets, fault), consistency_rows))
    for sex in ("F", "M"):
        assert f"consistency/{statistic}/{sex}/body/mass_in_field_kg" in wrong
    assert not any("lung_top_to_hip" in name and "bias" in name for name in wrong)
