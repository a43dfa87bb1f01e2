from __future__ import annotations

import dataclasses
import html
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plusone.records import Fold, PathLaw, ReportData, Value
from plusone.report import svg
from plusone.report.arcs import arc_map
from plusone.report.axes import NARROW, WIDE, decades, linear_ticks, rounded
from plusone.report.facts import path_count
from plusone.report.folding import elided, folded, representative
from plusone.report.intervals import intervals
from plusone.report.numerals import factor, number, percent, power, shown, with_error
from plusone.report.pathlaw import path_law, shares
from plusone.report.places import common_prefix, find_block, stages
from plusone.report.profile import profile
from plusone.report.smoothing import smoothing

from . import samples

THOUSAND = samples.thousand()
DRAWINGS = (arc_map, profile, intervals, path_law, smoothing)
FINITE = st.floats(min_value=-1e12, max_value=1e12)


@pytest.mark.parametrize("draw", DRAWINGS)
@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("name", samples.ALL)
def test_no_picture_has_a_coordinate_that_is_no_number(
    draw: object, width: float, name: str
) -> None:
    assert callable(draw)
    markup = draw(samples.ALL[name](), width=width)
    for attribute in re.findall(r' (?:d|x|y|x1|x2|y1|y2|width|height)="([^"]*)"', markup):
        assert "nan" not in attribute
        assert "inf" not in attribute


@pytest.mark.parametrize("draw", DRAWINGS)
def test_nothing_measured_gives_no_picture(draw: object) -> None:
    assert callable(draw)
    assert draw(samples.empty(), width=WIDE) == ""


@pytest.mark.parametrize(
    ("name", "kind", "count"),
    [("resnet50", "identity", 12), ("resnet50", "projection", 4), ("unet", "concat", 4)],
)
def test_the_arc_map_has_one_arc_per_skip_in_one_path_per_kind(
    name: str, kind: str, count: int
) -> None:
    markup = arc_map(samples.ALL[name](), width=WIDE)
    arcs = [d for d in re.findall(rf'<path d="([^"]*)" class="skip {kind}">', markup) if "a" in d]
    assert len(arcs) == 1
    assert arcs[0].count("a") == count


def test_arcs_without_room_become_bands_with_their_number() -> None:
    markup = arc_map(samples.thousand(), width=WIDE)
    assert "250 x identity" in markup
    assert markup.count("249 x identity") == 3
    assert len(markup) < 60_000


def test_each_kind_of_skip_has_a_dash_of_its_own_in_the_legend() -> None:
    markup = arc_map(samples.mixed_transformer(), width=NARROW)
    for kind in ("identity", "gated", "scaled", "attention", "concat"):
        assert f'class="skip {kind}"' in markup
        assert f">{kind} (" in markup


def test_values_that_are_not_finite_get_a_lane_and_a_cross_each() -> None:
    markup = profile(samples.broken(), width=WIDE)
    for state in ("inf", "-inf", "nan"):
        assert f">{state}</text>" in markup
    crosses = re.findall(r'<path d="([^"]*)" class="stray">', markup)
    assert sum(d.count("M") for d in crosses) == 13, "8 gradients and 5 signals"


@pytest.mark.parametrize("draw", DRAWINGS)
@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("name", [*samples.ALL, "tokens"])
def test_labels_stay_inside_the_picture(draw: object, width: float, name: str) -> None:
    assert callable(draw)
    data = with_tokens() if name == "tokens" else samples.ALL[name]()
    for x, rest, text in re.findall(r'<text x="([^"]+)"([^>]*)>([^<]*)', draw(data, width=width)):
        size = 6.0 * len(html.unescape(text))
        shift = {"middle": size / 2, "end": size}.get(
            (re.findall(r'text-anchor="(\w+)"', rest) or ["start"])[0], 0.0
        )
        assert float(x) - shift >= -1, text
        assert float(x) - shift + size <= width + 1, text


