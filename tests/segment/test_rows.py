"""A number or a reason: never a wrong number."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vct.anatomy import CURRENT_LIST, FIRST_LIST, ORGAN_LISTS
from vct.grid import whole_body_grid
from vct.segment.measure import COLUMNS, measured
from vct.segment.plausible import plausible_range_ml
from vct.segment.rows import STATUSES, OrganMeasurement, organ_rows, status_of

GRID = whole_body_grid(4.0)
WHOLE = OrganMeasurement(
    organ="liver", source="segmenter", status="ok", volume_ml=1500.0,
    volume_error_ml=20.0, suv_mean=2.2, suv_sd=0.3, suv_max=4.0, hu_mean=100.0,
    hu_sd=12.0, mass_kg=1.6, touches_edge=False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "sex", "status"),
    [
        ({}, "F", "ok"),
        ({"volume_error_ml": math.nan}, "F", "ok"),
        ({"volume_ml": 0.0}, "F", "not_found"),
        ({"touches_edge": True}, "F", "cut_by_field"),
        ({"volume_ml": 150.0}, "F", "implausible_volume"),
        ({"volume_ml": 150.0}, None, "ok"),
        ({"volume_ml": 9000.0}, "M", "implausible_volume"),
        ({"volume_error_ml": 400.0}, "M", "uncertain"),
        ({"organ": "bone", "touches_edge": True}, "M", "in_field"),
        ({"organ": "bone", "volume_error_ml": 400.0}, "M", "uncertain"),
        ({"organ": "prostate", "volume_ml": 20.0}, "F", "not_applicable"),
        ({"organ": "prostate", "volume_ml": 20.0, "volume_error_ml": 1.0}, "M", "ok"),
    ],
)
def test_status(changes: dict, sex: str | None, status: str) -> None:
    assert status in STATUSES
    assert status_of(replace(WHOLE, **changes), sex) == status


def rows_of(sex: str, **organs: dict[str, float]) -> dict[str, OrganMeasurement]:
    """The rows that some organs' sums give, all other organs absent."""
    names = measured(CURRENT_LIST)
    table = [[0.0] * len(COLUMNS) for _ in names]
    for organ, sums in organs.items():
        for column, value in sums.items():
            table[names.index(organ)][COLUMNS.index(column)] = value
    rows = organ_rows(table, GRID, sex=sex, error_per_doubt=dict.fromkeys(organs, 0.5))
    return {row.organ: row for row in rows}


def row_of(organ: str, sex: str, **sums: float) -> OrganMeasurement:
    return rows_of(sex, **{organ: sums})[organ]


def test_a_refused_organ_has_no_numbers() -> None:
    n = 1500 / GRID.voxel_ml
    told = row_of("liver", "F", voxels=n, suv_sum=2 * n, hu_sum=60 * n)
    assert (told.status, told.volume_ml, told.suv_mean) == ("ok", 1500.0, 2.0)
    cut = row_of("liver", "F", voxels=n, suv_sum=2 * n, edge_voxels=n / 10)
    assert cut.status == "cut_by_field"
    for name in ("volume_ml", "suv_mean", "suv_max", "hu_mean", "hu_sd", "mass_kg"):
        assert math.isnan(getattr(cut, name))


def test_expected_error_is_doubt_times_the_calibrated_factor() -> None:
    n = 1500 / GRID.voxel_ml
    doubt = 100 / GRID.voxel_ml
    assert row_of("liver", "M", voxels=n, doubt_voxels=doubt).volume_error_ml == 50.0
    doubt = 700 / GRID.voxel_ml
    assert row_of("liver", "M", voxels=n, doubt_voxels=doubt).status == "uncertain"


@pytest.mark.parametrize(
    ("left", "status"),
    [
        ({"ml": 150.0}, "ok"),
        ({"ml": 0.0}, "not_found"),
        ({"ml": 20.0}, "implausible_volume"),
        ({"ml": 150.0, "edge": 50.0}, "cut_by_field"),
        ({"ml": 150.0, "doubt": 150.0}, "ok"),
    ],
)
def test_one_kidney_is_never_told_as_two(left: dict[str, float], status: str) -> None:
    def kidney(ml: float, edge: float = 0.0, doubt: float = 0.0) -> dict[str, float]:
        n = ml / GRID.voxel_ml
        return {
            "voxels": n,
            "suv_sum": 3 * n,
            "edge_voxels": edge,
            "doubt_voxels": doubt / GRID.voxel_ml,
        }

    both = kidney(left["ml"] + 150.0)
    rows = rows_of("F", kidney_left=kidney(**left), kidney_right=kidney(150.0),
                   kidneys=both)  # fmt: skip
    assert rows["kidney_right"].status == "ok"
    told = rows["kidneys"]
    assert told.status == status
    assert math.isnan(told.volume_ml) == math.isnan(told.suv_mean) == (status != "ok")


@given(
    organ=st.sampled_from(CURRENT_LIST.rows),
    sex=st.sampled_from("FM"),
    volume_ml=st.floats(0.0, 1e5),
    error=st.floats(0.0, 1.0),
    touches=st.booleans(),
)
def test_what_is_told_is_plausible_whole_and_certain(
    organ: str, sex: str, volume_ml: float, error: float, touches: bool
) -> None:
    row = replace(
        WHOLE, organ=organ, volume_ml=volume_ml, touches_edge=touches,
        volume_error_ml=error * volume_ml,
    )  # fmt: skip
    if status_of(row, sex) != "ok":
        return
    assert not touches
    assert error <= 0.2 + 1e-9
    between = plausible_range_ml(organ, sex)
    assert between is None or between[0] <= volume_ml <= between[1]


def test_rows_of_the_first_models_keep_their_names() -> None:
    rows = measured(FIRST_LIST)
    assert {"bowel", "spine", "muscle", "other_bone", "bone", "kidneys"} <= set(rows)
    # What the report and the references call by one name is there in every list.
    for organs in ORGAN_LISTS:
        assert {"bowel", "spine", "bone", "muscle", "kidneys", "lungs", "body"} <= set(
            organs.rows
        )


@pytest.mark.parametrize("organ", ["liver", "brain", "kidneys", "lungs", "pancreas"])
def test_plausible_ranges_hold_ordinary_adults(organ: str) -> None:
    ordinary = {
        "liver": (1000, 2600), "brain": (1050, 1650), "kidneys": (180, 500),
        "lungs": (2000, 7500), "pancreas": (45, 150),
    }  # fmt: skip
    for sex in "FM":
        low, high = plausible_range_ml(organ, sex) or (math.inf, -math.inf)
        assert low < ordinary[organ][0] < ordinary[organ][1] < high


def test_the_reference_page_lists_what_the_tables_hold() -> None:
    page = Path("docs/reference/organs.md").read_text()
    for organ in CURRENT_LIST.organs:
        assert f"| {organ.label} | `{organ.name}` | {organ.snomed[0]} |" in page
    for group, parts in CURRENT_LIST.groups.items():
        assert f"| `{group}` | {', '.join(f'`{part}`' for part in parts)} |" in page
    for status, meaning in STATUSES.items():
        assert f"| `{status}` | {meaning} |" in page
