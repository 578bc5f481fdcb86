"""Comparison tables on the page and in files."""

import pandas as pd
import pytest

from tests.report.compared import compared_tables
from vct.report.comparison_rows import comparison_tables, significant
from vct.report.export import write_tables
from vct.report.page_table import MOST_ROWS, PageTable, figure, named, text


@pytest.fixture(scope="module")
def source():
    return compared_tables()


@pytest.fixture(scope="module")
def tables(source):
    return named(comparison_tables(source))


def test_every_comparison_is_in_one_table_of_means(source, tables):
    keys = ["organ", "quantity", "group", "reference"]
    both = pd.concat([tables["means"].data, tables["subgroups"].data])
    assert len(both) == len(source["comparisons"])
    assert set(map(tuple, both[keys].to_numpy())) == set(
        map(tuple, source["comparisons"][keys].to_numpy())
    )


def test_failed_subgroups_come_first(tables):
    verdicts = tables["subgroups"].data["verdict"].tolist()
    order = {"fail": 0, "inconclusive": 1, "pass": 2, "info": 3}
    assert verdicts == sorted(verdicts, key=order.__getitem__)
    assert verdicts[0] == "fail"


def test_numbers_sort_by_value_not_by_words(tables):
    for row, shown in zip(
        tables["means"].data.itertuples(), tables["means"].rows, strict=True
    ):
        cells = {field.title: cell for field, cell in shown.cells}
        value = cells["difference [%]"].value
        assert (float(value) if value else None) == pytest.approx(
            row.difference_percent
        )
        assert shown.verdict == row.verdict


def test_files_hold_what_the_tables_hold(tables, tmp_path):
    folder = write_tables(tables.values(), tmp_path)
    for name, table in tables.items():
        parquet = pd.read_parquet(folder / f"{name}.parquet")
        pd.testing.assert_frame_equal(
            parquet, table.data.reset_index(drop=True), check_dtype=False
        )
        csv = pd.read_csv(folder / f"{name}.csv")
        assert list(csv) == list(parquet)
        assert len(csv) == len(parquet)


def test_a_table_of_an_earlier_report_does_not_stay(tables, tmp_path):
    folder = write_tables(tables.values(), tmp_path)
    write_tables([tables["means"]], tmp_path)
    assert {path.stem for path in folder.iterdir()} == {"means"}
    assert not [p for p in tmp_path.rglob("*") if "partial" in p.name]


def test_the_page_shows_a_long_table_in_part():
    df = pd.DataFrame({"name": "x", "n": range(MOST_ROWS + 5)})
    fields = (text("name", "name"), figure("n", "n"))
    table = PageTable("long", "Long", df, fields)
    assert len(table.rows) == MOST_ROWS
    assert table.left_out == 5


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.012345, "+0.0123"), (-12345.0, "−12300"), (0.0, "0"), (float("nan"), "–")],
)
def test_slopes_have_three_digits(value, words):
    assert significant(value) == words