def with_tokens() -> ReportData:
    """A healthy net that has tokens as well as samples."""
    data = samples.resnet50()
    blocks = [dataclasses.replace(b, token_similarity=Value.of(0.5)) for b in data.blocks]
    return dataclasses.replace(data, blocks=tuple(blocks))


def test_path_shares_sum_to_one_and_far_tails_are_cut() -> None:
    law = shares(samples.thousand().structure.paths)
    assert sum(law.counts) == pytest.approx(1, abs=0.01)
    assert sum(law.weights) == pytest.approx(1, abs=0.01)
    assert 50 < law.lengths[0] < law.lengths[-1] < 600


def drawn_lengths(data: ReportData, *, width: float) -> tuple[list[int], str]:
    """The labels of the axis of lengths, and its title."""
    texts = re.findall(
        r'<text x="[^"]*" y="[^"]*"[^>]*>([^<]*)</text>', path_law(data, width=width)
    )
    title = next(text for text in texts if "length in blocks" in text)
    return [int(t.replace(",", "")) for t in texts if t.replace(",", "").isdecimal()], title


def test_the_law_of_fifty_blocks_is_drawn_whole_and_without_a_gap() -> None:
    data = samples.resnet50()
    structure = dataclasses.replace(
        data.structure, paths=samples.binomial_law(50, branch_gain=0.06)
    )
    data = dataclasses.replace(data, structure=structure)
    lengths, title = drawn_lengths(data, width=WIDE)
    assert {0, 50} <= set(lengths)
    assert title == "path length in blocks"
    _legend, curve = re.findall(r'd="([^"]*)" class="curve counts"', path_law(data, width=WIDE))
    assert curve.count("M") == 1


def test_a_law_that_is_cut_says_what_of_it_is_shown() -> None:
    law = shares(samples.thousand().structure.paths)
    _, title = drawn_lengths(samples.thousand(), width=NARROW)
    assert title == f"length in blocks, {law.lengths[0]} to {law.lengths[-1]} of 0 to 1,000"
    assert list(law.lengths) == list(range(law.lengths[0], law.lengths[-1] + 1))


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_axis_of_cosines_ends_at_one(width: float) -> None:
    data = samples.resnet50()
    for cosine in (1.0, 1 + 1e-7, -0.2, -1.0):
        blocks = [
            dataclasses.replace(b, similarity=Value.of(cosine), rank=Value.of(4.000001))
            for b in data.blocks
        ]
        markup = smoothing(dataclasses.replace(data, blocks=tuple(blocks)), width=width)
        ticks = re.findall(r'text-anchor="end" class="tick">([^<]*)<', markup)
        assert set(ticks) <= {"-1", "-0.5", "0", "0.5", "1", "2", "4"}
        assert ("-1" in ticks) is (cosine == -1.0)


def test_a_law_whose_weights_are_nan_shows_counts_alone() -> None:
    assert shares(samples.broken().structure.paths).weights == ()


def test_a_law_without_any_path_is_not_drawn() -> None:
    data = samples.resnet50()
    none = PathLaw(log10_count=-math.inf, min_length=0, max_length=0, mean_length=0.0)
    structure = dataclasses.replace(data.structure, paths=none)
    assert path_law(dataclasses.replace(data, structure=structure), width=WIDE) == ""


@given(FINITE, FINITE)
def test_ticks_are_few_round_and_inside(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    if high - low < 1e-6 * max(abs(low), abs(high), 1e-6):
        return
    ticks = linear_ticks(low, high)
    assert len(ticks) <= 7
    slack = 1e-6 * (high - low)
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    bottom, top = rounded(low, high)
    assert bottom <= low + slack
    assert top >= high - slack


@given(st.floats(-400, 400), st.floats(0.1, 700))
def test_decades_are_few_and_inside(low: float, extent: float) -> None:
    exponents = decades(low, low + extent)
    assert len(exponents) <= 7
    assert all(low - 1e-6 <= exponent <= low + extent + 1e-6 for exponent in exponents)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.0, "0"), (1.0, "1"), (1.0234, "1.02"), (0.012345, "0.0123"), (999.6, "1,000"),
        (31_400.0, "31,400"), (200_704.0, "200,704"), (1e6, "1e6"), (9.81e-16, "9.8e-16"),
        (-2.5e-7, "-2.5e-7"),
        (math.inf, "inf"), (-math.inf, "-inf"), (math.nan, "nan"), (5e-324, "4.9e-324"),
    ],
)  # fmt: skip
def test_numbers_are_written_short(x: float, text: str) -> None:
    assert number(x) == text


