"""What the page counts, against slow and obvious twins; labels that keep apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from plusone.report.axes import LEFT, NARROW, RIGHT, WIDE, DepthAxis
from plusone.search import Pattern, Tried
from plusone.search.show.counts import (
    best_quarter,
    best_so_far,
    pareto_front,
    rank_correlation,
    return_shares,
    span_shares,
)
from plusone.search.show.labels import labelled
from plusone.search.show.plane import limits
from plusone.search.show.plots import spread

SCORES = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e3, 1e3), st.just(-math.inf))
SPANS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=9
)


def patterns(spans: Sequence[tuple[int, ...]]) -> list[Pattern]:
    return [Pattern(spans=s) for s in spans]


@given(spans=SPANS)
def test_the_shares_are_those_that_counting_gives(spans: list[tuple[int, ...]]) -> None:
    found = return_shares(patterns(spans))
    for place in range(3):
        returning = [s for s in spans if s[place] != 0]
        assert found[place] == pytest.approx(len(returning) / len(spans))
    every = [span for s in spans for span in s if span]
    for span, share in enumerate(span_shares(patterns(spans), longest=3), start=1):
        assert share == pytest.approx(every.count(span) / len(every) if every else 0.0)


@given(points=st.lists(st.tuples(st.integers(0, 5), SCORES), max_size=12))
def test_the_front_is_what_nothing_dominates(points: list[tuple[int, float]]) -> None:
    costs, scores = [float(c) for c, _ in points], [s for _, s in points]

    def is_beaten(k: int) -> bool:
        return any(
            costs[j] <= costs[k]
            and scores[j] >= scores[k]
            and (costs[j], scores[j]) != (costs[k], scores[k])
            for j in range(len(points))
        )

    found = pareto_front(costs, scores)
    expected = {k for k, s in enumerate(scores) if math.isfinite(s) and not is_beaten(k)}
    assert set(found) == expected
    assert len(found) == len(expected)
    assert [costs[k] for k in found] == sorted(costs[k] for k in found)
    assert [scores[k] for k in found] == sorted(scores[k] for k in found)


@given(pairs=st.lists(st.tuples(SCORES, st.integers(0, 9)), min_size=5, max_size=30))
def test_the_rank_correlation_is_spearmans(pairs: list[tuple[float, int]]) -> None:
    a, b = [x for x, _ in pairs], [float(y) for _, y in pairs]
    found = rank_correlation(a, b)
    if len(set(a)) < 2 or len(set(b)) < 2:
        assert found is None
    else:
        assert found == pytest.approx(float(spearmanr(a, b).statistic), abs=1e-12)


@given(scores=st.lists(SCORES, min_size=1, max_size=20))
def test_the_best_so_far_is_the_highest_of_what_came(scores: list[float]) -> None:
    assert best_so_far(scores) == tuple(max(scores[: k + 1]) for k in range(len(scores)))


@pytest.mark.parametrize(("num_tried", "num_best"), [(1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_the_best_quarter_is_rounded_up(num_tried: int, num_best: int) -> None:
    tried = [trained(-float(k)) for k in range(num_tried)]
    assert best_quarter(tried) == tuple(tried[:num_best])


def test_a_diverged_pattern_is_not_among_the_best() -> None:
    assert best_quarter([trained(-math.inf)]) == ()


def trained(score: float) -> Tried:
    pattern = Pattern(spans=(1,))
    return Tried(pattern=pattern, score=score, number=0, num_parameters=0, seconds=0.0, baseline="")


@given(scores=st.lists(SCORES, min_size=1, max_size=20))
def test_an_axis_shows_the_best_and_three_quarters_of_what_is_finite(scores: list[float]) -> None:
    low, high = limits(scores)
    finite = [s for s in scores if math.isfinite(s)]
    assert low < high
    if finite:
        assert low < max(finite) < high
        assert sum(s >= low for s in finite) >= 0.75 * len(finite)


def test_a_number_far_below_the_others_leaves_the_axis() -> None:
    assert limits([-0.3, -0.4, -0.5, -0.45, -1e9, -math.inf])[0] > -1
    assert limits([0.1, 0.97, 0.95, 0.9, 0.88])[0] < 0.1


@given(heights=st.lists(st.floats(0, 200), max_size=6))
def test_names_beside_a_plot_keep_their_order_and_distance(heights: list[float]) -> None:
    placed = spread(heights, gap=13, low=0, high=200)
    order = sorted(range(len(heights)), key=heights.__getitem__)
    for a, b in pairwise(order):
        assert placed[b] - placed[a] >= 13 - 1e-9
    assert all(-1e-9 <= y <= 200 + 1e-9 for y in placed)


@given(
    widths=st.lists(st.floats(7, 110), min_size=2, max_size=300),
    width=st.sampled_from([WIDE, NARROW]),
)
@settings(deadline=None)
def test_no_label_of_a_place_touches_the_next_or_leaves_the_picture(
    widths: list[float], width: float
) -> None:
    axis = DepthAxis(num_blocks=len(widths), left=LEFT, right=width - RIGHT)
    found = labelled(axis, widths)
    assert found[0][0] == 0
    for (i, left), (j, right) in pairwise(found):
        assert i < j
        assert left + widths[i] / 2 <= right - widths[j] / 2
    assert all(x - widths[k] / 2 >= 0 and x + widths[k] / 2 <= width + 1e-9 for k, x in found)
