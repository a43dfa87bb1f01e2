"""The reliability diagram as one SVG file that stands alone."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.trainability.scores import Bin

from plusone.report import svg
from plusone.report.axes import Frame, Scale, linear_ticks
from plusone.report.numerals import number

WIDTH, HEIGHT = 420.0, 400.0
FRAME = Frame(left=56.0, top=40.0, right=WIDTH - 24.0, bottom=HEIGHT - 48.0)
STYLE = """
.reliability { color-scheme: light dark; font: 12px system-ui, sans-serif; }
.reliability .paper { fill: light-dark(#ffffff, #14171a); }
.reliability text { fill: light-dark(#1d2126, #e4e7ea); }
.reliability .axis { stroke: light-dark(#8a929b, #6d757e); }
.reliability .ideal { stroke: light-dark(#8a929b, #6d757e); stroke-dasharray: 4 4; }
.reliability .found { stroke: light-dark(#1f6feb, #6ea8fe); stroke-width: 1.4; fill: none; }
.reliability .error { stroke: light-dark(#1f6feb, #6ea8fe); }
.reliability circle { fill: light-dark(#1f6feb, #6ea8fe); }
"""


def plot(bins: Sequence[Bin]) -> str:
    """Share that trains against mean probability, with two standard errors of a share."""
    across = Scale(low=0.0, high=1.0, start=FRAME.left, end=FRAME.right)
    up = FRAME.vertical(0.0, 1.0)
    parts = [
        svg.rectangle(0, 0, WIDTH, HEIGHT, class_="paper"),
        svg.label(16, 22, "Share that trains, nets of held-out families"),
        svg.line((FRAME.left, FRAME.bottom), (FRAME.right, FRAME.bottom), class_="axis"),
        svg.line((FRAME.left, FRAME.top), (FRAME.left, FRAME.bottom), class_="axis"),
        svg.line((across(0), up(0)), (across(1), up(1)), class_="ideal"),
    ]
    for tick in linear_ticks(0.0, 1.0):
        parts.append(svg.label(across(tick), FRAME.bottom + 16, number(tick), anchor="middle"))
        parts.append(svg.label(FRAME.left - 6, up(tick) + 4, number(tick), anchor="end"))
    middle = (FRAME.left + FRAME.right) / 2
    parts.append(svg.label(middle, FRAME.bottom + 36, "mean probability", anchor="middle"))
    points = [(across(b.predicted), up(b.observed)) for b in bins]
    parts.append(svg.path(svg.polyline(points), class_="found"))
    for b, (x, y) in zip(bins, points, strict=True):
        # Of a share that is 0 or 1 the error is that of one net more or less (Wilson's centre).
        centre = (b.observed * b.count + 2) / (b.count + 4)
        error = 2 * (centre * (1 - centre) / (b.count + 4)) ** 0.5
        parts.append(svg.line((x, up(centre - error)), (x, up(centre + error)), class_="error"))
        parts.append(svg.element("circle", cx=x, cy=y, r=3.5))
    return svg.standalone(
        "".join(parts),
        STYLE,
        width=WIDTH,
        height=HEIGHT,
        label="Reliability diagram",
        class_="reliability",
    )
