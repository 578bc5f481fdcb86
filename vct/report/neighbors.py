"""Nearest neighbors: how alike the most alike subjects are."""

from vct.manifest import Cohort
from vct.report.page_table import PageTable, figure, text
from vct.report.tables import number
from vct.validation.duplicates import nearest_pairs
from vct.validation.people import people_of_cohort

MOST_PAIRS = 100


def neighbor_table(cohort: Cohort) -> PageTable:
    """The closest pairs by what their organs measure, closest first.

    Without rows where there are too few subjects or measures to go by.
    """
    import pandas as pd

    names = cohort.finished["subject_id"].tolist()
    rows = [
        (names[pair.one], names[pair.other], pair.distance)
        for pair in nearest_pairs(people_of_cohort(cohort))
    ]
    columns = ["subject_id", "neighbor", "distance"]
    fields = (
        text("subject_id", "subject"),
        text("neighbor", "nearest neighbor"),
        figure("distance", "distance", lambda d: number(d, 3)),
    )
    caption = f"Most alike subjects, at most {MOST_PAIRS} pairs"
    df = pd.DataFrame(rows[:MOST_PAIRS], columns=columns)
    return PageTable("neighbors", caption, df, fields)
