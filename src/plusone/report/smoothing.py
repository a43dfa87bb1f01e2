"""Smoothing against depth: how alike representations become, and how many directions are left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plusone.records import BlockReport, ReportData, Value
from plusone.report import svg
from plusone.report.axes import (
    LABELS_HEIGHT,
    LEFT,
    WIDE,
    DepthAxis,
    Frame,
    Scale,
    depth_labels,
    hover,
    linear_grid,
    rounded,
)
from plusone.report.markers import alerts, heading, heading_room
from plusone.report.profile import MOST_MARKED, lanes_of, stray_marks, titles

HEIGHT = 100.0
GAP = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One quantity over depth, and the class that draws it."""

    name: str
    legend: str
    of: Callable[[BlockReport], Value]


SIMILARITIES = (
    Curve(name="similarity", legend="samples", of=lambda b: b.similarity),
    Curve(name="tokens", legend="tokens", of=lambda b: b.token_similarity),
)
RANKS = (Curve(name="rank", legend="", of=lambda b: b.rank),)


def smoothing(data: ReportData, *, width: float) -> str:
    """The picture of similarity and rank over depth, or "" where neither was measured."""
    panels = [
        (title, curves)
        for title, candidates in (("mean cosine", SIMILARITIES), ("effective rank", RANKS))
        if (curves := [c for c in candidates if any(c.of(b).is_measured for b in data.blocks)])
    ]
    if not panels:
        return ""
    axis = DepthAxis.of(data, width=width)
    parts = []
    room = heading_room(data, axis)
    top = room
    for title, curves in panels:
        frame = Frame(left=axis.left, top=top, right=axis.right, bottom=top + HEIGHT)
        parts.append(_panel(data, axis, frame, curves))
        title = title if len(curves) < 2 else "cosine between"
        parts.append(heading(data, axis, frame, title))
        parts.append(_legend(title, curves, top + 16 - room))
        top = frame.bottom + GAP + room
    bottom = top - GAP - room
    parts.append(depth_labels(axis, data.blocks, top=bottom + 2))
    if width == WIDE:
        whole = Frame(left=axis.left, top=room, right=axis.right, bottom=bottom)
        parts.append(hover(axis, whole, titles(data, axis, ("cosine", "tokens", "rank"))))
    return svg.picture(
        "".join(parts),
        width=width,
        height=bottom + 2 + LABELS_HEIGHT,
        label="Similarity of representations and effective rank against depth",
        class_="wide" if width == WIDE else "narrow",
    )


def _panel(data: ReportData, axis: DepthAxis, frame: Frame, curves: Sequence[Curve]) -> str:
    values = [curve.of(block) for curve in curves for block in data.blocks]
    # 0 and negative numbers have their place on a linear axis: only states get lanes.
    inner, lanes = lanes_of(frame, [value for value in values if value.value is None])
    numbers = [value.value for value in values if value.value is not None]
    scale = inner.vertical(*_range(numbers, is_cosine=curves[0] in SIMILARITIES))
    parts = [linear_grid(inner, scale, most=3), alerts(data, axis, frame)]
    for curve in curves:
        drawn = [curve.of(block) for block in data.blocks]
        parts.append(_curve(axis, scale, drawn, curve.name))
        strays = [value if value.value is None else Value() for value in drawn]
        parts.append(stray_marks(axis, strays, lanes))
    for state, y in lanes.items():
        parts.append(svg.label(frame.left - 6, y + 4, state, anchor="end", class_="tick"))
    return "".join(parts)


def _range(numbers: Sequence[float], *, is_cosine: bool) -> tuple[float, float]:
    """The ends of an axis from 0 on; that of cosines ends at 1, and below at -1, at the lowest.

    Numbers that rounding errors put beyond a tick need no further one.
    """
    low, high = min((0.0, *numbers)), max((1.0, *numbers))
    slack = 1e-3 * (high - low)
    low, high = rounded(min(low + slack, 0.0), max(high - slack, 1.0), most=3)
    return (max(low, -1.0), 1.0) if is_cosine else (low, high)


def _curve(axis: DepthAxis, scale: Scale, values: Sequence[Value], name: str) -> str:
    points: list[svg.Point | None] = [
        (axis.center(i), scale(value.value)) if value.value is not None else None
        for i, value in enumerate(values)
    ]
    drawn = svg.path(svg.polyline(points), class_=f"curve {name}")
    there = [point for point in points if point is not None]
    if len(there) > MOST_MARKED:
        return drawn
    mark = svg.diamonds if name == "tokens" else svg.circles
    return drawn + svg.path(mark(there, radius=2.8), class_=f"mark {name}")


def _legend(title: str, curves: Sequence[Curve], y: float) -> str:
    if len(curves) < 2:
        return ""
    parts = []
    x = LEFT + len(title) * svg.LETTER_WIDTH + 24
    for curve in curves:
        d = f"M{svg.coordinate(x)} {svg.coordinate(y - 4)}h22"
        parts.append(svg.path(d, class_=f"curve {curve.name}"))
        parts.append(svg.label(x + 28, y, curve.legend))
        x += 28 + len(curve.legend) * svg.LETTER_WIDTH + 16
    return "".join(parts)
