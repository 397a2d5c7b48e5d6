"""Plots of the report: points stand where the labels of the axes say."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blurlive.evaluation.plots import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Point, Series, plot

values = st.floats(-50, 50).map(lambda value: round(value, 2))
INSIDE = ((LEFT, WIDTH - RIGHT), (TOP, HEIGHT - BOTTOM))


def drawn(points: list[tuple[float, float]], joined: bool = False) -> ElementTree.Element:
    series = Series(9, [Point(x, y, f"<{x} & {y}>") for x, y in points], joined)
    return ElementTree.fromstring(plot([series], "x", "y"))


def scale(labels: list[tuple[float, float]]) -> tuple[float, float]:
    """Places per unit, and the place of 0, by the first and the last label of an axis: (value, place)."""
    (first, here), (last, there) = labels[0], labels[-1]
    slope = (there - here) / (last - first)
    return slope, here - slope * first


@given(st.lists(st.tuples(values, values), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_points_stand_within_the_axes_where_their_labels_say(points: list[tuple[float, float]]) -> None:
    page = drawn(points)
    dots = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in page.iter("circle")]
    assert [dot.findtext("title") for dot in page.iter("circle")] == [f"<{x} & {y}>" for x, y in points]
    labels = [text for text in page.iter("text") if text.text not in ("x", "y")]
    beside = [(float(t.text or ""), float(t.attrib["y"])) for t in labels if t.attrib["text-anchor"] == "end"]
    below = [(float(t.text or ""), float(t.attrib["x"])) for t in labels if t.attrib["text-anchor"] == "middle"]
    lines = [float(line.attrib["y1"]) for line in page.iter("line")]
    assert [place - 4 for _, place in beside] == pytest.approx(lines, abs=0.11)
    right, up = scale(below), scale([(value, line) for (value, _), line in zip(beside, lines, strict=True)])
    assert right[0] > 0 > up[0]
    for (x, y), place in zip(points, dots, strict=True):
        assert place == pytest.approx((right[0] * x + right[1], up[0] * y + up[1]), abs=0.3)
        for at, (low, high) in zip(place, INSIDE, strict=True):
            assert low - 0.1 <= at <= high + 0.1


@pytest.mark.parametrize("value", [0.0, 1.0, 24.39, -0.62, 99999.0])
def test_labels_of_values_that_are_one_differ(value: float) -> None:
    labels = [text.text for text in drawn([(value, value)]).iter("text")]
    assert len(set(labels)) - len({"x", "y"}) == (len(labels) - 2) / 2 >= 2


def test_axes_fill_the_plot_and_zero_is_told_apart() -> None:
    page = drawn([(1.0, -3.0), (2.0, 4.0)])
    lines = list(page.iter("line"))
    places = [float(line.attrib["y1"]) for line in lines]
    assert (max(places), min(places)) == (HEIGHT - BOTTOM, TOP)
    assert {(line.attrib["x1"], line.attrib["x2"]) for line in lines} == {(str(LEFT), str(WIDTH - RIGHT))}
    zero = [line for line in lines if line.attrib["class"] == "axis zero"]
    up, nothing = places[0], places[-1]
    assert [float(line.attrib["y1"]) for line in zero] == pytest.approx([up + (nothing - up) * 4 / 8], abs=0.1)


def test_a_joined_series_is_a_line_through_its_points() -> None:
    points = [(1.0, 1.0), (2.0, 3.0), (3.0, 2.0)]
    dots = [f"{dot.attrib['cx']},{dot.attrib['cy']}" for dot in drawn(points, joined=True).iter("circle")]
    (line,) = drawn(points, joined=True).iter("polyline")
    assert line.attrib["points"] == " ".join(dots)
    assert not list(drawn(points).iter("polyline"))


def test_colours_start_over_and_the_axes_are_named() -> None:
    page = drawn([(1.0, 1.0)])
    assert [group.attrib["class"] for group in page.iter("g")] == ["s1"]
    assert page.attrib["aria-label"] == "y by x"
    names = {text.text: text for text in page.iter("text") if text.text in ("x", "y")}
    assert float(names["x"].attrib["y"]) > HEIGHT - BOTTOM
    assert "rotate(-90)" in names["y"].attrib["transform"]
