"""Tables of fixed subjects: what is read, what is refused with its rows."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.spec.strategies import spec_data
from vct.errors import SpecError
from vct.spec import CohortSpec, load_spec
from vct.spec.fixed import find_table, read_fixed

GOOD = "subject_id,sex,age_years,height_m,bmi_kg_m2\nA1,F,60,1.6,25\nA2,M,50,1.8,27\n"


def write(folder: Path, text: str, name: str = "people.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_a_table_is_read(tmp_path: Path) -> None:
    columns = read_fixed(write(tmp_path, "\ufeff" + GOOD)).columns
    assert columns["subject_id"] == ("A1", "A2")
    assert columns["height_m"] == (1.6, 1.8)


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("sign", [".", ","])
def test_tables_of_spreadsheets_are_read_with_their_decimal_sign(
    separator: str, sign: str, tmp_path: Path
) -> None:
    text = GOOD.replace(",", separator).replace(".", sign)
    assert read_fixed(write(tmp_path, text)).columns == (
        read_fixed(write(tmp_path, GOOD, "plain.csv")).columns
    )


def test_rows_of_parquet_are_counted_as_subjects(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    table = {"sex": ["F", "X"], "age_years": [60, 50], "height_m": [1.6, 1.8]}
    pq.write_table(pa.table({**table, "bmi_kg_m2": [25, 27]}), path)
    with pytest.raises(SpecError, match="sex is not F or M in row 2"):
        read_fixed(path)


def test_the_size_is_that_of_the_table(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    data = spec_data(subjects_file="people.csv")
    del data["size"], data["population"]
    spec = CohortSpec.model_validate(data, context={"folder": tmp_path})
    assert spec.size == 2
    assert spec.subjects_file == tmp_path / "people.csv"
    with pytest.raises(ValueError, match="has 2 subjects, the size is 3"):
        CohortSpec.model_validate({**data, "size": 3}, context={"folder": tmp_path})
    with pytest.raises(ValueError, match="fixed by subjects_file; leave population"):
        CohortSpec.model_validate(
            spec_data(subjects_file="people.csv", size=2), context={"folder": tmp_path}
        )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("age_years", "age", "the column age_years is missing ('age' is not it: names"),
        ("bmi_kg_m2", "other", "the column bmi_kg_m2 or weight_kg is missing"),
        ("subject_id", "subject_ids", "subject_ids is unknown; did you mean 'subject_"),
        ("A2,M,50", "A2,M,", "age_years is no number in line 3 (the first is empty)"),
        (
            "A2,M,50",
            "A2,M,NaN",
            "age_years is no number in line 3 (the first is 'NaN')",
        ),
        ("A2,M,50", "A2,M,150", "age_years is not 0 to 120 in line 3 (150)"),
        ("1.8", "180", "height_m is not 0.4 to 2.6 in line 3 (180)"),
        (",M,", ",male,", "sex is not F or M in line 3 ('male')"),
        ("A2", "a1", "subject_id 'a1' stands in lines 2, 3"),
        ("A2", "../A2", "subject_id must be letters, digits, '.', '_' or '-'"),
        ("A2", "", "subject_id must be letters, digits"),
        ("A2", "A" * 61, "'.', '_' or '-', at most 60, in line 3"),
        (",27", "", "line 3 not of 5 columns as the header"),
        ("1.6,25", "1,6,25", "may have a decimal comma only where semicolons or tabs"),
        ("sex", "Sex", "the column 'Sex' must be written 'sex'"),
        ("subject_id", "Subject_ID", "'Subject_ID' must be written 'subject_id'"),
        ("bmi_kg_m2", "BMI_kg_m2", "'BMI_kg_m2' must be written 'bmi_kg_m2'"),
        (
            "sex",
            "sex_code",
            "the column sex is missing ('sex_code' is not it: write 'sex')",
        ),
        ("A1,F,60", "\n\nA1,X,60", "sex is not F or M in line 4 ('X')"),
        ("height_m", "sex", "the column sex is there twice"),
        ("A1,F,60,1.6,25\nA2,M,50,1.8,27\n", "", "it has no subjects"),
        (GOOD, "", "the column sex is missing (there are none)"),
    ],
)
def test_what_is_refused(old: str, new: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as error:
        read_fixed(write(tmp_path, GOOD.replace(old, new)))
    assert told in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "people.csv"))


def test_all_problems_of_a_table_are_told(tmp_path: Path) -> None:
    rows = "\n".join(f"A{i},X,oops,1.6,25" for i in range(9))
    with pytest.raises(SpecError) as error:
        read_fixed(write(tmp_path, GOOD + rows))
    assert "sex is not F or M in lines 4, 5, 6, 7, 8 and 4 more" in str(error.value)
    assert "age_years is no number in lines 4, 5, 6, 7, 8 and 4" in str(error.value)


def test_weight_and_bmi_must_agree(tmp_path: Path) -> None:
    text = "sex,age_years,height_m,bmi_kg_m2,weight_kg\nF,60,1.6,25,{}\n"
    assert read_fixed(write(tmp_path, text.format(64.2)))  # as a clinic rounds it
    with pytest.raises(SpecError, match="weight_kg is not bmi_kg_m2 times height_m"):
        read_fixed(write(tmp_path, text.format(70)))
    only_weight = "sex,age_years,height_m,weight_kg\nF,60,1.6,900\n"
    with pytest.raises(SpecError, match="give a BMI beyond 8 to 120 in line 2"):
        read_fixed(write(tmp_path, only_weight))


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"must end in \.csv or \.parquet"):
        read_fixed(write(tmp_path, GOOD, "people.xlsx"))
    with pytest.raises(SpecError, match="cannot be read as Parquet"):
        read_fixed(write(tmp_path, GOOD, "people.parquet"))
    (tmp_path / "bin.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(SpecError, match="cannot be read as CSV"):
        read_fixed(tmp_path / "bin.csv")
    with pytest.raises(SpecError, match="No such file"):
        read_fixed(tmp_path / "no.csv")


def test_a_built_cohort_carries_its_own_table(tmp_path: Path) -> None:
    assert find_table(tmp_path, Path("people.csv")) == tmp_path / "people.csv"
    write(tmp_path, "{}", "run.json")
    built = write(tmp_path, "", "subjects.parquet")
    assert find_table(tmp_path, Path("people.csv")) == built
    there = write(tmp_path, GOOD)
    assert find_table(tmp_path, Path("people.csv")) == there


def test_an_arm_the_spec_does_not_name(tmp_path: Path) -> None:
    write(tmp_path, "arm,sex,age_years,height_m,bmi_kg_m2\nc,F,60,1.6,25\n")
    data = spec_data(
        subjects_file="people.csv", size=1, arms=[{"name": "a"}, {"name": "b"}]
    )
    del data["population"]
    with pytest.raises(ValueError, match="has the arm 'c', which arms does not name"):
        CohortSpec.model_validate(data, context={"folder": tmp_path})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("5", "3:16  subjects_file: must be the name of one file, such as people.csv"),
        ("[a.csv]", "3:1  subjects_file: must be the name of one file"),
        ("{a: 1}", "3:1  subjects_file: must be the name of one file"),
        (r'"a\0b.csv"', r"a\x00b.csv': is no name of a file (embedded null byte)"),
    ],
)
def test_what_names_no_table_is_told_in_its_line(
    tmp_path: Path, given: str, told: str
) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(
        f"version: 1\nname: x\nsubjects_file: {given}\nseed: 1\n"
        "protocol: {injected_mbq: 300, uptake_min: 60}\n"
    )
    with pytest.raises(SpecError) as error:
        load_spec(path)
    assert told in str(error.value)
    assert str(error.value).count("spec.yaml:") == 1


def test_a_table_that_cannot_even_be_looked_for_is_told(tmp_path: Path) -> None:
    data = spec_data(subjects_file="x" * 300 + ".csv")
    del data["size"], data["population"]
    with pytest.raises(ValueError, match=r"cannot be read \(File name too long\)"):
        CohortSpec.model_validate(data, context={"folder": tmp_path})
