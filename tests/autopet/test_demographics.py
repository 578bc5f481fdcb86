"""Who was scanned: which source is believed, what is absurd, what is unknown."""

from pathlib import Path

import pytest

from vct.autopet.beside import HeaderIndex
from vct.autopet.demographics import (
    Demographics,
    believed,
    merged,
    study_key,
    subject_key,
)
from vct.autopet.demographics_table import DemographicsTable, is_metadata_table
from vct.errors import VctError

SUBJECT = "PETCT_0011f3deaf"


def table(tmp_path: Path, text: str) -> DemographicsTable:
    path = tmp_path / "people.csv"
    path.write_text(text)
    return DemographicsTable(path)


def test_the_first_source_wins_and_disagreement_is_said() -> None:
    header = Demographics(age_years=63.0, weight_kg=68.0)
    row = Demographics(age_years=75.0, sex="F", weight_kg=68.2)
    person, notes = merged([("the header", header), ("the table", row)])
    assert person == Demographics(63.0, "F", None, 68.0)
    assert notes == ["age_years is 63 in the header (taken), 75 in the table"]


@pytest.mark.parametrize(
    ("person", "lost"),
    [
        (Demographics(age_years=140.0), "age_years 140"),
        (Demographics(height_m=172.0), "height_m 172"),
        (Demographics(weight_kg=0.0), "weight_kg 0"),
        (Demographics(height_m=1.05, weight_kg=120.0), "bmi_kg_m2 108.844"),
    ],
)
def test_absurd_values_are_listed_and_left_out(person: Demographics, lost: str) -> None:
    sane, absurd = believed(person)
    assert sane == Demographics()
    assert absurd[0].startswith(lost)


def test_sane_values_stay() -> None:
    person = Demographics(63.0, "F", 1.68, 68.0)
    assert believed(person) == (person, [])
    assert person.unknown == ()
    assert person.bmi_kg_m2 == pytest.approx(68 / 1.68**2)


def test_subjects_match_in_every_spelling(tmp_path: Path) -> None:
    people = table(tmp_path, "subject_id,sex\n0011f3deaf,F\n")
    for spelling in (SUBJECT, "fdg_0011f3deaf", "0011F3DEAF"):
        found = people.find(spelling)
        assert found is not None
        assert found.sex == "F"
    assert people.find("PETCT_other") is None


def test_studies_of_one_subject_keep_their_own_values(tmp_path: Path) -> None:
    """What differs between studies is not guessed when the study is not told."""
    first, second = "01-02-2003-NA-PET-CT-00001", "05-06-2007-NA-PET-CT-00002"
    people = table(
        tmp_path,
        "Subject ID,File Location,age,sex\n"
        f"{SUBJECT},./FDG-PET-CT-Lesions/{SUBJECT}/{first}/2.0-GK-1,063Y,F\n"
        f"{SUBJECT},./FDG-PET-CT-Lesions/{SUBJECT}/{second}/2.0-GK-1,067Y,F\n",
    )
    known = people.find(SUBJECT, second)
    assert known is not None
    assert known.age_years == 67.0
    unknown = people.find(SUBJECT, "another")
    assert unknown is not None
    assert (unknown.age_years, unknown.sex) == (None, "F")


def test_another_visit_tells_sex_and_height_only(tmp_path: Path) -> None:
    """Four years on, the age is another and the weight may be."""
    first, second = "01-02-2003-NA-PET-CT-00001", "05-06-2007-NA-PET-CT-00002"
    people = table(
        tmp_path,
        "subject_id,study,age_years,sex,height_m,weight_kg,diagnosis\n"
        f"{SUBJECT},{first},63,F,1.65,70,LYMPHOMA\n"
        "other,,50,M,1.80,80,NEGATIVE\n",
    )
    assert people.find(SUBJECT, second) == Demographics(sex="F", height_m=1.65)
    for study in (first, "scan2"):  # the same visit; one that tells no date
        known = people.find(SUBJECT, study)
        assert known is not None
        assert (known.age_years, known.weight_kg) == (63.0, 70.0)
    of_everything = people.find("other", second)  # told of no study
    assert of_everything is not None
    assert of_everything.weight_kg == 80.0


def test_so_does_the_header_of_another_visit() -> None:
    first, second = "01-02-2003-NA-PET-CT-00001", "05-06-2007-NA-PET-CT-00002"
    index = HeaderIndex({})
    known = Demographics(63.0, "F", 1.65, 70.0)
    told = [("the PET header", known)]
    index._studies[subject_key(SUBJECT), study_key(first)] = told
    assert index.find(SUBJECT, first) == told
    lasting = Demographics(sex="F", height_m=1.65)
    assert index.find(SUBJECT, second) == [("the PET header", lasting)]
    assert index.find(SUBJECT, "scan2") == told


def test_centimeters_and_semicolons(tmp_path: Path) -> None:
    people = table(tmp_path, "subject_id;height_cm;weight_kg\nA;172;70\nB;1720;70\n")
    found = people.find("A")
    assert found is not None
    assert found.height_m == 1.72
    assert people.absurd == ["B: height_m 17.2 is outside 1 to 2.3: left out"]


def test_decimal_commas_where_commas_part_nothing(tmp_path: Path) -> None:
    header = "subject_id;age_years;height_m;weight_kg;height_cm"
    people = table(tmp_path, f"{header}\nA;63,5;1,65;70,5;\nB;063Y;;70.5;172,5\n")
    assert people.find("A") == Demographics(63.5, None, 1.65, 70.5)
    assert people.find("B") == Demographics(63.0, None, 1.725, 70.5)
    assert people.absurd == []


def test_cells_that_cannot_be_read_are_listed(tmp_path: Path) -> None:
    people = table(
        tmp_path,
        "subject_id,age_years,sex,height_m,weight_kg\n"
        'A,63 or so,w,"1,65",70\nB,,NA,, \n',
    )
    assert people.find("A") == Demographics(weight_kg=70.0)
    assert people.absurd == [
        "A: age_years '63 or so' cannot be read: left out",
        "A: sex 'w' cannot be read: left out",
        "A: height_m '1,65' cannot be read: left out",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,sex\nA,F\n", "no column 'subject_id'"),
        ("subject_id,height\nA,172\n", "'height' has no unit; name it 'height_m'"),
        ("subject_id,Weight\nA,70\n", "'Weight' has no unit; name it 'weight_kg'"),
        ("", "cannot be read as a CSV table"),
    ],
)
def test_tables_that_say_too_little_are_refused(
    text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(VctError, match=message):
        table(tmp_path, text)


def test_metadata_are_told_from_other_tables(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('\ufeff"Subject ID","diagnosis","age","sex"\n', encoding="utf-8")
    assert is_metadata_table(path)
    path.write_text("epoch,loss\n")
    assert not is_metadata_table(path)
