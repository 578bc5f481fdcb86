"""From long tables to what is compared; what is missing is said."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.training.agreement.synthetic import drawn_sets, joined
from vct.errors import CohortError
from vct.training.agreement.cells import cell_of, cell_table
from vct.training.agreement.members import SetName
from vct.training.agreement.tables import (
    LENGTH,
    LISTED,
    MASS,
    measured_of,
    read_measured,
)

SETS = drawn_sets(3, generated=40, population=60, fresh=40, training=0, each=0)


def refused(sets: dict, name: SetName, organ: str) -> dict:
    """The sets with one organ refused in everybody of one set."""
    subjects, organs, embeddings = sets[name]
    numbers = ["volume_ml", "suv_mean"]
    gone = organs.copy()
    gone.loc[gone["organ"] == organ, numbers] = np.nan
    return {**sets, name: (subjects, gone, embeddings)}


def test_refused_numbers_stay_missing() -> None:
    subjects, organs, embeddings = SETS["population"]
    gone = organs.copy()
    one = gone["subject_id"].eq("population-000003") & gone["organ"].eq("liver")
    gone.loc[one, ["volume_ml", "suv_mean"]] = np.nan
    measured = joined({**SETS, "population": (subjects, gone, embeddings)})
    found = measured.found(measured.of("population").index, ("liver", "volume_ml"))
    assert np.isnan(found).tolist() == [i == 3 for i in range(60)]


def test_an_organ_that_most_phantoms_do_not_tell_is_found_in_nobody() -> None:
    measured = joined(refused(SETS, "population", "spleen"))
    own = measured.of("generated").index
    assert np.isnan(measured.found(own, ("spleen", "volume_ml"))).all()
    assert ("spleen", "volume_ml") in list(measured.measures())


def test_an_unlisted_organ_that_most_phantoms_do_not_tell_is_left_out() -> None:
    measured = joined(refused(SETS, "population", "pancreas"))
    assert "pancreas" not in {organ for organ, _ in measured.measures()}


def test_listed_organs_come_first_and_others_follow() -> None:
    organs = list(dict.fromkeys(organ for organ, _ in joined(SETS).measures()))
    assert organs[: len(LISTED)] == list(LISTED)
    assert "pancreas" in organs[len(LISTED) :]


def test_trunk_length_ends_at_the_spine_where_no_femur_is_known() -> None:
    subjects, organs, _ = SETS["population"]
    generated = SETS["generated"]
    every = pd.concat([organs, generated[1]])
    spine = every[every["organ"] == "femurs"].assign(
        organ="spine", z_low_mm=-610.0, z_high_mm=-20.0
    )
    both = pd.concat([subjects, generated[0]])
    with_femurs = measured_of(both, every)
    without = measured_of(both, pd.concat([every[every["organ"] != "femurs"], spine]))
    assert set(without.values["body", LENGTH]) == {610.0}
    height = with_femurs.subjects["height_m"]
    assert np.corrcoef(with_femurs.values["body", LENGTH], height)[0, 1] > 0.8
    assert (with_femurs.values["body", MASS] < with_femurs.subjects["weight_kg"]).all()


def test_every_person_is_in_one_of_eighteen_cells() -> None:
    people = pd.DataFrame(
        {
            "sex": ["F", "M", "F"],
            "age_years": [49.99, 50.0, 65.0],
            "bmi_kg_m2": [24.99, 25.0, 30.0],
        }
    )
    assert cell_of(people).to_list() == [
        "F <50 y <25 kg/m²",
        "M 50-65 y 25-30 kg/m²",
        "F >65 y >30 kg/m²",
    ]
    big = drawn_sets(5, generated=0, population=400, fresh=0, training=0, each=0)
    cells = cell_of(big["population"][0])
    assert cells.nunique() == 18


def test_pooled_groups_have_one_row_for_both_sexes() -> None:
    measured = joined(SETS, pooled=True)
    assert measured.groups == ("all",)
    assert len(measured.of("generated", "all")) == 40
    assert not cell_table(measured)["cell"].str.startswith(("F", "M")).any()


def test_images_of_strangers_are_refused() -> None:
    subjects, organs, embeddings = SETS["population"]
    weights = subjects["weight_kg"].to_numpy()[::-1]
    strangers = subjects.assign(weight_kg=weights)
    with pytest.raises(CohortError, match="cache rendered with this --cache-seed"):
        joined({**SETS, "population": (strangers, organs, embeddings)})


def test_missing_tables_and_sets_are_said(tmp_path: Path) -> None:
    with pytest.raises(
        CohortError, match=r"subjects.parquet is missing; run 'measure'"
    ):
        read_measured(tmp_path)
    subjects, organs, _ = SETS["population"]
    with pytest.raises(CohortError, match="no subject of the set 'generated'"):
        measured_of(subjects, organs)
