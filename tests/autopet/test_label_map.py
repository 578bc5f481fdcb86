"""Numbers of label images, and which organ each is."""

import csv
from pathlib import Path

import numpy as np
import pytest

from vct.anatomy import LABEL_OF
from vct.autopet.label_map import LabelMap, read_label_map, totalsegmentator_map
from vct.autopet.refusal import ScanError
from vct.errors import VctError

TABLE = Path("vct/autopet/totalsegmentator.csv")


def rows() -> list[dict[str, str]]:
    lines = (Path(__file__).parents[2] / TABLE).read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


class TestTotalSegmentator:
    def test_every_class_stands_once_in_order(self) -> None:
        assert [int(row["label"]) for row in rows()] == list(range(1, 118))
        assert len({row["class"] for row in rows()}) == 117

    def test_every_class_is_an_organ_or_says_why_not(self) -> None:
        for row in rows():
            assert row["organ"] in LABEL_OF or (not row["organ"] and row["remark"])

    def test_sides_are_kept(self) -> None:
        for row in rows():
            for side in ("left", "right"):
                if row["organ"].endswith(side):
                    assert side in row["class"]

    def test_organs_of_the_references_are_found(self) -> None:
        names = totalsegmentator_map().organs.rows
        assert {
            "liver", "spleen", "kidneys", "heart", "lungs", "brain", "aorta", "bowel",
            "spine", "bone", "urinary_bladder", "stomach", "pancreas", "gallbladder",
        } <= set(names)  # fmt: skip
        assert "muscle" not in names  # only some muscles have a class


def test_numbers_become_labels_and_strangers_nothing() -> None:
    found = LabelMap({3: "liver", 7: "spleen", 9: "liver"}).applied(
        np.array([0.0, 3.0, 5.0, 7.0, 9.0, 200.0])
    )
    liver, spleen = LABEL_OF["liver"], LABEL_OF["spleen"]
    np.testing.assert_array_equal(found, [0, liver, 0, spleen, liver, 0])


@pytest.mark.parametrize("numbers", [[0.0, 1.5], [-1.0, 1.0]])
def test_what_is_no_label_image_is_refused(numbers: list[float]) -> None:
    with pytest.raises(ScanError, match="its numbers are not labels"):
        LabelMap({1: "liver"}).applied(np.array(numbers))


@pytest.mark.parametrize(
    "text", ["1: liver\n4: spleen\n", '{"1": "liver", "4": "spleen"}']
)
def test_a_map_is_yaml_or_json(tmp_path: Path, text: str) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(text)
    assert read_label_map(path).organ_of == {1: "liver", 4: "spleen"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- liver", "must hold lines such as '5: liver'"),
        ("0: liver", "0 must be a whole number above 0"),
        ("liver: 1", "'liver' must be a whole number above 0"),
        ("1: livre", r"vct knows no organ 'livre'; did you mean liver\?"),
        ("1: [liver]", r"1: vct knows no organ \['liver'\]"),
        ("1: [", "cannot be read as YAML or JSON"),
    ],
)
def test_a_wrong_map_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(text)
    with pytest.raises(VctError, match=words):
        read_label_map(path)
