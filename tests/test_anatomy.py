"""The organ lists: labels, groups and codes."""

import pytest

from vct.anatomy import (
    CURRENT_LIST,
    LABEL_OF,
    ORGAN_LISTS,
    ORGANS,
    Organ,
    OrganList,
    part_list,
)
from vct.phantom.structures import STRUCTURES, organ_lut

EVERY_ORGAN = {organ.name: organ for known in ORGAN_LISTS for organ in known.organs}


def test_a_voxel_value_means_one_organ_in_all_lists() -> None:
    values = {organ.label for organ in EVERY_ORGAN.values()}
    assert len(values) == len(EVERY_ORGAN) == len(LABEL_OF)
    assert all(0 < value < 256 for value in values)


def test_labels_of_the_current_list_are_its_classes() -> None:
    assert [organ.label for organ in ORGANS] == list(range(1, len(ORGANS) + 1))
    assert len(ORGANS) >= 20


@pytest.mark.parametrize("organs", ORGAN_LISTS)
def test_groups_are_made_of_organs_and_are_none(organs: OrganList) -> None:
    for group, parts in organs.groups.items():
        assert group not in organs.names
        assert set(parts) <= set(organs.names)
        assert len(set(parts)) == len(parts) > 1


def test_phantoms_paint_every_organ_of_the_current_list() -> None:
    assert {structure.organ for structure in STRUCTURES} == set(CURRENT_LIST.names)
    assert max(organ_lut()) == len(ORGANS)


@pytest.mark.parametrize("organ", EVERY_ORGAN.values(), ids=EVERY_ORGAN)
def test_snomed_codes_have_their_check_digit(organ: Organ) -> None:
    """SNOMED CT identifiers end in a Verhoeff check digit."""
    code, meaning = organ.snomed
    assert verhoeff(code) == 0
    assert meaning


def verhoeff(digits: str) -> int:
    """0 for a number that carries its Verhoeff check digit (dihedral group D5)."""

    def product(a: int, b: int) -> int:
        turned, mirrored = a % 5, a >= 5
        other = b % 5
        rotation = turned - other if mirrored else turned + other
        return rotation % 5 + (5 if mirrored != (b >= 5) else 0)

    permutation = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
    while len(permutation) < 8:
        permutation.append([permutation[-1][d] for d in permutation[1]])
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = product(check, permutation[place % 8][int(digit)])
    return check


def test_a_part_of_the_organs_keeps_the_groups_it_holds_whole() -> None:
    found = part_list(["kidney_right", "liver", "kidney_left", "lung_left"])
    assert found.names == ("liver", "kidney_left", "kidney_right", "lung_left")
    assert found.groups == {"kidneys": ("kidney_left", "kidney_right")}


def test_an_organ_named_as_a_group_takes_its_place() -> None:
    found = part_list(["bowel", "small_bowel", "colon", "bowel_gas"])
    assert found.rows.count("bowel") == 1
