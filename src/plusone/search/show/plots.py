"""Scores by trial, against the closed form's promise, and against what a pattern costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from plusone.report import svg
from plusone.report.numerals import number
from plusone.search.result import Result, Tried
from plusone.search.show.counts import best_so_far, pareto_front
from plusone.search.show.plane import (
    Dot,
    Plane,
    bottom_labels,
    dots,
    grid,
    legend,
    limits,
    picture,
)

_LABELS = 74.0
_ROW = 13.0


def by_trial(result: Result, *, width: float) -> str:
    """The scores in the order of the trials, the best so far as steps, the baselines named."""
    tried = sorted(result.tried, key=lambda t: t.number)
    scores = [t.score for t in tried]
    found = [_dot(float(k), t) for k, t in enumerate(tried, start=1)]
    key, top = legend((("dot", "trained pattern"), ("best", "best so far")), width=width)
    plane = Plane.of((0.5, len(tried) + 0.5), scores, top=top + 34, width=width)
    frame = replace(plane.frame, right=width - _LABELS)
    plane = replace(plane, frame=frame, across=replace(plane.across, end=frame.right))
    parts = [
        key,
        grid(plane, result.measure),
        _baselines(plane, found),
        svg.path(svg.polyline(_steps(plane, best_so_far(scores))), class_="best"),
        dots(plane, found),
        bottom_labels(plane, "trained patterns, in the order of their trials", is_whole=True),
    ]
    return picture(plane, parts, label="Score by trial, and the best so far", width=width)


def _steps(plane: Plane, best: Sequence[float]) -> list[svg.Point]:
    points = []
    for k, score in enumerate(best, start=1):
        y = plane.height(score)
        points += [(plane.across(k - 0.5), y), (plane.across(k + 0.5), y)]
    return points


def _baselines(plane: Plane, found: Sequence[Dot]) -> str:
    """A line from each baseline to its name at the right; names keep their distance."""
    named = [dot for dot in found if dot.baseline]
    heights = [plane.height(dot.y) for dot in named]
    placed = spread(heights, gap=_ROW, low=plane.frame.top, high=plane.bottom)
    right = plane.frame.right
    parts = []
    for dot, y, at in zip(named, heights, placed, strict=True):
        line = svg.polyline([(plane.at(dot)[0], y), (right, y), (right + 10, at)])
        parts.append(svg.path(line, class_="leader"))
        parts.append(svg.label(right + 13, at + 4, dot.baseline, class_="baseline"))
    return "".join(parts)


def spread(heights: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """The heights moved as little as a sweep down and one up can, so that `gap` lies between."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    placed = list(heights)
    bound = low
    for k in order:
        placed[k] = max(placed[k], bound)
        bound = placed[k] + gap
    bound = high
    for k in reversed(order):
        placed[k] = min(placed[k], bound)
        bound = placed[k] - gap
    return placed


def by_promise(
    tried: Sequence[Tried], promises: Sequence[float], *, measure: str, width: float
) -> str:
    """The closed form's promise of each pattern against its score."""
    found = [_dot(x, t) for x, t in zip(promises, tried, strict=True)]
    key, top = legend((("dot", "trained pattern"), ("baseline", "baseline")), width=width)
    plane = Plane.of(limits(promises), [t.score for t in tried], top=top + 34, width=width)
    parts = [
        key,
        grid(plane, measure),
        dots(plane, found),
        bottom_labels(plane, "promise in closed form, no unit, higher is better", is_whole=False),
    ]
    return picture(plane, parts, label="Promise in closed form against score", width=width)


def costs_of(result: Result) -> tuple[tuple[float, ...], str]:
    """What each pattern costs, and of what: added parameters where they differ, else skips."""
    sizes = [t.num_parameters for t in result.tried]
    if len(set(sizes)) > 1:
        bare = sum(p.numel() for p in result.space.subject.model.parameters())
        return tuple(float(size - bare) for size in sizes), "parameters added to the model's own"
    return tuple(float(t.pattern.num_skips) for t in result.tried), "number of skips"


def by_cost(result: Result, *, width: float) -> str:
    """Score against cost, with the front of what nothing beats in both."""
    costs, name = costs_of(result)
    tried = result.tried
    front = [(costs[k], tried[k].score) for k in pareto_front(costs, [t.score for t in tried])]
    items = (("dot", "trained pattern"), ("baseline", "baseline"), ("front", "Pareto front"))
    key, top = legend(items, width=width)
    room = 0.04 * (max(costs) - min(costs)) or 0.5
    ends = (min(costs) - room, max(costs) + room)
    plane = Plane.of(ends, [t.score for t in tried], top=top + 34, width=width)
    parts = [
        key,
        grid(plane, result.measure),
        svg.path(svg.polyline(_stairs(plane, front)), class_="front"),
        dots(plane, [_dot(x, t) for x, t in zip(costs, tried, strict=True)]),
        bottom_labels(plane, name, is_whole=True),
    ]
    return picture(plane, parts, label=f"Score against {name}, with the Pareto front", width=width)


def _stairs(plane: Plane, front: Sequence[tuple[float, float]]) -> list[svg.Point]:
    """Level from each point to the cost of the next, then up to it; level to the end."""
    points: list[svg.Point] = []
    for cost, score in front:
        x, y = plane.across(cost), plane.height(score)
        points += [(x, points[-1][1]), (x, y)] if points else [(x, y)]
    return [*points, (plane.frame.right, points[-1][1])] if points else []


def _dot(x: float, tried: Tried) -> Dot:
    name = tried.baseline or f"trial {tried.number}"
    spans = [span for span in tried.pattern.spans if span]
    middle = f", median span {number(median(spans))}" if spans else ""
    hint = f"{name}: {number(tried.score, digits=4)}, {len(spans)} skips{middle}"
    return Dot(
        x=x if math.isfinite(x) else -math.inf, y=tried.score, hint=hint, baseline=tried.baseline
    )
