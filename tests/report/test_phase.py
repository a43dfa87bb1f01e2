from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from plusone.report.phase import phase_svg, phase_table
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


def test_a_diagram_of_one_cell_is_drawn_too() -> None:
    markup = phase_svg(phase_diagram([5], [0.5]))
    assert "<title>density 0.5, depth 5: trainable</title>" in markup
    assert ElementTree.fromstring(markup).tag.endswith("svg")


def test_the_table_is_markdown_with_a_letter_per_pair() -> None:
    found = phase_table(phase_diagram([1, 1000], [0.0, 1.0], Stack(gain=0.1)))
    assert found == (
        "| density | 1 | 1,000 |\n| ---: | --- | --- |\n| 0 | t | v |\n| 1 | t | e |\n"
    )
