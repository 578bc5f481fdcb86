"""Rows of comparisons are told as Markdown."""

from vct.phantom.markdown import markdown


def test_keys_are_the_head_and_every_row_is_a_line() -> None:
    rows = [{"organ": "liver", "Dice": "0.77"}, {"organ": "heart", "Dice": ""}]
    assert markdown(rows).splitlines() == [
        "| organ | Dice |",
        "|---|---|",
        "| liver | 0.77 |",
        "| heart |  |",
    ]
