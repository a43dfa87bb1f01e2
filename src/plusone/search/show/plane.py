"""A plane of scores: axes, dots with their hints, and lanes for what has no place on an axis."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import escape

from plusone.report import svg
from plusone.report.axes import LEFT, RIGHT, WIDE, Frame, Scale, linear_grid, linear_ticks
from plusone.report.numerals import number

HEIGHT = 190.0
LANE = 22.0
FAR = 20.0
"""A number leaves the axis where it is so many times as far from the best as three quarters are."""
_LANE_MIDDLE = 8.0
_LARGEST = 1e100


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One pattern in a plane: its numbers, what it says when pointed at, its baseline's name."""

    x: float
    y: float
    hint: str
    baseline: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Scales of a frame. What is not on one is put in its lane, below the frame or to its left.

    `lane` is the name of the one below, "" where none is needed.
    """

    frame: Frame
    across: Scale
    up: Scale
    lane: str
    is_wide: bool

    @classmethod
    def of(
        cls, xs: tuple[float, float], scores: Sequence[float], *, top: float, width: float
    ) -> Plane:
        """From x[0] to x[1] and over the scores, with a lane where some of them need one."""
        margin = RIGHT if width == WIDE else RIGHT + 2
        frame = Frame(left=LEFT, top=top, right=width - margin, bottom=top + HEIGHT)
        low, high = limits(scores)
        return cls(
            frame=frame,
            across=Scale(low=xs[0], high=xs[1], start=frame.left, end=frame.right),
            up=frame.vertical(low, high),
            lane=_lane([score for score in scores if not score >= low]),
            is_wide=width == WIDE,
        )

    def is_off(self, dot: Dot) -> bool:
        """Whether the dot stands in a lane."""
        return not (dot.x >= self.across.low and dot.y >= self.up.low)

    def at(self, dot: Dot) -> svg.Point:
        """Where the dot stands."""
        x = self.across(dot.x) if dot.x >= self.across.low else self.frame.left
        return x, self.height(dot.y)

    def height(self, score: float) -> float:
        """Where a score stands."""
        return self.up(score) if score >= self.up.low else self.bottom - _LANE_MIDDLE

    @property
    def bottom(self) -> float:
        """Below the frame and its lane."""
        return self.frame.bottom + (LANE if self.lane else 0.0)


def _lane(off: Sequence[float]) -> str:
    if not off:
        return ""
    return "-inf" if all(score == -math.inf for score in off) else "below"


def limits(values: Sequence[float]) -> tuple[float, float]:
    """The ends of an axis for these numbers, wide enough for labels of three digits to differ.

    What is not finite, or so far below the rest that it would press it together, is not on it.
    """
    usable = sorted(v for v in values if abs(v) < _LARGEST)
    if not usable:
        return 0.0, 1.0
    top, quarter = usable[-1], usable[len(usable) // 4]
    floor = top - FAR * (top - quarter) if top > quarter else -math.inf
    low = next(v for v in usable if v >= floor)
    margin = max(0.06 * (top - low), 0.01 * max(abs(top), abs(low))) or 0.5
    return low - margin, top + margin


def grid(plane: Plane, title: str) -> str:
    """The scores' lines and labels, the lane of what is off the axis, the name above the frame."""
    frame = plane.frame
    parts = [
        linear_grid(frame, plane.up, most=6),
        svg.label(0, frame.top - 10, title, class_="tick"),
        svg.line((frame.left, frame.bottom), (frame.right, frame.bottom), class_="axis"),
    ]
    if plane.lane:
        y = plane.bottom - _LANE_MIDDLE
        parts.append(svg.line((frame.left, y), (frame.right, y), class_="lane"))
        parts.append(svg.label(frame.left - 6, y + 4, plane.lane, anchor="end", class_="tick"))
    return "".join(parts)


def bottom_labels(plane: Plane, name: str, *, is_whole: bool) -> str:
    """Numbers below the plane, whole ones alone where asked for, and what they are."""
    across, y = plane.across, plane.bottom
    ticks = linear_ticks(across.low, across.high, most=9 if plane.is_wide else 4)
    parts = [
        svg.label(across(tick), y + 17, number(tick), anchor="middle", class_="tick")
        for tick in ticks
        if not is_whole or tick == int(tick)
    ]
    middle = (plane.frame.left + plane.frame.right) / 2
    return "".join(parts) + svg.label(middle, y + 35, name, anchor="middle")


BOTTOM = 42.0
"""Pixels that `bottom_labels` takes."""


def dots(plane: Plane, found: Sequence[Dot]) -> str:
    """Circles for patterns, diamonds for baselines, crosses in a lane; each with its hint."""
    own = [plane.at(d) for d in found if not d.baseline and not plane.is_off(d)]
    named = [plane.at(d) for d in found if d.baseline and not plane.is_off(d)]
    off = [plane.at(d) for d in found if plane.is_off(d)]
    parts = [
        svg.path(svg.circles(own, radius=3.4), class_="dot"),
        svg.path(svg.diamonds(named, radius=5.0), class_="dot baseline"),
        svg.path(svg.crosses(off, radius=3.0), class_="stray"),
    ]
    if plane.is_wide:
        parts.append(svg.element("g", "".join(_hints(plane, found)), class_="hover"))
    return "".join(parts)


def _hints(plane: Plane, found: Sequence[Dot]) -> Iterator[str]:
    for dot in found:
        x, y = plane.at(dot)
        hint = svg.element("title", str(escape(dot.hint)))
        yield svg.element("rect", hint, x=x - 6, y=y - 6, width=12.0, height=12.0)


def legend(items: Sequence[tuple[str, str]], *, width: float) -> tuple[str, float]:
    """Samples with their names in rows, and the rows' height; kinds are dot, share or a line's."""
    parts: list[str] = []
    x, y = 0.0, 11.0
    for kind, name in items:
        needed = 34 + len(name) * svg.LETTER_WIDTH + 18
        if x and x + needed > width:
            x, y = 0.0, y + 20.0
        parts += [_sample(kind, x + 14, y - 4), svg.label(x + 34, y, name)]
        x += needed
    return "".join(parts), y


def _sample(kind: str, x: float, y: float) -> str:
    if kind == "dot":
        return svg.path(svg.circles([(x, y)], radius=3.4), class_="dot")
    if kind == "baseline":
        return svg.path(svg.diamonds([(x, y)], radius=5.0), class_="dot baseline")
    if kind == "share":
        return svg.rectangle(x - 6, y - 5, x + 6, y + 5, class_="share")
    return svg.path(svg.polyline([(x - 13, y), (x + 13, y)]), class_=kind)


def picture(plane: Plane, parts: Sequence[str], *, label: str, width: float) -> str:
    """The whole picture of a plane."""
    return svg.picture(
        "".join(parts),
        width=width,
        height=plane.bottom + BOTTOM,
        label=label,
        class_="wide" if width == WIDE else "narrow",
    )
