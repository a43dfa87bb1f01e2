from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plusone.records import Finding, ReportData, Value
from plusone.report.arcs import arc_map
from plusone.report.axes import NARROW, WIDE, DepthAxis, Frame
from plusone.report.intervals import intervals
from plusone.report.markers import alerts, markers
from plusone.report.profile import profile
from plusone.report.smoothing import smoothing

from . import samples

PLAIN = samples.vanishing()
CODES = {"G201": "error", "S101": "warning", "A303": "warning", "J401": "error"}
LETTER = 6.9  # pixels of a letter of a bold code at 11 pixels, DejaVu Sans, the widest in use

Placed = list[tuple[int, str]]


def named(placed: Sequence[tuple[int, str]], data: ReportData = PLAIN) -> ReportData:
    """`data` with a finding of each code at the block of each position."""
    findings = tuple(
        Finding(
            code=code,
            name="name",
            where=data.blocks[index].name,
            value=Value.of(1.0),
            threshold=Value.of(0.5),
            reason="reason",
            remedy="",
            severity="error" if CODES[code] == "error" else "warning",
        )
        for index, code in placed
    )
    return dataclasses.replace(data, findings=findings)


def flags(markup: str) -> list[tuple[float, float, float, str, str]]:
    """Left, right, baseline, text and class of each code in a picture."""
    pattern = r'<text x="([^"]+)" y="([^"]+)"([^>]*) class="alert-code (\w*)">([^<]*)</text>'
    found = []
    for x, y, rest, tone, text in re.findall(pattern, markup):
        left = float(x) - (LETTER * len(text) if "end" in rest else 0.0)
        found.append((left, left + LETTER * len(text), float(y), text, tone))
    return found


def lines(markup: str) -> list[tuple[float, float]]:
    """The place and the upper end of each line of a finding."""
    pattern = r'<line x1="([^"]+)" y1="([^"]+)"[^>]* class="alert \w*">'
    return [(float(x), float(y)) for x, y in re.findall(pattern, markup)]


def drawn(data: ReportData, width: float) -> str:
    axis = DepthAxis.of(data, width=width)
    return alerts(data, axis, Frame(left=axis.left, top=200, right=axis.right, bottom=300))


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("draw", [arc_map, profile, intervals])
def test_each_marker_has_labels_of_its_own_in_their_own_colours(draw: object, width: float) -> None:
    assert callable(draw)
    data = named([(0, "G201"), (0, "S101"), (4, "A303")])
    markup = draw(data, width=width)
    axis = DepthAxis.of(data, width=width)
    panels = 2 if draw is profile else 1
    assert [flag[3:] for flag in flags(markup)] == panels * [
        ("G201", "error"), ("S101", "warning"), ("A303", "warning"),
    ]  # fmt: skip
    for left, right, _, text, _ in flags(markup):
        x = axis.center(4 if text == "A303" else 0)
        assert min(abs(left - x), abs(right - x)) < 5, "a label stands beside its own line"


@pytest.mark.parametrize("width", [WIDE, NARROW])
@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 49), st.sampled_from(sorted(CODES))), max_size=60))
def test_no_label_covers_another_or_is_crossed_by_a_line(width: float, placed: Placed) -> None:
    markup = drawn(named(placed), width)
    found = flags(markup)
    for a, b in itertools.combinations(found, 2):
        assert a[2] != b[2] or a[1] < b[0] or b[1] < a[0], (a, b)
    for left, right, y, text, _ in found:
        assert left >= 0, text
        assert right <= width + 1, text
        assert not [x for x, top in lines(markup) if left < x < right and top < y - 1], text


@given(st.lists(st.tuples(st.integers(0, 49), st.sampled_from(sorted(CODES))), unique=True))
def test_every_code_of_every_block_is_told(placed: Placed) -> None:
    found = markers(named(placed), DepthAxis.of(PLAIN, width=WIDE))
    texts = [text for marker in found for text, _ in marker.flags]
    assert sum(int(text.partition(" x")[2] or 1) for text in texts) == len(placed)


def test_many_findings_are_gathered_with_their_number() -> None:
    data = named([(i, "J401") for i in range(1000)], samples.thousand())
    texts = [flag[3] for flag in flags(drawn(data, WIDE))]
    assert len(texts) < 12
    assert sum(int(text.partition(" x")[2] or 1) for text in texts) == 1000


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("draw", [profile, smoothing])
def test_headings_of_panels_stand_above_all_labels(draw: object, width: float) -> None:
    assert callable(draw)
    data = named([(i, code) for i in (0, 1, 2) for code in CODES], samples.resnet50())
    markup = draw(data, width=width)
    first = min(y for _, _, y, _, _ in flags(markup))
    title = re.search(r'y="([^"]+)" class="panel-title"', markup)
    assert title is not None
    assert float(title[1]) <= first - 10
