"""Subjects alike: a copy is the closest pair, few subjects give no pair."""

import numpy as np

from vct.manifest import load_cohort
from vct.report.neighbors import MOST_PAIRS, neighbor_table
from vct.validation.duplicates import COPY


def test_a_copied_subject_leads_the_table(cohort_dir):
    cohort = load_cohort(cohort_dir)
    assert neighbor_table(cohort).data["distance"].min() > COPY
    quantities = ["volume_ml", "suv_mean", "hu_mean"]
    organs = cohort.organs.set_index("subject_id")
    organs.loc["S0005", [*quantities, "touches_edge"]] = organs.loc[
        "S0017", [*quantities, "touches_edge"]
    ].to_numpy()
    cohort.organs[quantities] = organs[quantities].to_numpy()
    cohort.organs["touches_edge"] = organs["touches_edge"].to_numpy()
    first = neighbor_table(cohort).data.iloc[0]
    assert (first["subject_id"], first["neighbor"]) == ("S0005", "S0017")
    assert first["distance"] < COPY


def test_pairs_stand_once_closest_first(cohort_dir):
    df = neighbor_table(load_cohort(cohort_dir)).data
    assert 0 < len(df) <= MOST_PAIRS
    assert (np.diff(df["distance"]) >= 0).all()
    pairs = {frozenset(pair) for pair in df[["subject_id", "neighbor"]].to_numpy()}
    assert len(pairs) == len(df)
