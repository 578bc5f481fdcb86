"""Measured people as a table: what adds, what averages, what is left over."""

from pathlib import Path

import pytest

from vct.phantom.measured_people import (
    STRUCTURES_OF,
    activity_share,
    measured_people,
    partial_volumes_ml,
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One made-up woman: every structure holds 10 mL of SUV 2, the rest by hand."""
    folder = tmp_path / "hedypet"
    folder.mkdir()
    (folder / "subjects.csv").write_text(
        "subject,sex,age_band,weight_kg,height_m,bmi_kg_m2,injected_mbq\n"
        "sub-a,F,50-69,64,1.6,25,200\n"
    )
    rows = ["subject,source,organ,volume_ml,suv_mean,suv_sd"]
    tissues = {"skeletal_muscle", "subcutaneous_fat", "visceral_fat"}
    names = {s for group in STRUCTURES_OF.values() for s in group}
    for name in sorted(names - {"lung_upper_lobe_left", "gallbladder"}):
        source = "ts_tissue" if name in tissues else "ts_total"
        rows.append(f"sub-a,{source},{name},10,2,0")
    rows.append("sub-a,ts_total,lung_upper_lobe_left,30,6,0")
    rows.append("sub-a,ts_total,gallbladder,0.5,1,0")
    rows.append("sub-a,ts_total,gluteus_maximus_left,400,9,0")  # part of the muscle
    named = 10 * (len(names) - 2) + 30 + 0.5
    activity = 20 * (len(names) - 2) + 180 + 0.5
    rows.append(
        f"sub-a,ts_body,trunk,{named + 100},{(activity + 120) / (named + 100)},0"
    )
    (folder / "organs.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_volumes_add_and_uptake_averages(data: Path) -> None:
    people, table = measured_people(data)
    assert people[0].age_years == 60.0
    row = table.iloc[0]
    assert row["volume_ml/lung_left"] == 40.0
    assert row["suv/lung_left"] == pytest.approx((30 * 6 + 10 * 2) / 40)
    assert row["suv/vertebrae"] == pytest.approx(2.0)


def test_an_empty_gallbladder_has_a_logarithm(data: Path) -> None:
    _, table = measured_people(data)
    assert table.iloc[0]["volume_ml/gallbladder"] == 3.0


def test_what_has_no_name_is_the_body_less_everything_named(data: Path) -> None:
    _, table = measured_people(data)
    assert table.iloc[0]["suv/other_soft_tissue"] == pytest.approx(1.2)


def test_activity_is_told_by_the_weight(data: Path) -> None:
    names = {s for group in STRUCTURES_OF.values() for s in group}
    activity = 20 * (len(names) - 2) + 180 + 0.5 + 120
    assert activity_share(data).iloc[0] == pytest.approx(activity / 64_000)


def test_bone_is_the_sum_of_its_parts(data: Path) -> None:
    volumes = partial_volumes_ml(data / "hedypet" / "organs.csv").iloc[0]
    assert volumes["bone"] == 10 * (17 + 1 + 2 + 2 + 2 + 24 + 1 + 2 + 2)
    assert volumes["muscle"] == 10


def test_a_folder_without_people_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"subjects\.csv"):
        measured_people(tmp_path)
