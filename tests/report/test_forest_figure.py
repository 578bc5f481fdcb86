"""Forest plots and histograms: drawn, the same twice, told apart without color."""

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.report.compared import compared_tables, histograms
from vct.report.forest_figure import (
    SPREAD_SCALE,
    VERDICT_LOOKS,
    VERDICT_WORDS,
    forest_figure,
    mean_scale,
)
from vct.report.histogram_figure import histogram_figure
from vct.report.whiskers import Whisker, mean_whiskers, spread_whiskers


def words(svg: bytes) -> list[str]:
    """Texts of a figure."""
    root = ElementTree.fromstring(svg)
    return [
        "".join(element.itertext()).strip()
        for element in root.iter("{http://www.w3.org/2000/svg}text")
    ]


@pytest.fixture(scope="module")
def comparisons():
    return compared_tables()["comparisons"]


def test_every_organ_and_verdict_is_named(comparisons):
    whiskers = mean_whiskers(comparisons)
    texts = words(forest_figure(whiskers, mean_scale(5.0)))
    shown = [w for w in whiskers if w.quantity != "hu_mean"]
    assert {w.organ.replace("_", " ") for w in shown} <= set(texts)
    assert {VERDICT_WORDS[w.verdict] for w in shown} <= set(texts)
    assert "difference from the reference [%]" in texts


def test_same_table_same_bytes(comparisons):
    whiskers = spread_whiskers(comparisons)
    assert forest_figure(whiskers, SPREAD_SCALE) == forest_figure(
        whiskers, SPREAD_SCALE
    )


def test_verdicts_differ_by_marker_and_by_color():
    colors, markers, _ = zip(*VERDICT_LOOKS.values(), strict=True)
    assert len(set(colors)) == len(set(markers)) == len(VERDICT_LOOKS) == 4


@pytest.mark.parametrize("bound", [5.0, 60.0, 99.0])
def test_no_arrow_points_to_what_lies_within_the_bound(bound):
    scale = mean_scale(bound)
    assert min(scale.ticks) >= scale.limits[0]
    assert max(scale.ticks) <= scale.limits[1]
    value = 0.95 * bound
    whisker = Whisker("liver", "suv_mean", "all", value, value, value, "pass")
    assert not {"→", "←"} & set(words(forest_figure([whisker], scale)))


@pytest.mark.parametrize(("value", "arrow"), [(300.0, "→"), (-80.0, "←"), (3.0, "")])
def test_an_arrow_points_to_what_lies_outside(value, arrow):
    whisker = Whisker("liver", "suv_mean", "all", value, value - 1, value + 1, "fail")
    texts = words(forest_figure([whisker], mean_scale(5.0)))
    assert {"→", "←"} & set(texts) == ({arrow} if arrow else set())


def test_the_zone_is_the_bound_that_was_asked_for():
    assert mean_scale(7.5).zone == (-7.5, 7.5)
    wide = replace(mean_scale(5.0), zone=(-20.0, 20.0))
    whisker = Whisker("liver", "suv_mean", "all", 1.0, 0.0, 2.0, "pass")
    assert forest_figure([whisker], wide) != forest_figure([whisker], mean_scale(5.0))


def test_nothing_to_draw_is_no_figure():
    whisker = Whisker("liver", "suv_mean", "all", np.nan, np.nan, np.nan, "info")
    assert forest_figure([], mean_scale(5.0)) is None
    assert forest_figure([whisker], mean_scale(5.0)) is None
    assert histogram_figure(histograms().head(0)) is None


def test_histograms_show_both_sides_where_there_are_two():
    both = words(histogram_figure(histograms()))
    assert {"liver", "brain", "this cohort", "clinic"} <= set(both)
    own = histograms()
    alone = words(histogram_figure(own[own["organ"] == "brain"]))
    assert "clinic" not in alone


def test_each_of_several_references_has_its_line():
    second = histograms().assign(reference="hospital")
    told = words(histogram_figure(pd.concat([histograms(), second])))
    assert {"this cohort", "clinic", "hospital"} <= set(told)
    assert told.count("this cohort") == 1


def test_each_of_several_references_has_its_own_line():
    one, two = (
        Whisker("liver", "suv_mean", "women", v, v - 1, v + 1, "pass", name)
        for name, v in (("clinic", 1.0), ("hospital", -2.0))
    )
    told = words(forest_figure([one, two], mean_scale(5.0)))
    assert {"women, clinic", "women, hospital"} <= set(told)
    assert "women" in words(
        forest_figure([one._replace(reference="")], mean_scale(5.0))
    )
