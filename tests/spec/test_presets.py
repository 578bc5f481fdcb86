"""Presets: their counts, their words, their sources."""

from typing import get_args

import pytest

from vct.spec import find_preset
from vct.spec.presets import MODEL_RANGE, PresetName, data

NAMES = get_args(PresetName)


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_says_its_source_and_what_its_cut_removes(name: str) -> None:
    preset = find_preset(name)
    assert "doi 10.7937/gkr0-xv29" in preset.description or name == "nhanes"
    assert ("no lesions are drawn" in preset.description) == (name != "nhanes")
    assert ("an assumption" in preset.description) == (name != "nhanes")
    assert preset.description.count("(removes ") == len(MODEL_RANGE)
    assert set(preset.removed) == set(MODEL_RANGE)
    assert all(0 <= share < 0.05 for share in preset.removed.values())


def test_the_diagnoses_add_up_to_the_whole() -> None:
    whole = find_preset("autopet-fdg")
    for sex in "FM":
        parts = [find_preset(n).by_sex(sex) for n in NAMES if n.count("-") >= 2]
        assert len(parts) == 4
        assert whole.by_sex(sex) == tuple(map(sum, zip(*parts, strict=True)))


def test_autopet_has_the_published_number_of_patients() -> None:
    # 900 patients, of whom 4 without sex; 6 are younger than 18 or 90 and older.
    assert data()["autopet"]["n"] == 896
    whole = find_preset("autopet-fdg")
    assert sum(whole.by_sex("F")) + sum(whole.by_sex("M")) == 890
    assert (whole.edges[0], whole.edges[-1]) == MODEL_RANGE["age_years"]