@pytest.mark.parametrize(
    ("log10", "text"),
    [(0.0, "1"), (4.81648, "65,536"), (7.22, "10^7.2"), (301.0, "10^301"), (-math.inf, "0")],
)
def test_powers_of_ten_are_written_out_where_short(log10: float, text: str) -> None:
    assert power(log10) == text


@pytest.mark.parametrize(
    ("count", "text"), [(2**16, "65,536"), (2**20, "1,048,576"), (2**29, "536,870,912")]
)
def test_a_number_of_paths_is_written_out_below_a_thousand_million(count: int, text: str) -> None:
    law = samples.binomial_law(1, branch_gain=1.0)
    assert path_count(dataclasses.replace(law, log10_count=math.log10(count))) == text
    assert path_count(dataclasses.replace(law, log10_count=9.33)) == "10^9.3"
    assert path_count(dataclasses.replace(law, log10_count=-math.inf)) == "0"


def test_states_and_errors_are_written_with_their_values() -> None:
    assert shown(Value()) == "-"
    assert shown(Value.of(math.nan)) == "nan"
    assert with_error(Value.of(1.234, 0.0456)) == "1.23 +/- 0.046"
    assert factor(Value.of(-29.5)) == "10^-29.5"
    assert factor(Value.of(-math.inf)) == "0"
    assert percent(0.004) == "<1 %"
    assert percent(0.999) == ">99 %"


@settings(deadline=None, max_examples=50)
@given(
    st.integers(0, 300), st.lists(st.tuples(st.integers(0, 300), st.integers(1, 300)), max_size=4)
)
def test_every_block_stands_in_exactly_one_row(count: int, runs: list[tuple[int, int]]) -> None:
    data = THOUSAND
    folds = tuple(Fold(name="x", first=first, count=length) for first, length in runs)
    structure = dataclasses.replace(data.structure, folds=folds)
    data = dataclasses.replace(data, blocks=data.blocks[:count], structure=structure)
    for rows in (folded(data), elided(data)):
        assert [i for row in rows for i in row.indices] == list(range(count))


def test_a_folded_row_shows_the_median_but_never_hides_a_nan() -> None:
    assert representative([Value.of(3.0), Value.of(1.0), Value.of(2.0)]) == Value.of(2.0)
    assert representative([Value.of(3.0), Value.of(math.nan)]).state == "nan"
    assert not representative([Value(), Value()]).is_measured


def test_a_place_inside_a_block_belongs_to_it() -> None:
    blocks = samples.resnet50().blocks
    assert find_block(blocks, "layer1.1") == 1
    assert find_block(blocks, "layer1.1.conv2") == 1
    assert find_block(blocks, "layer1.10") is None
    assert find_block(blocks, "") is None


def test_stages_are_read_off_the_names() -> None:
    labels = [(stage.label, stage.first, stage.last) for stage in stages(samples.resnet50().blocks)]
    assert labels == [("layer1", 0, 2), ("layer2", 3, 6), ("layer3", 7, 12), ("layer4", 13, 15)]
    assert stages(samples.broken().blocks)[3].label == "blocks.3"
    assert common_prefix(samples.mixed_transformer().blocks).endswith("transformer.layers.")


def test_markup_in_labels_is_escaped() -> None:
    assert svg.label(0.0, 0.0, "<b>&") == '<text x="0" y="0">&lt;b&gt;&amp;</text>'
    assert svg.shortened("a" * 50, width=68.0) == "aaa…aaaaaa"
