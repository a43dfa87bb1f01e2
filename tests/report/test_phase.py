from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from plusone.report.phase import FRAME, phase_svg, phase_table
from plusone.theory import PhaseDiagram, Stack, phase_diagram


@pytest.fixture(scope="module")
def diagram() -> PhaseDiagram:
    depths = np.unique(np.geomspace(1, 10_000, 60).astype(int))
    return phase_diagram(depths, np.linspace(0, 1, 41), Stack(gain=0.1, activation="relu"))


def test_the_picture_is_one_file_that_needs_nothing_else(diagram: PhaseDiagram) -> None:
    markup = phase_svg(diagram, title="gain < 0.1 & ReLU")
    root = ElementTree.fromstring(markup)
    assert root.attrib["aria-label"] == "gain < 0.1 & ReLU"
    assert "href" not in markup
    assert markup.count("http") == 1  # the namespace
    assert len(markup) < 40_000
    for attribute in re.findall(r' (?:d|x|y|width|height)="([^"]*)"', markup):
        assert "nan" not in attribute
        assert "inf" not in attribute


def test_each_area_says_what_it_is_and_where(diagram: PhaseDiagram) -> None:
    markup = phase_svg(diagram)
    for label in ("vanishing", "trainable", "exploding"):
        assert f'class="{label}"' in markup
    assert "<title>density 1, depth 1 to 1" in markup
    for sign in ("\u2198", "\u2713", "\u2197"):
        assert markup.count(sign) == 2  # in the area and in the legend


def _ring(markup: str) -> tuple[float, float]:
    """The middle of the ring: its path begins at the left, and is 10 pixels wide."""
    found = re.search(r'<path d="M([\d.]+) ([\d.]+)a5 5 [^"]*" class="point">', markup)
    assert found is not None
    return float(found[1]) + 5, float(found[2])


def test_the_point_is_marked_by_a_ring_and_its_name_in_its_cell() -> None:
    diagram = phase_diagram([1, 10, 100, 1000], [0.0, 0.5, 1.0])
    assert "point" not in phase_svg(diagram).partition("</style>")[2]
    left, top, right, bottom = FRAME.left, FRAME.top, FRAME.right, FRAME.bottom
    width, height = (right - left) / 4, (bottom - top) / 3
    markup = phase_svg(diagram, point=(100, 0.5))
    assert _ring(markup) == pytest.approx((left + 2.5 * width, bottom - 1.5 * height), abs=0.1)
    assert ">depth 100, density 0.5</text>" in markup
    between = _ring(phase_svg(diagram, point=(32, 0.25)))
    assert between == pytest.approx((left + 2.0 * width, bottom - height), abs=1)


def test_a_point_beyond_the_diagram_is_on_its_edge() -> None:
    diagram = phase_diagram([1, 10, 100], [0.0, 1.0])
    beyond = _ring(phase_svg(diagram, point=(10_000, 1.0)))
    assert beyond == _ring(phase_svg(diagram, point=(100, 1.0)))


def test_a_diagram_of_one_cell_is_drawn_too() -> None:
    markup = phase_svg(phase_diagram([5], [0.5]))
    assert "<title>density 0.5, depth 5: trainable</title>" in markup
    assert ElementTree.fromstring(markup).tag.endswith("svg")


def test_the_table_is_markdown_with_a_letter_per_pair() -> None:
    found = phase_table(phase_diagram([1, 1000], [0.0, 1.0], Stack(gain=0.1)))
    assert found == (
        "| density | 1 | 1,000 |\n| ---: | --- | --- |\n| 0 | t | v |\n| 1 | t | e |\n"
    )
